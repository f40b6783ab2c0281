/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is IPv4 by nature: types, header fields, sums over addresses. The files of balance/ are written once in these names
 * and compiled for each family; family/end.h takes the names away again. IPv6 enters as a second file like this one.
 */

#define FAMILY(name) name##_v4

#define address_t __be32
#define tuple_t struct fl_tuple4
#define reverse_t struct fl_reverse4
#define backend_t struct fl_backend4
#define frontend_t struct fl_frontend4
#define ip_t struct iphdr

#define MAP_CT ct4
#define MAP_SNAT snat4
#define MAP_SERVICES lb4_services
#define MAP_BACKENDS lb4_backends

/* The place of the time to live in the header, and the length of the header that IPIP puts in front. */
#define IP_HOPS(ip) ((ip)->ttl)
#define OUTER_LENGTH ((int)sizeof(struct iphdr))

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
	return *address == cfg->lb4_address[0] || (cfg->lb4_address[1] && *address == cfg->lb4_address[1]) ||
	       (cfg->lb4_address[2] && *address == cfg->lb4_address[2]) || (cfg->lb4_address[3] && *address == cfg->lb4_address[3]);
}

/*
 * In whole words: a map's hash function reads the key by words right away, and the CPU cannot forward narrower stores to
 * wider loads; it would wait for them to reach the cache.
 */
static __always_inline void FAMILY(tuple_fill)(tuple_t *tuple, const ip_t *ip, const void *l4, __u32 protocol)
{
	tuple->saddr = ip->saddr;
	tuple->daddr = ip->daddr;
	*(__u32 *)&tuple->sport = *(const __u32 *)l4;
	*(__u32 *)&tuple->protocol = bpf_htonl(protocol << 24);
}

static __always_inline __u64 FAMILY(tuple_hash)(const struct fl_config *cfg, const tuple_t *tuple)
{
	__u64 hash = hash_mix(((__u64)tuple->saddr << 32 | tuple->daddr) + cfg->hash_seed);

	return hash_mix(hash ^ ((__u64)tuple->sport << 32 | (__u64)tuple->dport << 16 | tuple->protocol));
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

static __always_inline void FAMILY(ip_decrement_ttl)(ip_t *ip)
{
	ip->ttl--;
	ip->check = checksum_apply(ip->check, checksum_ttl_change());
}

static __always_inline __u16 FAMILY(ip_length)(const ip_t *ip)
{
	return bpf_ntohs(ip->tot_len);
}

/* Fills the outer header of IPIP (RFC 2003, section 3.1); the inner one has its final TTL. */
static __always_inline void FAMILY(outer_fill)(ip_t *outer, const backend_t *backend, __u8 tos, __be16 fragment_bits, __u16 inner_length)
{
	__u64 sum;

	outer->version = 4;
	outer->ihl = 5;
	outer->tos = tos;
	outer->tot_len = bpf_htons(inner_length + sizeof(*outer));
	outer->id = 0;
	outer->frag_off = fragment_bits;
	outer->ttl = 64;
	outer->protocol = IPPROTO_IPIP;
	outer->check = 0;
	outer->saddr = backend->source;
	outer->daddr = backend->address;
	sum = (__u64)bpf_htons(0x4500 | tos) + outer->tot_len + outer->frag_off + bpf_htons(64 << 8 | IPPROTO_IPIP);
	sum += (__u64)outer->saddr + outer->daddr;
	outer->check = (__u16)~checksum_fold(sum);
}

#if FL_HAS_FIB
static __always_inline void FAMILY(fib_ask)(struct bpf_fib_lookup *question, const backend_t *backend)
{
	question->family = FL_AF_INET;
	question->ipv4_src = backend->source;
	question->ipv4_dst = backend->address;
}
#endif
