/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is IPv4 by nature: types, header fields, sums over addresses. The files of balance/ are written once in these names
 * and compiled for each family; family/end.h takes the names away again. family/ipv6.h has the same names.
 */

#define FAMILY(name) name##_v4

#define address_t __be32
#define tuple_t struct fl_tuple4
#define slot_t struct fl_slot4
#define reverse_t struct fl_reverse4
#define backend_t struct fl_backend4
#define frontend_t struct fl_frontend4
#define fragment_key_t struct fl_fragment_key4
#define span_t struct fl_span4
#define ip_t struct iphdr
#define range_t struct fl_source_range4
#define affinity_client_t struct fl_affinity_client4

#define MAP_CT ct4
#define MAP_SNAT snat4
#define MAP_SERVICES lb4_services
#define MAP_FRAGMENTS frag4
#define MAP_SPANS lb4_spans
#define MAP_BACKENDS lb4_backends
#define MAP_RANGES lb4_ranges
#define MAP_AFFINITY lb4_affinity

/* Whether packets of this family go to backends of the other (OTHER(name)), and those of the other to backends of this one. */
#define CARRIED_BY_OTHER 1
#define CARRIES_OTHER 0
#define OTHER(name) name##_v6
#define OTHER_BACKENDS lb6_backends
#define other_backend_t struct fl_backend6
#define OTHER_LENGTH ((int)sizeof(struct ipv6hdr))

/* The first index that the family has in snat_sources, and the number of those that new flows use. */
#define SNAT_SOURCES_FIRST 1
#define SNAT_SOURCES(cfg) ((cfg)->snat4_sources)

/* 64-bit words of a tuple. */
#define TUPLE_WORDS 2

/* The header that IPIP puts in front: its length, its ethertype, and how an outer header names it as what it carries. */
#define OUTER_LENGTH ((int)sizeof(struct iphdr))
#define OUTER_TYPE ETH_P_IP
#define INNER_PROTOCOL IPPROTO_IPIP

/* Whether UDP may go without a checksum (RFC 768). */
#define UDP_UNCHECKED 1

/* ICMP (RFC 792). Its checksum covers the message alone. */
#define ICMP_PROTOCOL IPPROTO_ICMP
#define ICMP_PSEUDO_HEADER 0
/* Fragmentation needed (RFC 1191), and how much of a packet an error quotes: what makes 576 bytes (RFC 1812, section 4.3.2.3). */
#define ICMP_TOO_BIG(mtu) ICMP_HEADER(3, 4, (mtu) & 0xffff)
#define ICMP_QUOTE_BYTES 548

#define ICMP_PORT_UNREACHABLE ICMP_HEADER(3, 3, 0)
#define ICMP_ECHO_REQUEST 8
#define ICMP_ECHO_REPLY 0

#define MSS_LESS 0
#define IP_ETHERTYPE ETH_P_IP
#define IP_LEAST_MTU 68 /* of any link: RFC 791, section 3.2 */

static __always_inline int FAMILY(address_known)(const address_t *address)
{
	return *address != 0;
}

static __always_inline int FAMILY(address_equal)(const address_t *a, const address_t *b)
{
	return *a == *b;
}

/* Is it one of the addresses that replies come to? */
static __always_inline int FAMILY(address_is_lb)(const struct fl_config *cfg, const address_t *address)
{
	return (cfg->lb4_address[0] && *address == cfg->lb4_address[0]) || (cfg->lb4_address[1] && *address == cfg->lb4_address[1]) ||
	       (cfg->lb4_address[2] && *address == cfg->lb4_address[2]) || (cfg->lb4_address[3] && *address == cfg->lb4_address[3]);
}

/* The address's words, folded into one. */
static __always_inline __u32 FAMILY(address_fold)(const address_t *address)
{
	return *address;
}

/*
 * Checks the header at packet->ip and finds what follows it. Returns 0, or the reason why the packet is not balanced.
 * `limit`: bytes of the first buffer from the IP header on. RFC 791.
 */
static __always_inline enum fl_reason FAMILY(ip_parse)(fl_ctx *ctx, struct packet *packet, const void *end, __u32 limit)
{
	const ip_t *ip = packet->ip;
	__u32 header;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return FL_REASON_MALFORMED;
	header = ip->ihl * 4;
	packet->facts.ip_bytes = bpf_ntohs(ip->tot_len);
	if (packet->facts.ip_bytes < header || !frame_holds(ctx, packet, packet->facts.ip_bytes, limit))
		return FL_REASON_MALFORMED;
	packet->facts.protocol = ip->protocol;
	packet->facts.l4_offset = header;
	packet->facts.hops = ip->ttl;
	if (ip->frag_off & bpf_htons(0x3fff)) /* MF or an offset */
		return FL_REASON_FRAGMENT;
	return 0;
}

