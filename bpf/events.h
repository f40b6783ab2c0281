/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events: what single packets were and became, through a ring buffer to whoever watches (agent: monitor, capture).
 * Off, they cost a packet one load and a branch that is always the same. On, the packet is noted as it came in
 * (event_begin), and when its verdict is known it becomes an event if the filter wants it (event_end).
 * A ring that is full and a rate that is exceeded lose events, never packets; both are counted.
 */
#pragma once

#include "event-note.h"

#ifndef FL_EVENTS_BYTES
#define FL_EVENTS_BYTES (1 << 20) /* a power of 2 */
#endif

struct {
	__uint(type, FL_MAP_RINGBUF);
	__uint(max_entries, FL_EVENTS_BYTES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} events SEC(".maps");

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_event_filter);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} event_filter SEC(".maps");

/* The event of the packet that this CPU works on: too big for the stack. */
struct {
	__uint(type, FL_MAP_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_event);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} event_scratch SEC(".maps");

struct {
	__uint(type, FL_MAP_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_event_count);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} event_count SEC(".maps");

static __always_inline struct fl_event_filter *event_filter_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&event_filter, &zero);
}

static __always_inline int address_matches(const struct fl_event_filter *filter, const __u32 *address)
{
	__u32 differs = 0;
	int i;

	for (i = 0; i < 4; i++)
		differs |= (address[i] & filter->mask[i]) ^ filter->address[i];
	return !differs;
}

/*
 * Before a packet is handled: notes it as it came in.
 * Global, as event_end is: the verifier looks at it once, not on every way through the program.
 */
FL_GLOBAL int event_begin(fl_ctx *ctx)
{
	struct fl_event_filter *filter = event_filter_get();
	__u32 zero = 0;
	struct fl_event *event = bpf_map_lookup_elem(&event_scratch, &zero);
	void *data = fl_data(ctx);
	void *end = fl_data_end(ctx);

	if (!filter || !event)
		return 0;
	event->watch = 0; /* nothing is noted */
	event_parse(event, data, end);
	if (filter->family &&
	    (filter->family != event->family || (!address_matches(filter, event->saddr) && !address_matches(filter, event->daddr))))
		return 0;
	event->ifindex = ctx->ingress_ifindex;
	event->packet_bytes = fl_bytes(ctx);
	event->captured = event_copy(event, ctx, filter->snap);
	event->watch = filter->watch;
	return 0;
}

/* What the packet is to the watcher, 0: nothing. */
static __always_inline __u8 event_kind(const struct fl_event_filter *filter, int verdict, int began)
{
	if (verdict == FL_DROP && (filter->kinds & FL_EVENT_BIT(FL_EVENT_DROP)))
		return FL_EVENT_DROP;
	if (began && (filter->kinds & FL_EVENT_BIT(FL_EVENT_NEW_FLOW)))
		return FL_EVENT_NEW_FLOW;
	return filter->kinds & FL_EVENT_BIT(FL_EVENT_SAMPLE) ? FL_EVENT_SAMPLE : 0;
}

/* Whether it is this packet's turn to be a sample. */
static __always_inline int event_sampled(const struct fl_event_filter *filter, struct fl_event_count *count)
{
	if (++count->since_sample < filter->sample)
		return 0;
	count->since_sample = 0;
	return 1;
}

/* Whether one more event keeps to the rate on this CPU. */
static __always_inline int event_allowed(const struct fl_event_filter *filter, struct fl_event_count *count, __u64 time)
{
	if (!filter->rate)
		return 1;
	if (time - count->began >= 1000000000) {
		count->began = time;
		count->sent = 0;
	}
	if (count->sent >= filter->rate) {
		count->limited++;
		return 0;
	}
	count->sent++;
	return 1;
}

static __always_inline __u8 event_verdict(int verdict)
{
	if (verdict == FL_PASS)
		return FL_VERDICT_PASS;
	if (verdict == FL_DROP)
		return FL_VERDICT_DROP;
	return verdict == FL_TX ? FL_VERDICT_TX : FL_VERDICT_REDIRECT;
}

/* After a packet was handled: `result` is what finish() gave. The cheap questions come first. */
FL_GLOBAL int event_end(int result)
{
	const struct fl_event_filter *filter = event_filter_get();
	__u32 zero = 0;
	struct fl_event *event = bpf_map_lookup_elem(&event_scratch, &zero);
	struct fl_event_count *count = bpf_map_lookup_elem(&event_count, &zero);
	__u32 captured;

	if (!filter || !event || !count || event->watch != filter->watch)
		return 0;
	event->kind = event_kind(filter, result_verdict(result), result & FL_RESULT_BEGAN);
	event->reason = result_reason(result);
	if (!event->kind || (filter->reason != FL_EVENT_ANY_REASON && filter->reason != event->reason))
		return 0;
	event->service_id = 0;
	event->backend_id = FL_EVENT_NO_BACKEND;
	if (event->family == 4)
		event_owner_v4(event);
	else if (event->family == 6)
		event_owner_v6(event);
	if (filter->service_id && filter->service_id != event->service_id)
		return 0;
	if (count->watch != filter->watch) {
		count->watch = filter->watch;
		count->began = 0;
		count->since_sample = 0;
	}
	if (event->kind == FL_EVENT_SAMPLE && !event_sampled(filter, count))
		return 0;
	event->time = fl_nanoseconds();
	if (!event_allowed(filter, count, event->time))
		return 0;
	event->verdict = event_verdict(result_verdict(result));
	captured = event->captured;
	barrier_var(captured); /* one load: the bound must hold for the value that is used */
	if (captured > FL_EVENT_BYTES)
		return 0;
	if (bpf_ringbuf_output(&events, event, offsetof(struct fl_event, packet) + captured, 0))
		count->lost++;
	event->watch = 0;
	return 0;
}
