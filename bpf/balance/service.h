/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Services and backends of one family, as the agent wrote them.
 */

struct {
	__uint(type, FL_MAP_HASH);
	__uint(max_entries, FL_MAX_SERVICES);
	__type(key, frontend_t);
	__type(value, struct fl_service);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_SERVICES SEC(".maps");

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, FL_MAX_BACKENDS);
	__type(key, __u32);
	__type(value, backend_t);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_BACKENDS SEC(".maps");

static __always_inline const struct fl_service *FAMILY(service_find)(const tuple_t *tuple)
{
	frontend_t frontend;

	frontend.address = tuple->daddr;
	/* Port, protocol and padding as one word, for the reason that tuple_fill gives. */
	*(__u32 *)&frontend.port = bpf_htonl((__u32)bpf_ntohs(tuple->dport) << 16 | (__u32)tuple->protocol << 8);
	return bpf_map_lookup_elem(&MAP_SERVICES, &frontend);
}

/* The backend of a flow, or NULL when it is gone: its slot is free, or another backend has it (another generation). */
static __always_inline backend_t *FAMILY(backend_of)(const struct fl_flow *flow)
{
	backend_t *backend = bpf_map_lookup_elem(&MAP_BACKENDS, &flow->backend_id);

	if (!backend || backend->generation != flow->backend_generation || backend->state == FL_BACKEND_FREE)
		return 0;
	return backend;
}

/* The backend that a new flow of this hash goes to. The agent puts only backends that take new flows into the table. */
static __always_inline backend_t *FAMILY(backend_select)(const struct fl_config *cfg, const struct fl_service *service, __u64 hash,
							 __u32 *backend_id)
{
	backend_t *backend;

	if (!service->backend_count || !maglev_select(cfg, service->id, (__u32)hash, backend_id))
		return 0;
	backend = bpf_map_lookup_elem(&MAP_BACKENDS, backend_id);
	if (!backend || backend->state == FL_BACKEND_FREE)
		return 0;
	return backend;
}
