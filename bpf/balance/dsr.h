/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DSR: the packet reaches the backend with the client's and the service's addresses unchanged, and the reply goes
 * from there straight to the client. By IPIP (RFC 2003, RFC 2473) over any network, by L2 on the backend's own link.
 * `reason` is what the packet is counted as.
 */

static __always_inline int FAMILY(dsr_l2)(fl_ctx *ctx, const struct packet *packet, const backend_t *backend, enum fl_reason reason)
{
	FAMILY(ip_decrement_hops)(packet->ip);
	mac_copy(packet->eth->h_dest, backend->dst_mac);
	mac_copy(packet->eth->h_source, backend->src_mac);
	return finish_to_backend(fl_send(ctx, backend->ifindex), reason, packet->facts.bytes, &backend->id);
}

/* Puts VLAN tags and ethertype of the frame, which stand OUTER_LENGTH further back, behind the MAC addresses of its new beginning. */
static __always_inline ip_t *FAMILY(outer_place)(void *data, const void *end, __u32 tags)
{
	__be32 *words = data + 2 * ETH_ALEN;
	const __be32 *old = data + 2 * ETH_ALEN + OUTER_LENGTH;
	__be16 *type = data + 2 * ETH_ALEN;

	if (data + sizeof(struct ethhdr) + VLAN_MAX_TAGS * VLAN_TAG_BYTES + OUTER_LENGTH > end)
		return 0;
	if (tags >= 1) {
		words[0] = old[0];
		type += 2;
	}
	if (tags >= 2) {
		words[1] = old[1];
		type += 2;
	}
	*type = bpf_htons(OUTER_TYPE);
	return (void *)(type + 1);
}

/*
 * Puts an outer header of this family in front of the packet, whose own header has its final hop count, and sends it to the backend.
 * `inner`: its protocol number. No pointer into the packet holds afterwards.
 */
static __always_inline int FAMILY(wrap)(fl_ctx *ctx, const struct packet_facts *facts, const backend_t *backend, __u32 traits,
					__u32 entropy, __u8 inner, enum fl_reason reason)
{
	__u32 length = facts->ip_bytes;
	__u32 tags = link_tags(facts->link);
	__u32 bytes = facts->bytes;
	struct ethhdr *eth;
	ip_t *outer;

	if (fl_grow_head(ctx, OUTER_LENGTH))
		return finish(FL_DROP, FL_REASON_ADJUST_HEAD, bytes);
	eth = fl_data(ctx);
	outer = FAMILY(outer_place)(eth, fl_data_end(ctx), tags);
	if (!outer)
		return finish(FL_DROP, FL_REASON_ADJUST_HEAD, bytes);
	mac_copy(eth->h_dest, backend->dst_mac);
	mac_copy(eth->h_source, backend->src_mac);
	FAMILY(outer_fill)(outer, backend, traits, entropy, length, inner);
	return finish_to_backend(fl_send(ctx, backend->ifindex), reason, bytes, &backend->id);
}

/* `answers`, a constant: whether the sender of a packet that is too big is told; not of an error (no error is about one), nor of a fragment. */
static __always_inline int FAMILY(dsr_ipip)(fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple, const backend_t *backend,
					    enum fl_reason reason, int answers)
{
	__u32 traits = FAMILY(inner_traits)(packet->ip);
	__u32 entropy = outer_entropy(FAMILY(address_fold)(&tuple->saddr), *(const __u32 *)&tuple->sport);

	if (packet->facts.ip_bytes + OUTER_LENGTH > backend->mtu) {
		if (!answers)
			return finish(FL_DROP, FL_REASON_TOO_BIG, packet->facts.bytes);
		return FAMILY(answer_too_big)(ctx, link_tags(packet->facts.link), packet->facts.ip_bytes, backend->mtu - OUTER_LENGTH);
	}
	FAMILY(ip_decrement_hops)(packet->ip);
	return FAMILY(wrap)(ctx, &packet->facts, backend, traits, entropy, INNER_PROTOCOL, reason);
}

#if CARRIES_OTHER
/* Wraps a packet of the other family: OTHER(other_send) calls it. A global function, as flow_find_further(). */
FL_GLOBAL int FAMILY(wrap_other)(fl_ctx *ctx, const struct packet_facts *facts, __u32 backend_id, __u64 traits_and_entropy, __u32 reason)
{
	const backend_t *backend = bpf_map_lookup_elem(&MAP_BACKENDS, &backend_id);

	if (!backend || !facts)
		return FL_DROP;
	return FAMILY(wrap)(ctx, facts, backend, (__u32)traits_and_entropy, traits_and_entropy >> 32, IPPROTO_IPIP, reason);
}
#endif
