/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * QUIC's connection ids (RFC 9000, draft-ietf-quic-load-balancers, plaintext): a server puts its id into the connection ids that it gives out,
 * so that a client whose address has changed is sent to the same backend. Looked at when a tuple's first packet comes, never later.
 * A first octet with the configuration's number in its three high bits is followed by the server id.
 */
#pragma once

#include "config.h"
#include "backends.h"
#include "parse/packet.h"
#include "parse/ethernet.h"
#include "parse/ipv6-headers.h"

struct {
	__uint(type, FL_MAP_HASH);
	__uint(max_entries, FL_MAX_BACKENDS);
	__uint(map_flags, FL_MAP_GROWING);
	__type(key, struct fl_quic_server);
	__type(value, struct fl_quic_backend);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} quic_servers SEC(".maps");

#define QUIC_LONG 0x80  /* header form */
#define QUIC_FIXED 0x40 /* in all packets of QUIC */
#define QUIC_TYPE_SHIFT 4
#define QUIC_VERSION_1 0x00000001
#define QUIC_VERSION_2 0x6b3343cf /* RFC 9369 */

/* Is it a long header whose connection id a server has chosen? In an Initial and in 0-RTT it can be the client's: those go by their tuple. */
static __always_inline int quic_is_handshake(__u8 first, __u32 version)
{
	__u32 type = first >> QUIC_TYPE_SHIFT & 3;

	return (version == QUIC_VERSION_1 && type == 2) || (version == QUIC_VERSION_2 && type == 3);
}

/*
 * The backend that the datagram's connection id names for this service, or NO_BACKEND_ID. `quic`: the service's configuration in the
 * second byte, bytes of its server ids in the first. A global function, so that its key is on no other frame than its own.
 */
FL_GLOBAL __u32 quic_backend(fl_ctx *ctx, const struct packet_facts *facts, __u32 service_id, __u32 quic)
{
	struct fl_quic_server key = {};
	const struct fl_quic_backend *found;
	const void *end = fl_data_end(ctx);
	const __u8 *payload;
	const __u8 *id;
	__u32 bytes = quic & 0xff;
	__u32 offset;

	if (!facts || !bytes || bytes > FL_QUIC_ID_BYTES)
		return NO_BACKEND_ID;
	offset = facts->l4_offset;
	if (offset > sizeof(struct ipv6hdr) + IPV6_MAX_HEADERS_BYTES || facts->ip_bytes < offset + sizeof(struct udphdr) + 2 + bytes)
		return NO_BACKEND_ID;
	offset += sizeof(struct ethhdr) + link_tags(facts->link) * VLAN_TAG_BYTES + sizeof(struct udphdr);
	payload = fl_data(ctx) + offset;
	if ((void *)(payload + 6) > end || !(payload[0] & QUIC_FIXED))
		return NO_BACKEND_ID;
	id = payload + 1;
	if (payload[0] & QUIC_LONG) {
		__u32 version = (__u32)payload[1] << 24 | (__u32)payload[2] << 16 | (__u32)payload[3] << 8 | payload[4];

		if (!quic_is_handshake(payload[0], version) || payload[5] < 1 + bytes || facts->ip_bytes < facts->l4_offset + sizeof(struct udphdr) + 7 + bytes)
			return NO_BACKEND_ID;
		id = payload + 6;
	}
	/* Behind the longest server id there is always more: packet number and authentication take 17 bytes (RFC 9001). */
	if ((void *)(id + 1 + FL_QUIC_ID_BYTES) > end || id[0] >> 5 != (quic >> 8 & 7))
		return NO_BACKEND_ID;
	key.service_id = service_id;
	key.bytes = bytes;
	*(__u64 *)key.id = *(const __u64 *)(id + 1) & ~0ULL >> (64 - 8 * bytes); /* the first bytes: the low ones of a little-endian word */
	found = bpf_map_lookup_elem(&quic_servers, &key);
	return found ? found->backend_id : NO_BACKEND_ID;
}
