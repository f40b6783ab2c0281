/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPv4 in IPv4 (RFC 2003): may this packet's outer header be taken off?
 * Included by decap.h alone; reads its maps vips and addresses.
 * Invariant: DECAP_DECAPSULATED is answered only for a whole, unfragmented outer packet with a 20-byte header and a right
 * checksum that holds one complete inner packet. The inner packet's own checksum is the stack's to verify.
 */
#pragma once

#define DECAP_IPV4_FRAGMENT 0x3fff /* "more fragments" and the offset, host order */
#define DECAP_ECN_MASK 3
#define DECAP_ECN_NOT_ECT 0
#define DECAP_ECN_CE 3

/* The key of `address` (network order) in vips and addresses. */
static __always_inline struct decap_address decap_key_v4(__be32 address)
{
	/* Word by word: a constant of 16 bytes would become a map of its own (.rodata). */
	__be32 word[4] = { 0, 0, bpf_htonl(0xffff), address };
	struct decap_address key;

	__builtin_memcpy(&key, word, sizeof(key));
	return key;
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

/*
 * Carries a congestion mark of the outer header into the inner one (RFC 6040, 4.2), with the checksum (RFC 1624, eq. 3).
 * Returns 0 when the inner packet cannot carry it and has to be lost.
 */
static __always_inline int decap_merge_ecn_v4(const struct iphdr *outer, struct iphdr *inner)
{
	__u8 ecn = inner->tos & DECAP_ECN_MASK;
	__u16 before = bpf_ntohs(*(__be16 *)inner); /* version, header length, tos */
	__u32 sum;

	if ((outer->tos & DECAP_ECN_MASK) != DECAP_ECN_CE || ecn == DECAP_ECN_CE)
		return 1;
	if (ecn == DECAP_ECN_NOT_ECT)
		return 0;
	inner->tos |= DECAP_ECN_CE;
	sum = (__u16)~bpf_ntohs(inner->check) + (__u16)~before + (before | DECAP_ECN_CE);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	inner->check = bpf_htons((__u16)~sum);
	return 1;
}

/* Judges the packet at `data`. `length`: its bytes up to the frame's end, padding included. */
static __always_inline struct decap_ruling decap_judge_ipv4(void *data, void *data_end, __u32 length)
{
	struct decap_ruling take = { .reason = DECAP_DECAPSULATED, .outer_bytes = sizeof(struct iphdr) };
	const struct iphdr *outer = data;
	struct iphdr *inner = data + sizeof(*outer);
	struct decap_address key;
	__u32 outer_total, inner_total;

	if ((void *)(outer + 1) > data_end)
		return decap_refuse(DECAP_TRUNCATED);
	if (outer->protocol != IPPROTO_IPIP)
		return decap_refuse(DECAP_NOT_TUNNEL);
	key = decap_key_v4(outer->daddr);
	if (!bpf_map_lookup_elem(&addresses, &key))
		return decap_refuse(DECAP_NOT_LOCAL);

	outer_total = bpf_ntohs(outer->tot_len);
	if (outer->version != 4 || outer->ihl < 5 || outer_total < outer->ihl * 4 || outer_total > length)
		return decap_refuse(DECAP_OUTER_MALFORMED);
	if (outer->ihl != 5)
		return decap_refuse(DECAP_OUTER_OPTIONS);
	if (outer->frag_off & bpf_htons(DECAP_IPV4_FRAGMENT))
		return decap_refuse(DECAP_OUTER_FRAGMENT);
	if (!decap_checksum_ok_v4(outer))
		return decap_refuse(DECAP_OUTER_CHECKSUM);

	if (outer_total < 2 * sizeof(*outer) || (void *)(inner + 1) > data_end)
		return decap_refuse(DECAP_INNER_TRUNCATED);
	inner_total = bpf_ntohs(inner->tot_len);
	if (inner->version != 4 || inner->ihl < 5 || inner_total < inner->ihl * 4 || inner_total > outer_total - sizeof(*outer))
		return decap_refuse(DECAP_INNER_MALFORMED);
	key = decap_key_v4(inner->daddr);
	if (!bpf_map_lookup_elem(&vips, &key))
		return decap_refuse(DECAP_INNER_NOT_VIP);
	if (inner->ttl == 0)
		return decap_refuse(DECAP_INNER_TTL);
	if (!decap_merge_ecn_v4(outer, inner))
		return decap_refuse(DECAP_ECN_LOST);
	return take;
}
