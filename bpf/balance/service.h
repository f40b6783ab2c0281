/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a service and its backends, as the agent wrote them, mean for a flow.
 */

/* The port that a flow's packets reach the backend on. */
static __always_inline __be16 FAMILY(backend_port)(const backend_t *backend, __be16 service_port)
{
	return backend->port ? backend->port : service_port;
}

/*
 * The backend that a new flow of this hash goes to. The agent puts only backends that take new flows into the table. False: there is none.
 */
static __always_inline int FAMILY(backend_select)(const struct fl_config *cfg, const struct fl_service *service, __u64 hash,
						  __u32 *backend_id)
{
	return service->backend_count && maglev_select(cfg, service->id, (__u32)hash, backend_id);
}
