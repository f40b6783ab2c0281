/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an event notes of a packet as it came in: its tuple at first sight, and its first bytes.
 * A reader of its own, so that the ways of packets carry nothing for events; it walks no extension header.
 */
#pragma once

#include "layout.h"

#define EVENT_VLAN_TAGS 2
#define EVENT_VLAN_BYTES 4
#define EVENT_IPV6_BYTES 40

static __always_inline void address_note(__u32 *to, const __u32 *from, int words)
{
	int i;

	for (i = 0; i < 4; i++)
		to[i] = i < words ? from[i] : 0;
}

/* Ports, where both transports have them. */
static __always_inline void event_parse_l4(struct fl_event *event, const __be16 *ports, void *end)
{
	if (event->protocol != IPPROTO_TCP && event->protocol != IPPROTO_UDP)
		return;
	if ((void *)(ports + 2) > end)
		return;
	event->sport = ports[0];
	event->dport = ports[1];
}

/* The tuple as the frame shows it at first sight: no extension header is walked, a later fragment has no ports. */
static __always_inline void event_parse(struct fl_event *event, void *data, void *end)
{
	__be16 *type = data + offsetof(struct ethhdr, h_proto);
	struct iphdr *ip;
	__u8 *ip6;
	int i;

	event->family = 0;
	event->protocol = 0;
	event->sport = 0;
	event->dport = 0;
	for (i = 0; i < EVENT_VLAN_TAGS; i++) {
		if ((void *)(type + 1) > end || (*type != bpf_htons(ETH_P_8021Q) && *type != bpf_htons(ETH_P_8021AD)))
			break;
		type = (void *)type + EVENT_VLAN_BYTES;
	}
	ip = (void *)(type + 1);
	ip6 = (void *)ip;
	if ((void *)(ip + 1) > end)
		return;
	if (*type == bpf_htons(ETH_P_IP) && ip->version == 4 && ip->ihl >= 5) {
		event->family = 4;
		event->protocol = ip->protocol;
		address_note(event->saddr, &ip->saddr, 1);
		address_note(event->daddr, &ip->daddr, 1);
		if (!(ip->frag_off & bpf_htons(0x1fff)))
			event_parse_l4(event, (void *)ip + ip->ihl * 4, end);
	} else if (*type == bpf_htons(ETH_P_IPV6) && (void *)ip6 + EVENT_IPV6_BYTES <= end) {
		event->family = 6;
		event->protocol = ip6[6];
		address_note(event->saddr, (__u32 *)(ip6 + 8), 4);
		address_note(event->daddr, (__u32 *)(ip6 + 24), 4);
		event_parse_l4(event, (void *)ip6 + EVENT_IPV6_BYTES, end);
	}
}

/*
 * Copies the frame's first bytes, as many as the filter asks for and the event holds. Returns how many.
 * Word by word, and once more the last 8 bytes: a tail of single bytes would give the verifier a way of its own for each length.
 */
static __always_inline __u32 event_copy(struct fl_event *event, const fl_ctx *ctx, __u32 snap)
{
	const __u8 *data = fl_data(ctx);
	const void *end = fl_data_end(ctx);
	__u32 length = fl_first_bytes(ctx);
	__u32 at;

	if (length > snap)
		length = snap;
	if (length > FL_EVENT_BYTES)
		length = FL_EVENT_BYTES;
	if (length < 8)
		return 0;
	for (at = 0; at < FL_EVENT_BYTES; at += 8) {
		if ((void *)(data + at + 8) > end)
			break;
		*(__u64 *)(event->packet + at) = *(const __u64 *)(data + at);
	}
	at = length - 8;
	barrier_var(at); /* newer compilers check the length and use another register, of which the verifier knows no bound */
	if (at > FL_EVENT_BYTES - 8)
		return 0;
	data = fl_data(ctx);
	if ((void *)(data + at + 8) > fl_data_end(ctx))
		return 0;
	*(__u64 *)(event->packet + at) = *(const __u64 *)(data + at);
	return length;
}
