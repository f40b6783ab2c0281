/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ethernet frames: MAC addresses, and up to two VLAN tags (IEEE 802.1Q, 802.1ad) in front of the IP header.
 * MAC addresses are copied as a word and a half word: six single bytes would cost six loads and stores.
 */
#pragma once

#include "packet.h"

#define VLAN_TAG_BYTES 4
#define VLAN_MAX_TAGS 2

struct vlan_tag {
	__be16 tci;
	__be16 type; /* ethertype of what follows */
};

static __always_inline void mac_copy(__u8 *to, const __u8 *from)
{
	*(__u32 *)to = *(const __u32 *)from;
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

/* The same where one side is on the program's stack: there the verifier wants every access aligned to its size. */
static __always_inline void mac_copy_aligned(__u8 *to, const __u8 *from)
{
	__u16 *words = (__u16 *)to;
	const __u16 *source = (const __u16 *)from;

	words[0] = source[0];
	words[1] = source[1];
	words[2] = source[2];
}

static __always_inline int is_vlan(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/*
 * Reads the tags of packet->eth, of which the caller has checked the header's length. Returns the ethertype of what is behind them
 * and sets *offset to its place in the frame; to 0, with ethertype 0, when the frame ends within a tag. More than two tags: the third's ethertype.
 */
static __always_inline __be16 ethernet_parse(struct packet *packet, const void *end, __u32 *offset)
{
	const struct vlan_tag *tag = (void *)(packet->eth + 1);
	__be16 type = packet->eth->h_proto;
	__u32 tags = 0;
	__u32 i;

	*offset = sizeof(*packet->eth);
	if (!is_vlan(type))
		return type;
	if (type == bpf_htons(ETH_P_8021AD))
		packet->facts.link = FL_LINK_SERVICE_TAG;
#pragma unroll
	for (i = 0; i < VLAN_MAX_TAGS; i++) {
		if (!is_vlan(type))
			break;
		if ((void *)(tag + 1) > end) {
			*offset = 0;
			return 0;
		}
		packet->facts.vlan[i] = tag->tci;
		type = tag->type;
		tag++;
		tags++;
	}
	*offset += tags * VLAN_TAG_BYTES;
	packet->facts.link |= tags << FL_LINK_TAGS_SHIFT;
	return type;
}

/*
 * Gives the frame the VLAN tags of the link `want` and of `vlan` (both tags' control information, as it stands in the frame) instead of those
 * of the link `have`. Moves the head when their number differs: no pointer into the packet holds afterwards. Returns 0, or -1.
 */
FL_GLOBAL int frame_retag(fl_ctx *ctx, __u32 have, __u32 want, __u32 vlan)
{
	const __u32 most = sizeof(struct ethhdr) + VLAN_MAX_TAGS * VLAN_TAG_BYTES; /* every IP packet behind has that much */
	struct vlan_tag *tag;
	__u16 macs[6];
	__u16 *words = fl_data(ctx);
	__be16 type;
	__u32 i;

	have = link_tags(have);
	if ((void *)words + most > fl_data_end(ctx))
		return -1;
	for (i = 0; i < 6; i++)
		macs[i] = words[i];
	type = have == 0 ? words[6] : have == 1 ? words[8] : words[10];
	if (link_tags(want) != have && fl_grow_head(ctx, ((int)link_tags(want) - (int)have) * VLAN_TAG_BYTES))
		return -1;
	words = fl_data(ctx);
	if ((void *)words + most > fl_data_end(ctx))
		return -1;
	for (i = 0; i < 6; i++)
		words[i] = macs[i];
	tag = (void *)(words + 7);
	words[6] = type;
	if (link_tags(want) == 0)
		return 0;
	words[6] = want & FL_LINK_SERVICE_TAG ? bpf_htons(ETH_P_8021AD) : bpf_htons(ETH_P_8021Q);
	tag[0].tci = (__be16)vlan;
	tag[0].type = type;
	if (link_tags(want) == 1)
		return 0;
	tag[0].type = bpf_htons(ETH_P_8021Q);
	tag[1].tci = vlan >> 16;
	tag[1].type = type;
	return 0;
}
