/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is IPv6 by nature, in the names of family/ipv4.h. RFC 8200.
 */

#define FAMILY(name) name##_v6

#define address_t struct fl_address6
#define tuple_t struct fl_tuple6
#define slot_t struct fl_slot6
#define reverse_t struct fl_reverse6
#define backend_t struct fl_backend6
#define frontend_t struct fl_frontend6
#define fragment_key_t struct fl_fragment_key6
#define span_t struct fl_span6
#define ip_t struct ipv6hdr
#define range_t struct fl_source_range6
#define affinity_client_t struct fl_affinity_client6

#define MAP_CT ct6
#define MAP_SNAT snat6
#define MAP_SERVICES lb6_services
#define MAP_FRAGMENTS frag6
#define MAP_SPANS lb6_spans
#define MAP_BACKENDS lb6_backends
#define MAP_RANGES lb6_ranges
#define MAP_AFFINITY lb6_affinity

/* IPv6 goes to backends with IPv6 addresses alone, and backends with IPv6 addresses get IPv4 as well. */
#define CARRIED_BY_OTHER 0
#define CARRIES_OTHER 1
#define OTHER(name) name##_v4
#define OTHER_BACKENDS lb4_backends
#define other_backend_t struct fl_backend4
#define OTHER_LENGTH ((int)sizeof(struct iphdr))

/* The first index that the family has in snat_sources, and the number of those that new flows use. */
#define SNAT_SOURCES_FIRST (1 + FL_MAX_LB_ADDRESSES)
#define SNAT_SOURCES(cfg) ((cfg)->snat6_sources)

/* 64-bit words of a tuple. */
#define TUPLE_WORDS 5

/* The header that IP6IP6 puts in front. */
#define OUTER_LENGTH ((int)sizeof(struct ipv6hdr))
#define OUTER_TYPE ETH_P_IPV6
#define INNER_PROTOCOL IPPROTO_IPV6

/* Whether UDP may go without a checksum: the IPv6 header has none that would protect the addresses (RFC 8200, section 8.1). */
#define UDP_UNCHECKED 0

/* ICMPv6 (RFC 4443). Its checksum covers the pseudo header too. */
#define ICMP_PROTOCOL IPPROTO_ICMPV6
#define ICMP_PSEUDO_HEADER 1
/* Packet too big, and how much of a packet an error quotes: what makes 1280 bytes (RFC 4443, section 2.4 c). */
#define ICMP_TOO_BIG(mtu) ICMP_HEADER(2, 0, mtu)
#define ICMP_QUOTE_BYTES 1232

#define ICMP_PORT_UNREACHABLE ICMP_HEADER(1, 4, 0)
#define ICMP_ECHO_REQUEST 128
#define ICMP_ECHO_REPLY 129

#define MSS_LESS 20 /* than what fits behind an IPv4 header */
#define IP_ETHERTYPE ETH_P_IPV6
#define IP_LEAST_MTU 1240 /* of what is inside a link of 1280 bytes: RFC 8200, section 5 */

static __always_inline int FAMILY(address_known)(const address_t *address)
{
	return (address->word[0] | address->word[1] | address->word[2] | address->word[3]) != 0;
}

static __always_inline int FAMILY(address_equal)(const address_t *a, const address_t *b)
{
	return !((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) | (a->word[3] ^ b->word[3]));
}

/* Is it one of the addresses that replies come to? The last word differs between most, so it is looked at first. */
static __always_inline int FAMILY(address_is_lb)(const struct fl_config *cfg, const address_t *address)
{
	__u32 i;

#pragma unroll
	for (i = 0; i < FL_MAX_LB_ADDRESSES; i++) {
		const address_t *own = &cfg->lb6_address[i];

		if (FAMILY(address_known)(own) && address->word[3] == own->word[3] && FAMILY(address_equal)(own, address))
			return 1;
	}
	return 0;
}

/* The address's words, folded into one. */
static __always_inline __u32 FAMILY(address_fold)(const address_t *address)
{
	return address->word[0] ^ address->word[1] ^ address->word[2] ^ address->word[3];
}

