/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What both decapsulators share: maps, counters, the choice for packets that are not decapsulated.
 * The hooks (decap_tc.c, decap_xdp.c) give it the frame; what is special to an address family stands in decap_ipv4.h.
 * Invariant: a frame is changed only when its outer destination is an address of this host (map addresses), its inner
 * destination is a VIP (map vips), and every length, flag and checksum on the way agrees. Every other frame passes
 * untouched, or is dropped when it is a tunnel packet for this host and config.other says so. Each frame is counted once.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/*
 * How a frame can leave. Up to DECAP_TRUNCATED the frame passes in any case: it is not ours to judge.
 * After it come tunnel packets that are addressed to this host and cannot be decapsulated: config.other decides.
 */
#define DECAP_REASONS(X)                                                                  \
	X(DECAPSULATED, decapsulated)       /* outer header taken off, passed on */            \
	X(NOT_IP, not_ip)                   /* no IPv4 frame */                                 \
	X(NOT_TUNNEL, not_tunnel)           /* IPv4, but not protocol 4 (IP in IP) */           \
	X(NOT_LOCAL, not_local)             /* tunnel packet for another host */                \
	X(TRUNCATED, truncated)             /* the frame ends inside the outer header */        \
	X(OUTER_MALFORMED, outer_malformed) /* header length or total length impossible */      \
	X(OUTER_OPTIONS, outer_options)     /* outer header longer than 20 bytes */             \
	X(OUTER_FRAGMENT, outer_fragment)   /* part of an outer packet */                       \
	X(OUTER_CHECKSUM, outer_checksum)   /* outer header checksum is wrong */                \
	X(INNER_TRUNCATED, inner_truncated) /* no room for an inner header */                   \
	X(INNER_MALFORMED, inner_malformed) /* no IPv4 inside, or lengths impossible */         \
	X(INNER_NOT_VIP, inner_not_vip)     /* inner destination is no VIP of this host */      \
	X(INNER_TTL, inner_ttl)             /* inner time to live is 0 (RFC 2003, 3.1) */       \
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

/* What is to be done with a frame: take `outer_bytes` off behind the Ethernet header when reason is DECAP_DECAPSULATED. */
struct decap_ruling {
	enum decap_reason reason;
	__u32 outer_bytes;
};

static __always_inline struct decap_ruling decap_refuse(enum decap_reason reason)
{
	struct decap_ruling ruling = { .reason = reason, .outer_bytes = 0 };

	return ruling;
}

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
	setting = bpf_map_lookup_elem(&config, &zero);
	return setting && setting->other == DECAP_OTHER_DROP;
}

#include "decap_ipv4.h"

/*
 * Judges one Ethernet frame. `length`: bytes of the whole frame, of which data..data_end can be read.
 * May change the inner header's ECN field; takes nothing off itself. A second family is one more case here.
 */
static __always_inline struct decap_ruling decap_judge(void *data, void *data_end, __u32 length)
{
	const struct ethhdr *ethernet = data;

	if ((void *)(ethernet + 1) > data_end)
		return decap_refuse(DECAP_NOT_IP);
	switch (ethernet->h_proto) {
	case bpf_htons(ETH_P_IP):
		return decap_judge_ipv4(data + ETH_HLEN, data_end, length - ETH_HLEN);
	default:
		return decap_refuse(DECAP_NOT_IP);
	}
}
