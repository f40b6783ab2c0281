/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What services and backends are counted by. Counters of a backend are at its id, whichever family it has; the agent sets them to 0 before the
 * slot gets another backend, and adds them to the service's past when its backend leaves. A packet pays one look into an array.
 */
#pragma once

#include "config.h"
#include "finish.h"

struct {
	__uint(type, FL_MAP_PERCPU_ARRAY);
	__uint(max_entries, FL_MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct fl_backend_stats);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} backend_stats SEC(".maps");

/* What a service's former backends counted. The agent alone uses it; it stands here so that it lives as long as the other counters. */
struct {
	__uint(type, FL_MAP_HASH);
	__uint(max_entries, FL_MAX_SERVICES);
	__uint(map_flags, FL_MAP_GROWING);
	__type(key, __u32);
	__type(value, struct fl_backend_stats);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} service_past SEC(".maps");

/* The agent makes and deletes the entries, with the services. */
struct {
	__uint(type, FL_MAP_PERCPU_HASH);
	__uint(max_entries, FL_MAX_SERVICES);
	__uint(map_flags, FL_MAP_GROWING);
	__type(key, __u32);
	__type(value, struct fl_refusals);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} service_refused SEC(".maps");

/* Could fl_send() not send the packet where it is to go? */
static __always_inline int is_unsendable(int verdict)
{
	return !FL_HAS_REDIRECT && verdict == FL_DROP;
}

/* finish() of a packet that goes to this backend. Ids are handed over where they stand, in an entry: the stack has no room to spare. */
static __always_inline int finish_to_backend(int verdict, enum fl_reason reason, __u32 bytes, const __u32 *backend_id)
{
	struct fl_backend_stats *stats;

	if (is_unsendable(verdict))
		return finish(verdict, FL_REASON_OTHER_DEVICE, bytes);
	stats = bpf_map_lookup_elem(&backend_stats, backend_id);
	if (stats) {
		stats->packets++;
		stats->bytes += bytes;
	}
	return finish(verdict, reason, bytes);
}

/* finish() of a packet that goes to a client of this backend. */
static __always_inline int finish_to_client(int verdict, enum fl_reason reason, __u32 bytes, __u32 backend_id)
{
	__u32 key = backend_id;
	struct fl_backend_stats *stats;

	if (is_unsendable(verdict))
		return finish_with(&key, verdict, FL_REASON_OTHER_DEVICE, bytes);
	stats = bpf_map_lookup_elem(&backend_stats, &key);
	if (stats) {
		stats->reply_packets++;
		stats->reply_bytes += bytes;
	}
	return finish_with(&key, verdict, reason, bytes);
}

/* A flow to this backend has got its entry. */
static __always_inline void new_flow_count(const __u32 *backend_id)
{
	struct fl_backend_stats *stats = bpf_map_lookup_elem(&backend_stats, backend_id);

	if (stats)
		stats->new_flows++;
}

/* The service has refused to begin a flow. A global function: the verifier follows it once, by its prototype alone. */
FL_GLOBAL int refusal_count(__u32 service_id, __u32 reason)
{
	struct fl_refusals *refused = bpf_map_lookup_elem(&service_refused, &service_id);

	if (!refused)
		return 0;
	switch (reason) {
	case FL_REASON_SOURCE_DENIED:
		refused->source_denied++;
		break;
	case FL_REASON_NO_BACKEND:
		refused->no_backend++;
		break;
	case FL_REASON_UNRESOLVED:
		refused->unresolved++;
		break;
	case FL_REASON_SNAT_PORTS:
		refused->snat_ports++;
		break;
	case FL_REASON_NEW_FLOW_RATE:
		refused->new_flow_rate++;
		break;
	case FL_REASON_FLOW_TABLE:
		refused->flow_table++;
		break;
	}
	return 0;
}