/* Checks the header at packet->ip and finds the upper layer. Returns 0, or the reason why the packet is not balanced. */
static __always_inline enum fl_reason FAMILY(ip_parse)(fl_ctx *ctx, struct packet *packet, const void *end, __u32 limit)
{
	const ip_t *ip = packet->ip;
	__u32 begin = packet->facts.bytes - limit; /* of the IP header in the frame */
	__u32 header = sizeof(*ip);
	__u32 protocol;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return FL_REASON_MALFORMED;
	packet->facts.ip_bytes = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	if (!frame_holds(ctx, packet, packet->facts.ip_bytes, limit))
		return FL_REASON_MALFORMED;
	protocol = ip->nexthdr;
	if (ipv6_is_extension(protocol)) {
		struct ipv6_upper upper = {};
		int walked = ipv6_walk(ctx, begin + sizeof(*ip), begin + packet->facts.ip_bytes, protocol, &upper);

		if (walked)
			return walked == -1 ? FL_REASON_MALFORMED : FL_REASON_IP_HEADERS;
		protocol = upper.protocol;
		header = upper.offset - begin;
		packet->fragment_at = upper.fragment;
	}
	packet->facts.protocol = protocol;
	packet->facts.l4_offset = header;
	packet->facts.hops = ip->hop_limit;
	return packet->fragment_at ? FL_REASON_FRAGMENT : 0;
}

/*
 * As in family/ipv4.h. The datagram has no protocol in its name: the next header of a later fragment is nobody's concern (RFC 8200, section 4.5).
 */
static __always_inline int FAMILY(fragment_parse)(fragment_key_t *key, const struct packet *packet, const void *end, __u32 ip_offset, __u32 at,
						  __u32 *offset, __u32 *bytes)
{
	const struct ipv6_extension *header;

	if (at > IPV6_WALK_END)
		return 0;
	header = (void *)packet->eth + at;
	if ((void *)(header + 1) > end)
		return 0;
	key->id = header->id;
	*offset = bpf_ntohs(header->fragment) & 0xfff8;
	*bytes = packet->facts.ip_bytes + ip_offset - at - sizeof(*header);
	return 1;
}

/* Both addresses stand in the header in the order of the tuple. */
static __always_inline void FAMILY(addresses_fill)(tuple_t *tuple, const ip_t *ip)
{
	const __u64 *addresses = (const __u64 *)&ip->saddr;
	__u64 *words = (__u64 *)tuple;

	words[0] = addresses[0];
	words[1] = addresses[1];
	words[2] = addresses[2];
	words[3] = addresses[3];
}

/* Takes the two addresses of a tuple, wherever they stand, into its hash: two words each. */
static __always_inline __u64 FAMILY(addresses_hash)(__u64 hash, const address_t *source, const address_t *destination)
{
	const __u64 *from = (const __u64 *)source;
	const __u64 *to = (const __u64 *)destination;

	return hash_add(hash_add(hash_add(hash_add(hash, from[0]), from[1]), to[0]), to[1]);
}

static __always_inline void FAMILY(tuple_fill)(tuple_t *tuple, const ip_t *ip, const void *l4, __u32 protocol)
{
	__u64 *words = (__u64 *)tuple;

	FAMILY(addresses_fill)(tuple, ip);
	words[4] = *(const __u32 *)l4 | (__u64)protocol << 32;
}

/* What changing an address adds to a checksum that covers it. */
static __always_inline __u64 FAMILY(address_change)(const address_t *old, const address_t *new)
{
	return checksum_change(old->word[0], new->word[0]) + checksum_change(old->word[1], new->word[1]) +
	       checksum_change(old->word[2], new->word[2]) + checksum_change(old->word[3], new->word[3]);
}

static __always_inline void FAMILY(ip_translate)(ip_t *ip, const address_t *source, const address_t *destination, __u64 change)
{
	*(address_t *)&ip->saddr = *source;
	*(address_t *)&ip->daddr = *destination;
	ip->hop_limit--;
}

static __always_inline void FAMILY(ip_decrement_hops)(ip_t *ip)
{
	ip->hop_limit--;
}

/* What an outer header takes over from this one (outer.h): the traffic class, and that nobody on the way may make fragments of IPv6. */
static __always_inline __u32 FAMILY(inner_traits)(const ip_t *inner)
{
	return (bpf_ntohl(*(const __be32 *)inner) >> 20 & 0xff) | OUTER_DONT_FRAGMENT;
}

