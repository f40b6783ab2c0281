/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP messages, and the packet that an ICMP error quotes behind its 8 bytes (RFC 792, RFC 4443). How much is quoted is the sender's choice:
 * a header and 8 bytes at least, which hold the ports. So lengths in the quoted headers say nothing about what is there.
 */
#pragma once

#include "ethernet.h"
#include "tcp.h"

struct icmp_message {
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 rest; /* by type: an MTU, an identifier, nothing */
};

/* The 8 bytes with the checksum 0, as a little-endian word. */
#define ICMP_HEADER(type, code, rest) ((type) | (code) << 8 | (__u64)bpf_htonl(rest) << 32)

/* Type of service of ICMP errors: internetwork control (RFC 1812, section 4.3.2.5). */
#define IP_INTERNETWORK_CONTROL 0xc0

/* Bytes of TCP or UDP that a quote must have: ports, and what else stands in them. */
#define QUOTE_L4_BYTES 8

/* What a quoted IP header leads to. */
struct quote {
	__u32 header;   /* bytes from the quoted IP header to what it carries: IPv4 options and IPv6 extension headers lie between */
	__u32 protocol; /* IPPROTO_... */
};

/* The TCP or UDP checksum at `l4`, or NULL where the quote ends before it. */
static __always_inline __u16 *quote_check(void *l4, const void *end, __u32 protocol, __u32 bytes)
{
	__u32 offset = protocol == IPPROTO_TCP ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check);
	__u16 *check;

	barrier_var(offset); /* else two copies of all that follows, one for each protocol */
	check = l4 + offset;
	if (offset > offsetof(struct tcphdr, check) || bytes < offset + sizeof(*check) || (void *)(check + 1) > end)
		return 0;
	return check;
}

/* Where the IP header stands in a frame of this link. */
static __always_inline __u32 ip_offset(const struct packet_facts *facts)
{
	return sizeof(struct ethhdr) + link_tags(facts->link) * VLAN_TAG_BYTES;
}
