/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows whose backend has an address of the other family (FL_ACTION_DSR_IPIP6): the packet goes there in an outer header of that family, unless
 * the address is this node's own.
 * All of it is in global functions, as flow_find_further(): such a packet pays a call, and the others nothing.
 */

#if CARRIED_BY_OTHER
int OTHER(wrap_other)(fl_ctx *ctx, const struct packet_facts *facts, __u32 backend_id, __u64 traits_and_entropy, __u32 reason);

/* Sends the packet to this backend. Returns what finish() does; of a packet that does not fit, the negative of the bytes that would. */
FL_GLOBAL int FAMILY(other_send)(fl_ctx *ctx, const struct packet_facts *facts, const tuple_t *tuple, __u32 backend_id, __u32 reason)
{
	const other_backend_t *backend = bpf_map_lookup_elem(&OTHER_BACKENDS, &backend_id);
	__u64 traits;
	ip_t *ip;

	if (!facts || !tuple)
		return FL_DROP;
	if (!backend || !(backend->flags & FL_BACKEND_RESOLVED))
		return finish(FL_DROP, backend ? FL_REASON_UNRESOLVED : FL_REASON_NO_BACKEND, facts->bytes);
	if (facts->ip_bytes + OTHER_LENGTH > backend->mtu)
		return -(int)(backend->mtu - OTHER_LENGTH);
	ip = fl_data(ctx) + sizeof(struct ethhdr) + link_tags(facts->link) * VLAN_TAG_BYTES;
	if ((void *)(ip + 1) > fl_data_end(ctx))
		return finish(FL_PASS, FL_REASON_MALFORMED, facts->bytes);
	traits = FAMILY(inner_traits)(ip);
	traits |= (__u64)outer_entropy(FAMILY(address_fold)(&tuple->saddr), *(const __u32 *)&tuple->sport) << 32;
	FAMILY(ip_decrement_hops)(ip);
	return OTHER(wrap_other)(ctx, facts, backend_id, traits, reason);
}

/* A packet whose tuple has this flow: what flow_begin() says of a new one, in the same word. 0: no such flow lives, and the packet begins one. */
FL_GLOBAL __u64 FAMILY(other_next)(fl_ctx *ctx, const struct packet_facts *facts, __u32 index)
{
	const struct fl_config *cfg = config_get();
	slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);
	__u32 now = fl_now();

	if (!cfg || !facts || !slot || !FAMILY(may_be_others)(slot->flow.action) || !FAMILY(flow_has_backend)(&slot->flow))
		return 0;
	if (FAMILY(may_begin_anew)(cfg, slot, facts, now) && FAMILY(flow_begins_anew)(index, now))
		return 0;
	if (facts->hops <= 1)
		return BEGUN_REFUSED | FL_REASON_TTL_EXPIRED;
	if (ticks_since(cfg, now, slot->flow.refreshed) >= cfg->ticks_per_second) {
		slot->flow.refreshed = now;
		OTHER(next_hop_refresh)(ctx, slot->flow.backend_id, now);
	}
	FAMILY(flow_count)(&slot->flow, facts, now);
	return BEGUN(slot->flow.backend_id, slot->flow.action, 0);
}
#endif
