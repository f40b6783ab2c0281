/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What parsing found in a packet, apart from its tuple. The pointers hold until the frame's head moves.
 */
#pragma once

#include <linux/types.h>

struct packet {
	struct ethhdr *eth;
	void *ip;
	void *l4;         /* TCP and UDP both begin with their two ports */
	__u16 *l4_check;  /* a pointer of its own, so that no later step has to prove the header's length again */
	__u32 bytes;      /* of the frame as received */
	__u32 protocol;   /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 tcp_flags;   /* the octet at TCP_FLAGS_OFFSET; 0 for UDP */
};