/*
 * Adds to the addresses in the key which datagram the fragment at packet->ip belongs to; says where it begins in it and how much of it it holds (bytes). Returns 0 when its header is
 * not there. `ip_offset` and `at`: as fragment() has them.
 */
static __always_inline int FAMILY(fragment_parse)(fragment_key_t *key, const struct packet *packet, const void *end, __u32 ip_offset, __u32 at,
						  __u32 *offset, __u32 *bytes)
{
	const ip_t *ip = packet->ip;

	key->id = ip->id;
	key->protocol = ip->protocol;
	key->pad = 0;
	*offset = (bpf_ntohs(ip->frag_off) & 0x1fff) * 8;
	*bytes = packet->facts.ip_bytes - packet->facts.l4_offset;
	return 1;
}

static __always_inline void FAMILY(addresses_fill)(tuple_t *tuple, const ip_t *ip)
{
	*(__u64 *)tuple = *(const __u64 *)&ip->saddr;
}

/* Takes the two addresses of a tuple, wherever they stand, into its hash: one word. */
static __always_inline __u64 FAMILY(addresses_hash)(__u64 hash, const address_t *source, const address_t *destination)
{
	return hash_add(hash, *source | (__u64)*destination << 32);
}

/*
 * In whole words: the hash reads them by words right away, and the CPU cannot forward narrower stores to wider loads; it would wait
 * for them to reach the cache.
 */
static __always_inline void FAMILY(tuple_fill)(tuple_t *tuple, const ip_t *ip, const void *l4, __u32 protocol)
{
	__u64 *words = (__u64 *)tuple;

	FAMILY(addresses_fill)(tuple, ip);
	words[1] = *(const __u32 *)l4 | (__u64)protocol << 32;
}

/* What changing an address adds to a checksum that covers it. */
static __always_inline __u64 FAMILY(address_change)(const address_t *old, const address_t *new)
{
	return checksum_change(*old, *new);
}

/* Rewrites both addresses and takes 1 from the TTL; `change` is what the addresses add to a sum. */
static __always_inline void FAMILY(ip_translate)(ip_t *ip, const address_t *source, const address_t *destination, __u64 change)
{
	ip->saddr = *source;
	ip->daddr = *destination;
	ip->ttl--;
	ip->check = checksum_apply(ip->check, change + checksum_ttl_change());
}

static __always_inline void FAMILY(ip_decrement_hops)(ip_t *ip)
{
	ip->ttl--;
	ip->check = checksum_apply(ip->check, checksum_ttl_change());
}

/* What an outer header takes over from this one (outer.h): type of service, and DF, which is the sender's decision (RFC 2003, section 3.1). */
static __always_inline __u32 FAMILY(inner_traits)(const ip_t *inner)
{
	return inner->tos | (inner->frag_off & bpf_htons(0x4000) ? OUTER_DONT_FRAGMENT : 0);
}

/*
 * The outer source: the LB address, or one of a prefix by the flow's entropy, so that a receiver's device, which hashes the outer addresses
 * alone, spreads the flows over its queues.
 */
static __always_inline __be32 FAMILY(outer_source)(const backend_t *backend, __u32 entropy)
{
	const struct fl_config *cfg = config_get();

	return cfg && cfg->ipip4_entropy ? cfg->ipip4_source | (entropy & cfg->ipip4_entropy) : backend->source;
}

/*
 * Fills the outer header (RFC 2003, section 3.1); the inner one has its final hop count. `traits`, `entropy`: see outer.h.
 * `length`, `protocol`: of what is inside.
 */
static __always_inline void FAMILY(outer_fill)(ip_t *outer, const backend_t *backend, __u32 traits, __u32 entropy, __u32 length,
					       __u8 protocol)
{
	__u8 tos = (__u8)traits;
	__u64 sum;

	outer->version = 4;
	outer->ihl = 5;
	outer->tos = tos;
	outer->tot_len = bpf_htons(length + sizeof(*outer));
	outer->id = 0;
	outer->frag_off = traits & OUTER_DONT_FRAGMENT ? bpf_htons(0x4000) : 0;
	outer->ttl = 64;
	outer->protocol = protocol;
	outer->check = 0;
	outer->saddr = FAMILY(outer_source)(backend, entropy);
	outer->daddr = backend->address;
	sum = (__u64)bpf_htons(0x4500 | tos) + outer->tot_len + outer->frag_off + bpf_htons(64 << 8 | protocol);
	sum += (__u64)outer->saddr + outer->daddr;
	outer->check = (__u16)~checksum_fold(sum);
}

