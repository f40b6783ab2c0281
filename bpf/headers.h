/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The headers of frames as they stand on the wire (IEEE 802.3, RFC 791, 8200, 9293, 768) and the numbers by which one names the next. Fields bear the names
 * that Linux gives them. Here, and not a platform's: what a packet looks like does not depend on who reads it, and Windows has no such headers for clang.
 * Included by bpf/platform/ for the types it needs (__u8 to __be32). CPUs are little-endian.
 */
#pragma once

#include <stddef.h>

#define ETH_ALEN 6
#define ETH_P_IP 0x0800
#define ETH_P_8021Q 0x8100
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021AD 0x88a8

#define IPPROTO_ICMP 1
#define IPPROTO_IPIP 4
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_IPV6 41
#define IPPROTO_ICMPV6 58

struct ethhdr {
	__u8 h_dest[ETH_ALEN];
	__u8 h_source[ETH_ALEN];
	__be16 h_proto; /* ETH_P_... */
} __attribute__((packed));

struct iphdr {
	__u8 ihl : 4, version : 4; /* ihl: length of the header in units of 4 bytes */
	__u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag_off; /* 0x4000: do not fragment, 0x2000: more fragments, the others: offset in units of 8 bytes */
	__u8 ttl;
	__u8 protocol; /* IPPROTO_... */
	__u16 check;
	__be32 saddr;
	__be32 daddr;
};

struct ipv6hdr {
	__u8 priority : 4, version : 4;
	__u8 flow_lbl[3];
	__be16 payload_len;
	__u8 nexthdr; /* IPPROTO_... */
	__u8 hop_limit;
	__be32 saddr[4];
	__be32 daddr[4];
};

struct tcphdr {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__be16 offset_and_flags; /* parse/tcp.h */
	__be16 window;
	__u16 check;
	__be16 urg_ptr;
};

struct udphdr {
	__be16 source;
	__be16 dest;
	__be16 len;
	__u16 check;
};