/* Fills the outer header (RFC 2473, section 3). The entropy becomes the flow label, by which routers and receivers spread flows (RFC 6438). */
static __always_inline void FAMILY(outer_fill)(ip_t *outer, const backend_t *backend, __u32 traits, __u32 entropy, __u32 length,
					       __u8 protocol)
{
	*(__be32 *)outer = bpf_htonl(0x60000000 | (traits & 0xff) << 20 | entropy >> 12);
	outer->payload_len = bpf_htons(length);
	outer->nexthdr = protocol;
	outer->hop_limit = 64;
	*(address_t *)&outer->saddr = backend->source;
	*(address_t *)&outer->daddr = backend->address;
}

/* Destination unreachable, packet too big, time exceeded, parameter problem. */
static __always_inline int FAMILY(icmp_is_error)(__u8 type)
{
	return type >= 1 && type <= 4;
}

static __always_inline enum fl_reason FAMILY(quote_parse)(fl_ctx *ctx, const ip_t *ip, __u32 offset, __u32 quote_end, struct quote *quote)
{
	struct ipv6_upper upper = { .offset = offset + sizeof(*ip), .protocol = ip->nexthdr };

	if (ip->version != 6)
		return FL_REASON_ICMP_QUOTE;
	if (ipv6_is_extension(upper.protocol) && (ipv6_walk(ctx, upper.offset, quote_end, upper.protocol, &upper) || upper.fragment))
		return FL_REASON_ICMP_QUOTE;
	quote->header = upper.offset - offset;
	quote->protocol = upper.protocol;
	return 0;
}

/* The header has no checksum. */
static __always_inline __u64 FAMILY(ip_sum_add)(ip_t *ip, __u64 change)
{
	return 0;
}

static __always_inline int FAMILY(address_is_host)(const address_t *address)
{
	return *(const __u8 *)address != 0xff && FAMILY(address_known)(address);
}

static __always_inline int FAMILY(ip_wraps)(const ip_t *ip)
{
	return ip->version == 6 && ip->nexthdr == IPPROTO_IPV6;
}

static __always_inline __u32 FAMILY(icmp_mtu)(const struct icmp_message *icmp)
{
	return icmp->type == 2 ? bpf_ntohl(icmp->rest) : 0;
}

static __always_inline void FAMILY(ip_set_hops)(ip_t *ip, __u8 hops)
{
	ip->hop_limit = hops;
}

/* Never: RFC 8200, section 5. */
static __always_inline int FAMILY(ip_may_be_cut)(const ip_t *ip)
{
	return 0;
}

static __always_inline void FAMILY(ip_fill)(ip_t *ip, const address_t *source, const address_t *destination, __u8 protocol, __u8 tos,
					    __u32 payload)
{
	*(__be32 *)ip = bpf_htonl(6U << 28 | (__u32)tos << 20);
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = protocol;
	ip->hop_limit = 64;
	*(address_t *)&ip->saddr = *source;
	*(address_t *)&ip->daddr = *destination;
}

/* RFC 8200, section 8.1. */
static __always_inline __u64 FAMILY(pseudo_sum)(const ip_t *ip, __u8 protocol, __u32 payload)
{
	const __u32 *words = (const __u32 *)&ip->saddr;
	__u64 sum = bpf_htons(protocol) + bpf_htons(payload);
	__u32 i;

#pragma unroll
	for (i = 0; i < 2 * sizeof(address_t) / sizeof(*words); i++)
		sum += words[i];
	return sum;
}

#if FL_HAS_FIB
static __always_inline void FAMILY(fib_ask)(struct bpf_fib_lookup *question, const backend_t *backend)
{
	question->family = FL_AF_INET6;
	*(address_t *)&question->ipv6_src = backend->source;
	*(address_t *)&question->ipv6_dst = backend->address;
}

static __always_inline void FAMILY(fib_ask_back)(struct bpf_fib_lookup *question, const ip_t *ip)
{
	question->family = FL_AF_INET6;
	*(address_t *)&question->ipv6_src = *(const address_t *)&ip->daddr;
	*(address_t *)&question->ipv6_dst = *(const address_t *)&ip->saddr;
}
#endif
