/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A flow's life as its TCP flags tell it, and how long it may rest (docs/architecture.md, "What an entry lives through").
 * agent/datapath reads the same bits in the same way.
 */
#pragma once

#include "config.h"

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

/* Both sides have ended the connection, as far as this node can see: in DSR it sees the client's side alone. */
static __always_inline int tcp_closing(__u8 action, __u8 seen, __u8 seen_in_reply)
{
	if ((seen | seen_in_reply) & FL_SEEN_RST)
		return 1;
	if (!(seen & FL_SEEN_FIN))
		return 0;
	return action != FL_ACTION_SNAT || (seen_in_reply & FL_SEEN_FIN);
}

/* Ticks that a flow may rest before it has ended. */
static __always_inline __u32 flow_timeout(const struct fl_config *cfg, __u8 protocol, __u8 action, __u8 seen, __u8 seen_in_reply)
{
	if (protocol == IPPROTO_UDP)
		return cfg->timeout_udp;
	if (tcp_closing(action, seen, seen_in_reply))
		return cfg->timeout_closing;
	/* A SYN's answer alone establishes nothing: a flood of SYNs with forged sources gets answers too. */
	return seen & FL_SEEN_OTHER ? cfg->timeout_established : cfg->timeout_syn;
}
