/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a header of either family says, and the ECN field that both have. Included by decap.h alone.
 * decap_ipv4.h and decap_ipv6.h fill these structures, decap.h decides from them.
 * Invariant: the functions here do not know which packet is the outer one; lengths are in bytes, host order.
 */
#pragma once

/* ECN field (RFC 3168, 5). */
#define DECAP_ECN_MASK 3
#define DECAP_ECN_NOT_ECT 0
#define DECAP_ECN_ECT_1 1
#define DECAP_ECN_ECT_0 2
#define DECAP_ECN_CE 3

/* An outer packet that may be taken off. */
struct decap_outer {
	__u32 bytes;	   /* its headers */
	__u32 room;	   /* what it holds behind them: the inner packet has to fit */
	__be16 inner_type; /* EtherType of what it says to hold */
	__u8 ecn;
};

struct decap_inner {
	struct decap_address destination;
	__u8 ttl; /* time to live or hop limit */
	__u8 ecn;
};

/* The ECN field of a packet after decapsulation (RFC 6040, figure 4). Outer CE over inner Not-ECT is lost before. */
static __always_inline __u8 decap_merge_ecn(__u8 outer, __u8 inner)
{
	if (inner == DECAP_ECN_NOT_ECT)
		return inner;
	if (outer == DECAP_ECN_CE || (outer == DECAP_ECN_ECT_1 && inner == DECAP_ECN_ECT_0))
		return outer;
	return inner;
}

/*
 * Finishes a frame whose outer header is off: its EtherType, and the inner ECN field, with the checksum of an IPv4 header
 * (RFC 1624, eq. 3). Returns what the one's complement sum over the packet grew by, 0 when nothing but for IPv6.
 * The ECN field ends the first 16 bits of an IPv4 header, in an IPv6 header 4 bits of the flow label come after it.
 */
static __always_inline __u32 decap_finish(void *data, const void *data_end, __be16 type, __u8 ecn)
{
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1); /* IPv6: its first 16 bits alone are touched */
	__u32 shift = type == bpf_htons(ETH_P_IPV6) ? 4 : 0;
	__u16 before, after;
	__u32 change, sum;

	if ((const void *)(ip + 1) > data_end)
		return 0;
	ethernet->h_proto = type;
	before = bpf_ntohs(*(__be16 *)ip);
	after = (before & ~(DECAP_ECN_MASK << shift)) | ecn << shift;
	if (before == after)
		return 0;
	*(__be16 *)ip = bpf_htons(after);
	if (shift)
		return (__u16)~bpf_htons(before) + (__u32)bpf_htons(after);
	change = (__u16)~before + (__u32)after;
	sum = (__u16)~bpf_ntohs(ip->check) + change;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = bpf_htons((__u16)~sum);
	return 0;
}
