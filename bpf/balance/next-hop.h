/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The next hop towards a backend. The agent keeps it right from the kernel's notifications; so that forwarding outlives
 * the agent, the program asks the FIB itself, at most once a second and backend, for a packet that has reason to look.
 * Where the FIB cannot answer (no entry yet, forwarding off, no such helper) the agent's answer stands.
 */

/* Not inlined: the FIB's question takes 64 of the 512 bytes of stack that the program and the functions it calls have together. */
static __noinline int FAMILY(next_hop_refresh)(fl_ctx *ctx, backend_t *backend, __u32 now)
{
#if FL_HAS_FIB
	const struct fl_config *cfg = config_get();
	struct bpf_fib_lookup question = {};

	if (!cfg)
		return 0;
	if (!FAMILY(address_known)(&backend->source)) /* the agent has found no route: nothing could answer */
		return 0;
	if (backend->next_hop_at && now - backend->next_hop_at < cfg->ticks_per_second)
		return 0;
	backend->next_hop_at = now ? now : 1;
	FAMILY(fib_ask)(&question, backend);
	question.ifindex = ctx->ingress_ifindex;
	question.tot_len = 1; /* any length makes the kernel answer with the route's MTU, in the same field */
	if (bpf_fib_lookup(ctx, &question, sizeof(question), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return 0;
	mac_copy_aligned(backend->dst_mac, question.dmac);
	mac_copy_aligned(backend->src_mac, question.smac);
	backend->ifindex = question.ifindex;
	backend->mtu = question.mtu_result;
	backend->flags |= FL_BACKEND_RESOLVED;
#endif
	return 0;
}
