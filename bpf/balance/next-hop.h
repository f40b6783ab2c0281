/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The next hop towards a backend. The agent keeps it right from the kernel's notifications; so that forwarding outlives
 * the agent, the program asks the FIB itself, at most once a second and backend, for a packet that has reason to look.
 * Where the FIB cannot answer (no entry yet, forwarding off, no such helper) the agent's answer stands.
 */

#if CARRIED_BY_OTHER
int OTHER(next_hop_refresh)(fl_ctx *ctx, __u32 backend_id, __u32 now);
#endif

static __always_inline void FAMILY(next_hop_ask)(fl_ctx *ctx, backend_t *backend, __u32 now)
{
#if FL_HAS_FIB
	const struct fl_config *cfg = config_get();
	struct bpf_fib_lookup question = {};

	if (!cfg || !FAMILY(address_known)(&backend->source)) /* no source: the agent has found no route, and nothing could answer */
		return;
	if (backend->next_hop_at && now - backend->next_hop_at < cfg->ticks_per_second)
		return;
	backend->next_hop_at = now ? now : 1;
	FAMILY(fib_ask)(&question, backend);
	question.ifindex = ctx->ingress_ifindex;
	question.tot_len = 1; /* any length makes the kernel answer with the route's MTU, in the same field */
	if (bpf_fib_lookup(ctx, &question, sizeof(question), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return;
	mac_copy_aligned(backend->dst_mac, question.dmac);
	mac_copy_aligned(backend->src_mac, question.smac);
	backend->ifindex = question.ifindex;
	backend->mtu = question.mtu_result;
	backend->flags |= FL_BACKEND_RESOLVED;
#endif
}

/*
 * Looks at the next hop of the backend of this id, and tells what the backend is (BACKEND_IN_USE). A global function, as
 * flow_find_further(); its question takes 64 bytes of stack.
 */
FL_GLOBAL int FAMILY(next_hop_refresh)(fl_ctx *ctx, __u32 backend_id, __u32 now)
{
	backend_t *backend = bpf_map_lookup_elem(&MAP_BACKENDS, &backend_id);

	if (!backend || backend->state == FL_BACKEND_FREE)
		return 0;
	FAMILY(next_hop_ask)(ctx, backend, now);
	return backend->generation | BACKEND_IN_USE | (backend->flags & (FL_BACKEND_RESOLVED | FL_BACKEND_LOCAL) ? BACKEND_REACHABLE : 0) |
	       (backend->flags & FL_BACKEND_LOCAL ? BACKEND_IS_LOCAL : 0);
}
