/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the address and port of a flow's first packet to its service. One lookup where a service has exactly these; otherwise the
 * frontends that cover more than one address or port are asked for by longest prefix: at most four further lookups, whatever there is.
 * Order: the exact port of the address, a range of the address, every port of it; then the same for the longest prefix that the address lies in.
 */

struct {
	__uint(type, FL_MAP_HASH);
	__uint(max_entries, FL_MAX_SERVICES);
	__type(key, frontend_t);
	__type(value, struct fl_service);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_SERVICES SEC(".maps");

struct {
	__uint(type, FL_MAP_LPM_TRIE);
	__uint(max_entries, FL_MAX_SERVICES * FL_SPANS_PER_SERVICE);
	__uint(map_flags, FL_MAP_GROWING);
	__type(key, span_t);
	__type(value, frontend_t);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_SPANS SEC(".maps");

#define SPAN_ADDRESS_BITS (FL_SPAN_FRONT_BITS + 8 * (__u32)sizeof(address_t))
#define SPAN_BITS (SPAN_ADDRESS_BITS + 16)

/* Port, protocol and what follows as whole words, for the reason that tuple_fill gives. */
static __always_inline void FAMILY(frontend_of_port)(frontend_t *frontend, const tuple_t *tuple, __u32 host_bits)
{
	*(__u32 *)&frontend->port = bpf_htonl((__u32)bpf_ntohs(tuple->dport) << 16 | (__u32)tuple->protocol << 8 | host_bits);
	*(__u32 *)&frontend->last_port = 0;
}

/*
 * Puts the frontend that covers the tuple's destination, though no service has exactly it, into `found`. Returns 0 when there is none.
 * A global function, as flow_find_further(): only flows' first packets come here, and its key takes 32 bytes of stack.
 */
FL_GLOBAL int FAMILY(frontend_widen)(const tuple_t *tuple, frontend_t *found)
{
	const frontend_t *span;
	span_t key = {};

	if (!tuple || !found)
		return 0;
	key.length = SPAN_BITS;
	key.protocol = tuple->protocol;
	key.address = tuple->daddr;
	key.port = tuple->dport;
	span = bpf_map_lookup_elem(&MAP_SPANS, &key);
	if (!span)
		return 0;
	*found = *span;
	if (span->last_port)
		return 1;
	/* A prefix: its services stand under its own address. */
	FAMILY(frontend_of_port)(found, tuple, span->host_bits);
	if (bpf_map_lookup_elem(&MAP_SERVICES, found))
		return 1;
	key.host_bits = span->host_bits;
	key.address = span->address;
	span = bpf_map_lookup_elem(&MAP_SPANS, &key);
	if (!span)
		return 0;
	*found = *span;
	return 1;
}

static __always_inline const struct fl_service *FAMILY(service_find)(const tuple_t *tuple)
{
	const struct fl_service *service;
	frontend_t frontend;

	frontend.address = tuple->daddr;
	FAMILY(frontend_of_port)(&frontend, tuple, 0);
	service = bpf_map_lookup_elem(&MAP_SERVICES, &frontend);
	if (service || !FAMILY(frontend_widen)(tuple, &frontend))
		return service;
	return bpf_map_lookup_elem(&MAP_SERVICES, &frontend);
}

/* Does any service stand on this address, on whatever port? A global function, as flow_find_further(). */
FL_GLOBAL int FAMILY(vip_exists)(const address_t *address)
{
	span_t key = {};

	if (!address)
		return 0;
	key.length = SPAN_ADDRESS_BITS;
	key.address = *address;
	return bpf_map_lookup_elem(&MAP_SPANS, &key) != 0;
}

/* Why a packet that service_find() has nothing for goes no further. */
static __always_inline enum fl_reason FAMILY(no_service)(const struct fl_config *cfg, const tuple_t *tuple)
{
	return cfg->unknown_port_drops && FAMILY(vip_exists)(&tuple->daddr) ? FL_REASON_NO_PORT : FL_REASON_NO_SERVICE;
}
