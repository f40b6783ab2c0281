/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames that go back to where they came from, and sums over what is in them. For packets that the program itself makes: nothing of it
 * stands on the way of a flow's packet.
 */
#pragma once

#include "checksum.h"
#include "parse/ethernet.h"

/* The largest ICMP message: an IPv6 packet of 1280 bytes without its header (RFC 4443, section 2.4 c). */
#define FRAME_SUM_BYTES 1240
#define FRAME_SUM_OFFSET 1024

/*
 * The sum of `length` bytes at `offset`, folded; -1 when the frame does not hold them, or they are more than FRAME_SUM_BYTES.
 * A global function: its loop is verified once.
 */
FL_GLOBAL int frame_sum(fl_ctx *ctx, __u32 offset, __u32 length)
{
	const void *end = fl_data_end(ctx);
	const __u32 *word;
	const __u16 *half;
	__u64 sum = 0;
	__u32 i;

	if (offset > FRAME_SUM_OFFSET || length > FRAME_SUM_BYTES)
		return -1;
	word = fl_data(ctx) + offset;
	for (i = 0; i < FRAME_SUM_BYTES / 4; i++) {
		if (length < 4)
			break;
		barrier_var(word); /* else the loop counts from the frame's end, with which nobody may reckon */
		if ((void *)(word + 1) > end)
			return -1;
		sum += *word++;
		length -= 4;
	}
	half = (void *)word;
	if (length & 2) {
		if ((void *)(half + 1) > end)
			return -1;
		sum += *half++;
	}
	if (length & 1) { /* its other half is 0, and CPUs are little-endian */
		if ((void *)half + 1 > end)
			return -1;
		sum += *(const __u8 *)half;
	}
	return checksum_fold(sum);
}

/* To whom the frame came from, from whom it came to. */
static __always_inline void mac_swap(struct ethhdr *eth)
{
	__u16 *words = (__u16 *)eth;
	__u32 i;

#pragma unroll
	for (i = 0; i < ETH_ALEN / 2; i++) {
		__u16 word = words[i];

		words[i] = words[i + ETH_ALEN / 2];
		words[i + ETH_ALEN / 2] = word;
	}
}

/*
 * Writes an Ethernet header with the tags and the type of the one that stands `distance` bytes further back, from its receiver to its sender.
 * Returns what is to be behind it, or NULL.
 */
static __always_inline void *frame_turn(void *data, const void *end, __u32 tags, __u32 distance)
{
	const struct ethhdr *old = data + distance;
	struct ethhdr *eth = data;
	__be32 *to = (void *)(eth + 1);
	const __be32 *from = (void *)(old + 1);

	if ((void *)from + VLAN_MAX_TAGS * VLAN_TAG_BYTES > end)
		return 0;
	mac_copy(eth->h_dest, old->h_source);
	mac_copy(eth->h_source, old->h_dest);
	eth->h_proto = old->h_proto;
	if (tags >= 1)
		*to++ = *from++;
	if (tags >= 2)
		*to++ = *from++;
	return to;
}
