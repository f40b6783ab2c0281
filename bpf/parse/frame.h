/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A frame's length, also where the driver hands it over in several buffers. The program reads the first one alone, so headers must lie there;
 * that the data goes on elsewhere is seen when the IP header says more than the first buffer holds, and costs other frames nothing.
 */
#pragma once

#include "packet.h"
#include "../finish.h"

/* No header that is read ends further back in a frame: Ethernet with two VLAN tags, IPv6 with the longest chain of headers, TCP. */
#define FRAME_HEADERS_BYTES (22 + 40 + 512 + 60)

/*
 * Whether the frame holds an IP packet of this length, of which the first buffer holds `limit` bytes. Where only the whole frame does,
 * facts.bytes becomes its length.
 */
static __always_inline int frame_holds(fl_ctx *ctx, struct packet *packet, __u32 ip_bytes, __u32 limit)
{
	__u32 begin = packet->facts.bytes - limit;

	if (ip_bytes <= limit)
		return 1;
	if (!FL_HAS_FRAGS)
		return 0;
	packet->facts.bytes = fl_bytes(ctx);
	return begin + ip_bytes <= packet->facts.bytes;
}

/*
 * Passes a frame that could not be read as a packet to balance. A malformed one may be one whose headers the driver has put into further
 * buffers: that is no fault of the packet, and the stack can read it. A global function: no such frame is in a hurry.
 */
FL_GLOBAL int pass_unread(fl_ctx *ctx, enum fl_reason reason)
{
	__u32 first = fl_first_bytes(ctx);
	__u32 bytes = fl_bytes(ctx);

	if (reason == FL_REASON_MALFORMED && bytes > first && first < FRAME_HEADERS_BYTES)
		reason = FL_REASON_HEADERS_SPLIT;
	return finish(FL_PASS, reason, bytes);
}
