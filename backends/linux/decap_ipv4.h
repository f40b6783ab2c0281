/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading an IPv4 header, as the outer one (RFC 2003) or as the inner one. Included by decap.h alone.
 * Invariant: an outer packet is good only when it is whole, unfragmented, to this host, with a 20-byte header and a right
 * checksum; an inner one when it lies wholly in the outer one. The inner packet's own checksum is the stack's to verify.
 */
#pragma once

#define DECAP_IPV4_FRAGMENT 0x3fff /* "more fragments" and the offset, host order */

/* The key of `address` (network order) in vips and addresses. */
static __always_inline void decap_key_v4(__be32 address, struct decap_address *key)
{
	/* Word by word: a constant of 16 bytes would become a map of its own (.rodata). */
	__be32 word[4] = { 0, 0, bpf_htonl(0xffff), address };

	__builtin_memcpy(key, word, sizeof(*key));
}

/* Whether the checksum of a 20-byte header is right (RFC 1071: the sum of all words is 0xffff). */
static __always_inline int decap_checksum_ok_v4(const struct iphdr *header)
{
	const __u16 *word = (const __u16 *)header;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* `length`: bytes from `data` up to the frame's end, padding included. IPv6 in IPv4 (protocol 41) is not taken: nobody sends it. */
static __always_inline enum decap_reason decap_read_outer_v4(const void *data, const void *data_end, __u32 length,
							     struct decap_outer *outer)
{
	const struct iphdr *ip = data;
	struct decap_address key;
	__u32 total;

	if ((const void *)(ip + 1) > data_end)
		return DECAP_TRUNCATED;
	if (ip->protocol != IPPROTO_IPIP)
		return DECAP_NOT_TUNNEL;
	decap_key_v4(ip->daddr, &key);
	if (!bpf_map_lookup_elem(&addresses, &key))
		return DECAP_NOT_LOCAL;

	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || ip->ihl < 5 || total < ip->ihl * 4 || total > length)
		return DECAP_OUTER_MALFORMED;
	if (ip->ihl != 5)
		return DECAP_OUTER_OPTIONS;
	if (ip->frag_off & bpf_htons(DECAP_IPV4_FRAGMENT))
		return DECAP_OUTER_FRAGMENT;
	if (!decap_checksum_ok_v4(ip))
		return DECAP_OUTER_CHECKSUM;
	outer->bytes = sizeof(*ip);
	outer->room = total - sizeof(*ip);
	outer->inner_type = bpf_htons(ETH_P_IP);
	outer->ecn = ip->tos & DECAP_ECN_MASK;
	return DECAP_DECAPSULATED;
}

/* `room`: bytes that the outer packet holds from `data` on. */
static __always_inline enum decap_reason decap_read_inner_v4(const void *data, const void *data_end, __u32 room,
							     struct decap_inner *inner)
{
	const struct iphdr *ip = data;
	__u32 total;

	if (room < sizeof(*ip) || (const void *)(ip + 1) > data_end)
		return DECAP_INNER_TRUNCATED;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || ip->ihl < 5 || total < ip->ihl * 4 || total > room)
		return DECAP_INNER_MALFORMED;
	decap_key_v4(ip->daddr, &inner->destination);
	inner->ttl = ip->ttl;
	inner->ecn = ip->tos & DECAP_ECN_MASK;
	return DECAP_DECAPSULATED;
}
