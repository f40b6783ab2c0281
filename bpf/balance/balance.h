/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way of a request: an established flow by one lookup and its own action, anything else by a service.
 */

/* Carries out a flow's action on a packet. `untracked`: DSR without a flow entry. */
static __always_inline int FAMILY(act)(fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple, const backend_t *backend, __u8 action,
				       __be16 snat_port, int untracked)
{
	if (!(backend->flags & FL_BACKEND_RESOLVED))
		return finish(FL_DROP, FL_REASON_UNRESOLVED, packet->bytes);
	switch (action) {
	case FL_ACTION_SNAT:
		return FAMILY(snat_request)(ctx, packet, tuple, backend, snat_port);
	case FL_ACTION_DSR_IPIP:
		return FAMILY(dsr_ipip)(ctx, packet, backend, untracked ? FL_REASON_DSR_UNTRACKED : FL_REASON_DSR_IPIP);
	case FL_ACTION_DSR_L2:
		return FAMILY(dsr_l2)(ctx, packet, backend, untracked ? FL_REASON_DSR_UNTRACKED : FL_REASON_DSR_L2);
	default: /* an entry that somebody else has written */
		return finish(FL_DROP, FL_REASON_NO_BACKEND, packet->bytes);
	}
}

/* The first packet of a flow: service, backend, next hop, port, entries; then the flow's action. Not inlined: the hot path stays short. */
static __noinline int FAMILY(flow_begin)(fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple)
{
	const struct fl_config *cfg = config_get();
	const struct fl_service *service = FAMILY(service_find)(tuple);
	struct fl_flow fresh = {};
	backend_t *backend;
	__u32 now = fl_now();
	int refused = 0;
	__u64 hash;

	if (!cfg || !service)
		return finish(FL_PASS, FL_REASON_NO_SERVICE, packet->bytes);
	if (IP_HOPS((ip_t *)packet->ip) <= 1)
		return finish(FL_PASS, FL_REASON_TTL_EXPIRED, packet->bytes);
	hash = FAMILY(tuple_hash)(cfg, tuple);
	backend = FAMILY(backend_select)(cfg, service, hash, &fresh.backend_id);
	if (!backend)
		return finish(FL_DROP, FL_REASON_NO_BACKEND, packet->bytes);
	FAMILY(next_hop_refresh)(ctx, backend, now);
	if (!(backend->flags & FL_BACKEND_RESOLVED))
		return finish(FL_DROP, FL_REASON_UNRESOLVED, packet->bytes);

	fresh.action = service->action;
	if (fresh.action != FL_ACTION_SNAT && packet->protocol == IPPROTO_TCP && !tcp_opens(packet->tcp_flags) &&
	    FAMILY(snat_was_here)(cfg, tuple, backend, hash))
		fresh.action = FL_ACTION_SNAT;
	refused = !new_flow_allowed(cfg, now);
	if (fresh.action == FL_ACTION_SNAT) {
		if (refused)
			return finish(FL_DROP, FL_REASON_NEW_FLOW_RATE, packet->bytes);
		fresh.snat_port = FAMILY(snat_port_take)(ctx, packet, tuple, backend, service->id);
		if (!fresh.snat_port)
			return finish(FL_DROP, FL_REASON_SNAT_PORTS, packet->bytes);
	}
	fresh.created = now;
	fresh.refreshed = now;
	fresh.service_id = service->id;
	fresh.backend_generation = backend->generation;
	FAMILY(flow_count)(&fresh, packet, now);
	if (!refused && bpf_map_update_elem(&MAP_CT, tuple, &fresh, FL_UPDATE_ANY)) {
		if (fresh.action == FL_ACTION_SNAT)
			return finish(FL_DROP, FL_REASON_MAP_UPDATE, packet->bytes); /* the next packet finds the reverse entry again */
		refused = 1;
	}
	return FAMILY(act)(ctx, packet, tuple, backend, fresh.action, fresh.snat_port, refused);
}

/* Once a second and flow: reverse entry and next hop. Returns 0 when the flow has lost its SNAT port and must begin again. */
static __noinline int FAMILY(flow_refresh)(fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple, struct fl_flow *flow,
					   backend_t *backend)
{
	const struct fl_config *cfg = config_get();
	__u32 now = fl_now();

	if (!cfg)
		return 1;
	flow->refreshed = now;
	FAMILY(next_hop_refresh)(ctx, backend, now);
	return flow->action != FL_ACTION_SNAT || FAMILY(snat_refresh)(ctx, packet, tuple, flow, backend, now);
}

/* Takes an ended flow's reverse entry away, so that its port is free at once; not when the port is another flow's by now. */
static __always_inline void FAMILY(flow_forget)(const struct fl_flow *flow, const backend_t *backend, const tuple_t *tuple)
{
	const reverse_t *reverse;
	tuple_t key;

	if (flow->action != FL_ACTION_SNAT)
		return;
	FAMILY(reverse_key)(&key, backend, flow->snat_port, tuple->protocol);
	reverse = bpf_map_lookup_elem(&MAP_SNAT, &key);
	if (reverse && FAMILY(reverse_is_of)(reverse, tuple))
		bpf_map_delete_elem(&MAP_SNAT, &key);
}

static __always_inline int FAMILY(balance)(fl_ctx *ctx, const struct fl_config *cfg, const struct packet *packet, const tuple_t *tuple)
{
	struct fl_flow *flow = bpf_map_lookup_elem(&MAP_CT, tuple);
	struct packet first;

	if (flow) {
		backend_t *backend = FAMILY(backend_of)(flow);
		__u32 now = fl_now();

		if (backend) {
			if (FAMILY(flow_begins_anew)(cfg, flow, backend, packet, tuple, now)) {
				FAMILY(flow_forget)(flow, backend, tuple);
				goto begin;
			}
			if (IP_HOPS((ip_t *)packet->ip) <= 1)
				return finish(FL_PASS, FL_REASON_TTL_EXPIRED, packet->bytes);
			if (now - flow->refreshed >= cfg->ticks_per_second) {
				first = *packet;
				if (!FAMILY(flow_refresh)(ctx, &first, tuple, flow, backend))
					goto begin;
			}
			FAMILY(flow_count)(flow, packet, now);
			return FAMILY(act)(ctx, packet, tuple, backend, flow->action, flow->snat_port, 0);
		}
	}
begin:
	first = *packet;
	return FAMILY(flow_begin)(ctx, &first, tuple);
}
