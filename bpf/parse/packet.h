/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What parsing found in a packet, apart from its tuple: facts, which are numbers, and pointers, which hold until the frame's head moves.
 * Only facts can go to a global function: the verifier follows those by their prototype alone, where a pointer into a packet has no bounds.
 */
#pragma once

struct packet_facts {
	__u32 bytes;     /* of the frame as received; of its first buffer until its IP header is read */
	__u32 ip_bytes;  /* of the IP packet by its own header; the frame may have padding behind it */
	__u32 l4_offset; /* bytes from the IP header to TCP or UDP: IPv4 options and IPv6 extension headers lie between */
	__u32 protocol;  /* IPPROTO_... of what is there */
	__be16 vlan[2];  /* tag control information of the frame's VLAN tags, outer one first; 0 where there is none */
	__u8 link;       /* FL_LINK_TAGS_SHIFT and FL_LINK_SERVICE_TAG: how many tags, of which kind */
	__u8 tcp_flags;  /* the octet at TCP_FLAGS_OFFSET; 0 for UDP */
	__u8 hops;       /* time to live, hop limit */
	__u8 pad;
};

struct packet {
	struct ethhdr *eth;
	void *ip;
	void *l4;        /* TCP and UDP both begin with their two ports */
	__u32 later;     /* not 0: a later fragment, which has no L4 header: l4 and l4_check mean nothing. Known when compiled */
	__u32 fragment_at; /* of an IPv6 fragment: where its fragment header begins in the frame */
	__u16 *l4_check; /* a pointer of its own, so that no later step has to prove the header's length again */
	struct packet_facts facts;
};

/* The number of VLAN tags that a link has. */
static __always_inline __u32 link_tags(__u32 link)
{
	return link >> FL_LINK_TAGS_SHIFT & 3;
}
