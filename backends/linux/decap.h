/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the decapsulators share: maps, counters, the judgement of a frame, the choice for those that are not decapsulated.
 * The hooks (decap_tc.c, decap_xdp.c, ../windows/decap_xdp.c) include their system's names before it and give it the frame; how a header of either family is read stands in decap_ipv4.h
 * and decap_ipv6.h. Taken: IPv4 in IPv4 (RFC 2003), IPv4 in IPv6 and IPv6 in IPv6 (RFC 2473).
 * Invariant: a frame is changed only when its outer destination is an address of this host (map addresses), its inner
 * destination is a VIP (map vips), and every length, flag and checksum on the way agrees. Every other frame passes
 * untouched, or is dropped when it is a tunnel packet for this host and config.other says so. Each frame is counted once.
 */
#pragma once

/*
 * How a frame can leave. Up to DECAP_TRUNCATED the frame passes in any case: it is not ours to judge.
 * Up to DECAP_INNER_TTL: tunnel packets to this host that must not be decapsulated; config.other decides.
 * From DECAP_ECN_LOST on: packets of ours that are lost in any case.
 */
#define DECAP_REASONS(X)                                                                  \
	X(DECAPSULATED, decapsulated)       /* outer header taken off, passed on */            \
	X(NOT_IP, not_ip)                   /* neither an IPv4 nor an IPv6 frame */            \
	X(NOT_TUNNEL, not_tunnel)           /* IP, but no tunnel that is taken here */         \
	X(NOT_LOCAL, not_local)             /* tunnel packet for another host */               \
	X(TRUNCATED, truncated)             /* the frame ends inside the outer header */       \
	X(OUTER_MALFORMED, outer_malformed) /* header length or total length impossible */     \
	X(OUTER_OPTIONS, outer_options)     /* outer IPv4 options or IPv6 extension headers */ \
	X(OUTER_FRAGMENT, outer_fragment)   /* part of an outer packet */                      \
	X(OUTER_CHECKSUM, outer_checksum)   /* outer IPv4 header checksum is wrong */          \
	X(INNER_TRUNCATED, inner_truncated) /* no room for an inner header */                  \
	X(INNER_MALFORMED, inner_malformed) /* not the family announced, or lengths impossible */ \
	X(INNER_NOT_VIP, inner_not_vip)     /* inner destination is no VIP of this host */     \
	X(INNER_TTL, inner_ttl)             /* inner time to live or hop limit is 0 */         \
	X(ECN_LOST, ecn_lost)               /* congestion marked, inner cannot carry it (RFC 6040) */ \
	X(KERNEL_REFUSED, kernel_refused)   /* the kernel did not take the header off */

enum decap_reason {
#define DECAP_ENUM(upper, lower) DECAP_##upper,
	DECAP_REASONS(DECAP_ENUM)
#undef DECAP_ENUM
	DECAP_REASON_COUNT
};

struct decap_counter {
	__u64 packets;
	__u64 bytes; /* whole frames as received, without the outer header's removal */
};

/* One named member for each reason, so that `bpftool map dump` says what it counts. Host order. */
struct decap_counters {
#define DECAP_MEMBER(upper, lower) struct decap_counter lower;
	DECAP_REASONS(DECAP_MEMBER)
#undef DECAP_MEMBER
};

/* Both families in one key: IPv6 as it is, IPv4 as an IPv4-mapped address ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). Network order. */
struct decap_address {
	__u8 byte[16];
};

enum decap_other {
	DECAP_OTHER_PASS = 0,
	DECAP_OTHER_DROP = 1,
};

struct decap_config {
	__u32 other; /* enum decap_other */
};

/* Inner destinations that are taken. The value has no meaning. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct decap_address);
	__type(value, __u32);
	__uint(max_entries, 1024);
} vips SEC(".maps");

/* Outer destinations that are this host. The value has no meaning. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct decap_address);
	__type(value, __u32);
	__uint(max_entries, 1024);
} addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct decap_config);
	__uint(max_entries, 1);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct decap_counters);
	__uint(max_entries, 1);
} counters SEC(".maps");

/* What is to be done with a frame. The rest has a meaning when reason is DECAP_DECAPSULATED. */
struct decap_ruling {
	enum decap_reason reason;
	__u32 outer_bytes; /* to be taken off behind the Ethernet header */
	__be16 type;	   /* EtherType of the inner packet */
	__u8 ecn;	   /* ECN field that the inner packet is to have */
};

/* Counts one frame of `bytes`. */
static __always_inline void decap_count(enum decap_reason reason, __u32 bytes)
{
	__u32 zero = 0;
	struct decap_counter *counter = bpf_map_lookup_elem(&counters, &zero);

	if (!counter || reason >= DECAP_REASON_COUNT)
		return;
	counter += reason;
	counter->packets += 1;
	counter->bytes += bytes;
}

/* Whether a frame that leaves for `reason` is to be dropped. */
static __always_inline int decap_is_dropped(enum decap_reason reason)
{
	__u32 zero = 0;
	const struct decap_config *setting;

	if (reason <= DECAP_TRUNCATED)
		return 0;
	if (reason >= DECAP_ECN_LOST)
		return 1;
	setting = bpf_map_lookup_elem(&config, &zero);
	return setting && setting->other == DECAP_OTHER_DROP;
}

#include "decap_packet.h"
#include "decap_ipv4.h"
#include "decap_ipv6.h"

/*
 * Judges one Ethernet frame; changes nothing. `length`: bytes of the whole frame, of which data..data_end can be read.
 * An outer header of either family, then an inner one of either: each is read by its family's function, once.
 */
static __always_inline struct decap_ruling decap_judge(const void *data, const void *data_end, __u32 length)
{
	struct decap_ruling ruling = { .reason = DECAP_NOT_IP };
	const struct ethhdr *ethernet = data;
	const void *ip = ethernet + 1;
	struct decap_outer outer = {};
	struct decap_inner inner = {};

	if (ip > data_end)
		return ruling;
	length -= sizeof(*ethernet);
	switch (ethernet->h_proto) {
	case bpf_htons(ETH_P_IP):
		ruling.reason = decap_read_outer_v4(ip, data_end, length, &outer);
		break;
	case bpf_htons(ETH_P_IPV6):
		ruling.reason = decap_read_outer_v6(ip, data_end, length, &outer);
		break;
	}
	if (ruling.reason != DECAP_DECAPSULATED)
		return ruling;

	if (outer.inner_type == bpf_htons(ETH_P_IP))
		ruling.reason = decap_read_inner_v4(ip + outer.bytes, data_end, outer.room, &inner);
	else
		ruling.reason = decap_read_inner_v6(ip + outer.bytes, data_end, outer.room, &inner);
	if (ruling.reason != DECAP_DECAPSULATED)
		return ruling;

	if (!bpf_map_lookup_elem(&vips, &inner.destination))
		ruling.reason = DECAP_INNER_NOT_VIP;
	else if (inner.ttl == 0)
		ruling.reason = DECAP_INNER_TTL;
	else if (outer.ecn == DECAP_ECN_CE && inner.ecn == DECAP_ECN_NOT_ECT)
		ruling.reason = DECAP_ECN_LOST;
	ruling.outer_bytes = outer.bytes;
	ruling.type = outer.inner_type;
	ruling.ecn = decap_merge_ecn(outer.ecn, inner.ecn);
	return ruling;
}
