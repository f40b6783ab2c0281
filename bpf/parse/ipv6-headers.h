/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPv6 extension headers (RFC 8200, section 4): hop-by-hop options, destination options, routing and fragment headers lie between
 * the IPv6 header and the upper layer. They are walked with a bound; no host sends more than a few.
 */
#pragma once

#include "packet.h"

#define IPV6_MAX_HEADERS 6
#define IPV6_MAX_HEADERS_BYTES 512
/* The furthest place in a frame where a header that is walked may begin: Ethernet with two VLAN tags and the IPv6 header come before. */
#define IPV6_WALK_END (22 + 40 + IPV6_MAX_HEADERS_BYTES)

/* Next header values (IANA), beside IPPROTO_.... */
#define IPV6_HOP_BY_HOP 0
#define IPV6_ROUTING 43
#define IPV6_FRAGMENT 44
#define IPV6_DESTINATION 60

struct ipv6_extension {
	__u8 next;
	__u8 length; /* in units of 8 bytes, the first not counted; of a fragment header: reserved */
	__be16 fragment; /* of a fragment header: offset in units of 8 bytes in the high 13 bits, 1: more fragments follow;
			    of a routing header: type, and segments left */
	__be32 id;
};

static __always_inline int ipv6_is_extension(__u32 next)
{
	return next == IPV6_HOP_BY_HOP || next == IPV6_ROUTING || next == IPV6_FRAGMENT || next == IPV6_DESTINATION;
}

/* What the walk found. */
struct ipv6_upper {
	__u32 offset;   /* of the upper layer, bytes from the frame's beginning */
	__u32 protocol; /* IPPROTO_... */
	__u32 fragment; /* of the fragment header that says that this is not the whole packet, bytes from the frame's beginning; 0: there is none */
};

/*
 * Walks from the header `next` at `offset` in the frame; the IP packet ends at `packet_end`. Returns 0; -1: malformed; -2: more headers than
 * the bound, or such as lead the packet elsewhere first. Behind the fragment header of a later fragment there are no headers to walk: it is
 * found as if its next header were the upper layer.
 */
FL_LOCAL int ipv6_walk(const fl_ctx *ctx, __u32 offset, __u32 packet_end, __u32 next, struct ipv6_upper *upper)
{
	const void *data = fl_data(ctx);
	const void *end = fl_data_end(ctx);
	__u32 limit = offset + IPV6_MAX_HEADERS_BYTES;
	__u32 later = 0;
	__u32 i;

	for (i = 0; i < IPV6_MAX_HEADERS; i++) {
		const struct ipv6_extension *header;

		if (offset + sizeof(*header) > packet_end) /* padding behind the packet is no header */
			return -1;
		if (offset > IPV6_WALK_END || offset > limit)
			return -2;
		header = data + offset;
		if ((void *)(header + 1) > end || (next == IPV6_HOP_BY_HOP && i > 0)) /* hop-by-hop options stand first or nowhere */
			return -1;
		if (next == IPV6_FRAGMENT) {
			if (header->fragment & bpf_htons(0xfff9)) { /* an atomic fragment (RFC 6946) is a whole packet */
				if (upper->fragment)
					return -2;
				upper->fragment = offset;
				later = header->fragment & bpf_htons(0xfff8);
			}
			offset += sizeof(*header);
		} else {
			if (next == IPV6_ROUTING && header->fragment & bpf_htons(0x00ff))
				return -2; /* another node's address is to come into the destination: not this packet's end */
			offset += (header->length + 1) * 8;
		}
		next = header->next;
		if (!ipv6_is_extension(next) || later) {
			upper->offset = offset;
			upper->protocol = next;
			return offset > packet_end ? -1 : offset > limit ? -2 : 0;
		}
	}
	return -2;
}
