/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a TCP segment's flags tell of its connection.
 */
#pragma once

#include "../layout.h"

/* RFC 9293, section 3.1: the octet with the header's length in words, and the one with CWR ECE URG ACK PSH RST SYN FIN. */
#define TCP_DATA_OFFSET_OFFSET 12
#define TCP_FLAGS_OFFSET 13
#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN_BIT 0x02
#define TCP_FLAG_RST_BIT 0x04
#define TCP_FLAG_ACK_BIT 0x10

/* The first segment of a connection: SYN without ACK. */
static __always_inline int tcp_opens(__u8 flags)
{
	return (flags & (TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT | TCP_FLAG_RST_BIT)) == TCP_FLAG_SYN_BIT;
}

/* enum fl_tcp_seen of one segment. */
static __always_inline __u8 tcp_seen_of(__u8 flags)
{
	__u8 seen = tcp_opens(flags) ? FL_SEEN_SYN : FL_SEEN_OTHER;

	if (flags & TCP_FLAG_FIN)
		seen |= FL_SEEN_FIN;
	if (flags & TCP_FLAG_RST_BIT)
		seen |= FL_SEEN_RST;
	return seen;
}
