/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the client's address decides when a flow begins: whether it may, and to which backend (session affinity).
 * A flow that has begun is not asked again. Global functions, as flow_find_further(): each takes its key from its own stack.
 */

/* The ranges of all services in one trie: a service's id stands before the address and is part of every prefix. */
struct {
	__uint(type, FL_MAP_LPM_TRIE);
	__uint(max_entries, FL_MAX_RANGES);
	__uint(map_flags, FL_MAP_GROWING);
	__type(key, range_t);
	__type(value, struct fl_range);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_RANGES SEC(".maps");

struct {
	__uint(type, FL_MAP_LRU_HASH);
	__uint(max_entries, FL_MAX_FLOWS / FL_FLOWS_PER_AFFINITY);
	__type(key, affinity_client_t);
	__type(value, struct fl_affinity);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_AFFINITY SEC(".maps");

/* What the longest prefix of these ranges (a service's id, or FL_RANGES_OF_ALL) says of the tuple's source; `otherwise` when none has it. */
static __always_inline int FAMILY(range_permits)(const tuple_t *tuple, __u32 ranges, int otherwise)
{
	range_t key;
	const struct fl_range *found;

	key.prefix_length = 32 + 8 * sizeof(address_t);
	key.service_id = ranges;
	key.address = tuple->saddr;
	found = bpf_map_lookup_elem(&MAP_RANGES, &key);
	return found ? found->permit == FL_PERMIT_ALLOW : otherwise;
}

/* May the tuple's source begin a flow of the service with these flags? To be asked only when the flags say that there are ranges. */
FL_GLOBAL int FAMILY(source_permitted)(const tuple_t *tuple, __u32 service_id, __u32 flags)
{
	if (!tuple)
		return 0;
	if ((flags & FL_SERVICE_DENY_LIST) && !FAMILY(range_permits)(tuple, FL_RANGES_OF_ALL, 1))
		return 0;
	return !(flags & FL_SERVICE_RANGES) || FAMILY(range_permits)(tuple, service_id, !(flags & FL_SERVICE_ALLOWED_ALONE));
}

/* The backend of the client's last flow to this service, if it began within the service's time and the backend still takes new flows; or NO_BACKEND_ID. */
FL_GLOBAL __u32 FAMILY(affinity_find)(const tuple_t *tuple, const struct fl_service *service, __u32 now)
{
	const struct fl_config *cfg = config_get();
	const struct fl_affinity *found;
	affinity_client_t key;
	const backend_t *backend;
	__u32 backend_id;

	if (!cfg || !tuple || !service)
		return NO_BACKEND_ID;
	key.address = tuple->saddr;
	key.service_id = service->id;
	found = bpf_map_lookup_elem(&MAP_AFFINITY, &key);
	if (!found || ticks_since(cfg, now, found->last_used) >= service->affinity_seconds * cfg->ticks_per_second)
		return NO_BACKEND_ID;
	backend_id = found->backend_id;
#if CARRIED_BY_OTHER
	if (service->action == FL_ACTION_DSR_IPIP6) {
		const other_backend_t *other = bpf_map_lookup_elem(&OTHER_BACKENDS, &backend_id);

		return BACKEND_TAKES_NEW(other, found->backend_generation) ? backend_id : NO_BACKEND_ID;
	}
#endif
	backend = bpf_map_lookup_elem(&MAP_BACKENDS, &backend_id);
	return BACKEND_TAKES_NEW(backend, found->backend_generation) ? backend_id : NO_BACKEND_ID;
}

/* A flow of the client has begun: where its next ones go. Returns 0. */
FL_GLOBAL int FAMILY(affinity_note)(const tuple_t *tuple, __u32 service_id, __u32 backend_id, __u32 generation, __u32 now)
{
	struct fl_affinity value = { .backend_id = backend_id, .last_used = now, .backend_generation = generation };
	affinity_client_t key;

	if (!tuple)
		return 0;
	key.address = tuple->saddr;
	key.service_id = service_id;
	bpf_map_update_elem(&MAP_AFFINITY, &key, &value, FL_UPDATE_ANY);
	return 0;
}