/* Destination unreachable, time exceeded, parameter problem. Source quench is obsolete (RFC 6633), redirects are for hosts. */
static __always_inline int FAMILY(icmp_is_error)(__u8 type)
{
	return type == 3 || type == 11 || type == 12;
}

/*
 * Reads a quoted IP header, which the caller has found whole: at `offset` in the frame; the quote ends at `quote_end`. Returns 0, or the
 * reason why it leads nowhere.
 */
static __always_inline enum fl_reason FAMILY(quote_parse)(fl_ctx *ctx, const ip_t *ip, __u32 offset, __u32 quote_end, struct quote *quote)
{
	if (ip->version != 4 || ip->ihl < 5 || ip->frag_off & bpf_htons(0x1fff)) /* a later fragment has no ports */
		return FL_REASON_ICMP_QUOTE;
	quote->header = ip->ihl * 4;
	quote->protocol = ip->protocol;
	return 0;
}

/* Takes what changed addresses add to a sum into the header's checksum; returns what the new checksum itself adds. */
static __always_inline __u64 FAMILY(ip_sum_add)(ip_t *ip, __u64 change)
{
	__u16 old = ip->check;

	ip->check = checksum_apply(old, change);
	return checksum_change(old, ip->check);
}

/* Not multicast, broadcast, or "this host"; the first byte tells. */
static __always_inline int FAMILY(address_is_host)(const address_t *address)
{
	__u8 first = *(const __u8 *)address;

	return first != 0 && first != 127 && first < 224;
}

/* Is it the outer header that this node puts before a client's packet? */
static __always_inline int FAMILY(ip_wraps)(const ip_t *ip)
{
	return ip->version == 4 && ip->ihl == 5 && ip->protocol == IPPROTO_IPIP;
}

/* The MTU that a message tells; 0: it tells none (RFC 1191, section 4). */
static __always_inline __u32 FAMILY(icmp_mtu)(const struct icmp_message *icmp)
{
	return icmp->type == 3 && icmp->code == 4 ? bpf_ntohl(icmp->rest) & 0xffff : 0;
}

static __always_inline void FAMILY(ip_set_hops)(ip_t *ip, __u8 hops)
{
	ip->check = checksum_apply(ip->check, checksum_change(bpf_htons(ip->ttl << 8), bpf_htons(hops << 8)));
	ip->ttl = hops;
}

/* May routers cut the packet up? */
static __always_inline int FAMILY(ip_may_be_cut)(const ip_t *ip)
{
	return !(ip->frag_off & bpf_htons(0x4000));
}

/* Fills the header of a packet that this node makes. `payload`: bytes behind it. */
static __always_inline void FAMILY(ip_fill)(ip_t *ip, const address_t *source, const address_t *destination, __u8 protocol, __u8 tos,
					    __u32 payload)
{
	__u64 sum;

	ip->version = 4;
	ip->ihl = 5;
	ip->tos = tos;
	ip->tot_len = bpf_htons(payload + sizeof(*ip));
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = 64;
	ip->protocol = protocol;
	ip->saddr = *source;
	ip->daddr = *destination;
	sum = (__u64)bpf_htons(0x4500 | tos) + ip->tot_len + ip->frag_off + bpf_htons(64 << 8 | protocol);
	sum += (__u64)ip->saddr + ip->daddr;
	ip->check = (__u16)~checksum_fold(sum);
}

/* The sum of the pseudo header of what stands behind `ip` (RFC 9293, section 3.1). */
static __always_inline __u64 FAMILY(pseudo_sum)(const ip_t *ip, __u8 protocol, __u32 payload)
{
	return (__u64)ip->saddr + ip->daddr + bpf_htons(protocol) + bpf_htons(payload);
}

#if FL_HAS_FIB
static __always_inline void FAMILY(fib_ask)(struct bpf_fib_lookup *question, const backend_t *backend)
{
	question->family = FL_AF_INET;
	question->ipv4_src = backend->source;
	question->ipv4_dst = backend->address;
}

/* The way to the sender of this packet, for one who answers in its receiver's name. */
static __always_inline void FAMILY(fib_ask_back)(struct bpf_fib_lookup *question, const ip_t *ip)
{
	question->family = FL_AF_INET;
	question->ipv4_src = ip->daddr;
	question->ipv4_dst = ip->saddr;
}
#endif
