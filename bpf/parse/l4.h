/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP and UDP headers behind an IP header of either family: every length is checked here, once (RFC 9293, RFC 768).
 */
#pragma once

#include "packet.h"
#include "tcp.h"

/* Checks the header at packet->l4, of which the IP packet holds `length` bytes. False: malformed. `unchecked`: UDP may have no checksum. */
static __always_inline int l4_parse(struct packet *packet, const void *end, __u32 length, int unchecked)
{
	struct udphdr *l4 = packet->l4;

	if ((void *)(l4 + 1) > end || length < sizeof(*l4))
		return 0;
	if (packet->facts.protocol == IPPROTO_TCP) {
		__u32 header;

		if ((void *)l4 + sizeof(struct tcphdr) > end)
			return 0;
		header = (((__u8 *)l4)[TCP_DATA_OFFSET_OFFSET] >> 4) * 4;
		if (header < sizeof(struct tcphdr) || length < header)
			return 0;
		packet->l4_check = (void *)l4 + offsetof(struct tcphdr, check);
		packet->facts.tcp_flags = ((__u8 *)l4)[TCP_FLAGS_OFFSET];
	} else {
		__u32 datagram = bpf_ntohs(l4->len);

		if (datagram < sizeof(*l4) || datagram > length || (!unchecked && !l4->check))
			return 0;
		packet->l4_check = &l4->check;
	}
	return 1;
}
