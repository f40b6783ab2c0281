/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading an IPv6 header, as the outer one (RFC 2473) or as the inner one. Included by decap.h alone.
 * Invariant: an outer packet is good only when it is whole, unfragmented and to this host, and nothing stands between its
 * header and the inner packet, or one destination options header that holds a tunnel encapsulation limit alone.
 */
#pragma once

/*
 * Outer extension headers are walked this far to learn whether a tunnel packet stands behind them. The load balancer sends
 * none; Linux's ip6tnl sends the limit, which has no meaning at the tunnel's end. Every other one may ask for something that
 * this program cannot do (RFC 8200, 4.2: discard, answer, route on), so it is never taken off. Beyond the bound: the stack's.
 */
#define DECAP_EXTENSIONS 4
#define DECAP_EXTENSION_BYTES 64

/* Hop-by-hop, routing and destination options headers, as far as they are alike; a fragment header is as long. */
struct decap_extension {
	__u8 next;
	__u8 length; /* in units of 8 bytes, without the first 8 */
	__u8 option[6];
};

/* RFC 2473, 4.1.1: option 4 of one byte, the limit; then PadN of 3 bytes. */
static __always_inline int decap_is_encapsulation_limit(const struct decap_extension *header)
{
	return header->length == 0 && header->option[0] == 4 && header->option[1] == 1 && header->option[3] == 1 &&
	       header->option[4] == 1;
}

/*
 * The key of `address` in vips and addresses. Returns 0 for an IPv4-mapped one: on the wire it is nobody's
 * (RFC 4291, 2.5.5.2), and its key is that of an IPv4 address.
 */
static __always_inline int decap_key_v6(const void *address, struct decap_address *key)
{
	const __be32 *word = address;

	__builtin_memcpy(key, address, sizeof(*key));
	return word[0] || word[1] || word[2] != bpf_htonl(0xffff);
}

static __always_inline __u8 decap_ecn_v6(const struct ipv6hdr *ip)
{
	return bpf_ntohs(*(const __be16 *)ip) >> 4 & DECAP_ECN_MASK;
}

/* `length`: bytes from `data` up to the frame's end, padding included. */
static __always_inline enum decap_reason decap_read_outer_v6(const void *data, const void *data_end, __u32 length,
							     struct decap_outer *outer)
{
	const struct ipv6hdr *ip = data;
	__u32 bytes = sizeof(*ip), total;
	__u8 next, limits = 0, others = 0, fragment = 0;
	struct decap_address key;

	if ((const void *)(ip + 1) > data_end)
		return DECAP_TRUNCATED;
	next = ip->nexthdr;
	for (int i = 0; i < DECAP_EXTENSIONS; i++) {
		const struct decap_extension *header = data + bytes;

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT)
			break;
		if (bytes > sizeof(*ip) + DECAP_EXTENSION_BYTES - sizeof(*header))
			return DECAP_NOT_TUNNEL;
		if ((const void *)(header + 1) > data_end)
			return DECAP_TRUNCATED;
		if (next == IPPROTO_FRAGMENT) {
			/* What follows is a part of something; what it begins with is known. */
			fragment = 1;
			next = header->next;
			break;
		}
		if (next == IPPROTO_DSTOPTS && decap_is_encapsulation_limit(header))
			limits++;
		else
			others++;
		next = header->next;
		bytes += 8 * (header->length + 1);
	}
	if (next != IPPROTO_IPIP && next != IPPROTO_IPV6)
		return DECAP_NOT_TUNNEL;
	if (!decap_key_v6(&ip->daddr, &key) || !bpf_map_lookup_elem(&addresses, &key))
		return DECAP_NOT_LOCAL;

	total = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (ip->version != 6 || total > length || total < bytes)
		return DECAP_OUTER_MALFORMED;
	if (fragment)
		return DECAP_OUTER_FRAGMENT;
	if (others || limits > 1)
		return DECAP_OUTER_OPTIONS;
	outer->bytes = sizeof(*ip) + (limits ? sizeof(struct decap_extension) : 0);
	outer->room = total - outer->bytes;
	outer->inner_type = next == IPPROTO_IPV6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	outer->ecn = decap_ecn_v6(ip);
	return DECAP_DECAPSULATED;
}

/* `room`: bytes that the outer packet holds from `data` on. */
static __always_inline enum decap_reason decap_read_inner_v6(const void *data, const void *data_end, __u32 room,
							     struct decap_inner *inner)
{
	const struct ipv6hdr *ip = data;

	if (room < sizeof(*ip) || (const void *)(ip + 1) > data_end)
		return DECAP_INNER_TRUNCATED;
	if (ip->version != 6 || sizeof(*ip) + bpf_ntohs(ip->payload_len) > room)
		return DECAP_INNER_MALFORMED;
	if (!decap_key_v6(&ip->daddr, &inner->destination))
		return DECAP_INNER_NOT_VIP;
	inner->ttl = ip->hop_limit;
	inner->ecn = decap_ecn_v6(ip);
	return DECAP_DECAPSULATED;
}
