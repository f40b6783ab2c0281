/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments (RFC 791, RFC 8200 section 4.5) go where the first one of their datagram goes: it alone has the ports, and they are remembered.
 *
 * A later fragment is then an ordinary packet of its flow whose ports do not stand in it: only addresses are translated. The checksum of TCP
 * or UDP stands in the first fragment, and the increment that is right for a whole packet is right for it: of what the checksum covers, the
 * data apart, only addresses and ports change, and both are known there.
 * Invariants: a fragment never begins a flow unless it is the first; what is remembered has been seen in a header that is whole, and no later
 * fragment may overlap that header (RFC 1858, RFC 5722).
 *
 * An LRU hash, not slots as flows have: this is no hot path, several CPUs may write, and any entry may be lost without harm to a flow.
 */

struct {
	__uint(type, FL_MAP_LRU_HASH);
	__uint(max_entries, FRAGMENTED_DATAGRAMS);
	__type(key, fragment_key_t);
	__type(value, struct fl_fragment);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_FRAGMENTS SEC(".maps");

/* Remembers the datagram of a first fragment, unless its ports are no balancer's business. Returns 0, or why the fragment is dropped. */
static __always_inline enum fl_reason FAMILY(fragment_remember)(const struct fl_config *cfg, const struct packet_facts *facts, const void *l4,
								const void *end, const fragment_key_t *key, __u32 bytes, int lb)
{
	__u32 length = facts->ip_bytes - facts->l4_offset;
	struct fl_fragment value = {
		.bytes = bytes,
		.protocol = facts->protocol,
	};

	if (length < (facts->protocol == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr)))
		return FL_REASON_FRAGMENT_TINY;
	if (l4 + sizeof(struct udphdr) > end)
		return 0; /* its length is judged where a whole packet's is */
	if (facts->protocol == IPPROTO_TCP) {
		if (l4 + sizeof(struct tcphdr) > end)
			return 0;
		if (length < (__u32)(((const __u8 *)l4)[TCP_DATA_OFFSET_OFFSET] >> 4) * 4)
			return FL_REASON_FRAGMENT_TINY;
		value.tcp_flags = ((const __u8 *)l4)[TCP_FLAGS_OFFSET];
	}
	value.sport = ((const __be16 *)l4)[0];
	value.dport = ((const __be16 *)l4)[1];
	value.seen = fl_now();
	/*
	 * One that stands there already is replaced: identifications come round again, those of IPv4 within seconds (RFC 4963). Beyond the rate
	 * nothing is remembered, so that a flood does not push others' datagrams out; the later fragments of this one come too early then.
	 */
	if ((!lb || snat_port_in_range(cfg, value.dport)) && new_flow_allowed(cfg, value.seen))
		bpf_map_update_elem(&MAP_FRAGMENTS, key, &value, FL_UPDATE_ANY);
	return 0;
}

#if CARRIED_BY_OTHER
/* A later fragment to a backend of the other family; one that does not fit is dropped. `action`: of the flow, or of the service where there is none. */
static __always_inline int FAMILY(fragment_other)(fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple, __u32 backend_id,
						  __u8 action, enum fl_reason reason)
{
	const other_backend_t *backend = bpf_map_lookup_elem(&OTHER_BACKENDS, &backend_id);
	int result;

	if (!backend || backend->state == FL_BACKEND_FREE)
		return finish(FL_DROP, FL_REASON_NO_BACKEND, packet->facts.bytes);
	if (action == FL_ACTION_LOCAL || (reason == FL_REASON_DSR_UNTRACKED && backend->flags & FL_BACKEND_LOCAL))
		return finish_to_backend(FL_PASS, FL_REASON_LOCAL_BACKEND, packet->facts.bytes, &backend_id);
	result = FAMILY(other_send)(ctx, &packet->facts, tuple, backend_id, reason);
	return result < 0 ? finish(FL_DROP, FL_REASON_TOO_BIG, packet->facts.bytes) : result;
}
#endif

/* The way of a later fragment to a service: its flow's, or that of a DSR flow (or one to this node itself) without an entry. */
static __always_inline int FAMILY(fragment_balance)(fl_ctx *ctx, const struct fl_config *cfg, const struct packet *packet, const tuple_t *tuple)
{
	__u32 index;
	slot_t *slot = FAMILY(flow_find)(tuple, FAMILY(tuple_hash)(tuple, cfg->slot_seed), &index);
	const backend_t *backend = slot ? FAMILY(backend_of)(&slot->flow) : 0;
	const struct fl_service *service;
	__u8 action;

	if (packet->facts.hops <= 1)
		return finish(FL_PASS, FL_REASON_TTL_EXPIRED, packet->facts.bytes);
	if (backend) {
		FAMILY(flow_count)(&slot->flow, &packet->facts, fl_now());
		return FAMILY(act)(ctx, packet, tuple, backend, cfg, BEGUN(0ULL, slot->flow.action, 0) | BEGUN_WITH_SOURCE(slot->flow.snat_source), 0);
	}
#if CARRIED_BY_OTHER
	if (slot && FAMILY(may_be_others)(slot->flow.action) && FAMILY(flow_has_backend)(&slot->flow)) {
		FAMILY(flow_count)(&slot->flow, &packet->facts, fl_now());
		return FAMILY(fragment_other)(ctx, packet, tuple, slot->flow.backend_id, slot->flow.action, FL_REASON_DSR_IPIP);
	}
#endif
	service = FAMILY(service_find)(tuple);
	if (!service) {
		enum fl_reason reason = FAMILY(no_service)(cfg, tuple);

		return finish(verdict_of(reason), reason, packet->facts.bytes);
	}
	if (FAMILY(backend_select)(cfg, service, FAMILY(tuple_hash)(tuple, cfg->hash_seed), &index)) {
#if CARRIED_BY_OTHER
		if (service->action == FL_ACTION_DSR_IPIP6)
			return FAMILY(fragment_other)(ctx, packet, tuple, index, service->action, FL_REASON_DSR_UNTRACKED);
#endif
		backend = bpf_map_lookup_elem(&MAP_BACKENDS, &index);
	}
	if (backend && backend->state == FL_BACKEND_FREE)
		backend = 0;
	action = backend && backend->flags & FL_BACKEND_LOCAL ? FL_ACTION_LOCAL : service->action;
	if (action == FL_ACTION_SNAT) /* the first fragment has begun no flow */
		return finish(FL_DROP, FL_REASON_FRAGMENT_EARLY, packet->facts.bytes);
	if (!backend)
		return finish(FL_DROP, FL_REASON_NO_BACKEND, packet->facts.bytes);
	return FAMILY(act)(ctx, packet, tuple, backend, cfg, BEGUN_UNTRACKED | BEGUN(0ULL, action, 0), 0);
}

/*
 * A fragment, of which ip_parse() has found the facts. `ip_offset`: of its IP header in the frame; `at`: of its IPv6 fragment header there.
 * Returns FRAGMENT_FIRST for one that goes on as a packet does, else what finish() gave. A global function, as flow_find_further().
 */
FL_GLOBAL int FAMILY(fragment)(fl_ctx *ctx, const struct packet_facts *facts, __u32 ip_offset, __u32 at)
{
	const struct fl_config *cfg = config_get();
	const void *end = fl_data_end(ctx);
	struct packet packet = { .eth = fl_data(ctx), .later = 1 };
	const struct fl_fragment *known;
	union { /* one after the other: both begin with the addresses */
		fragment_key_t key;
		tuple_t tuple;
	} name;
	__u32 l4_offset;
	__u32 offset;
	__u32 bytes;
	int lb;

	if (!cfg || !facts)
		return finish(FL_PASS, FL_REASON_CONFIG, 0);
	barrier_var(at); /* else clang passes no value for what IPv4 does not use, and the verifier wants one */
	packet.facts = *facts;
	l4_offset = facts->l4_offset;
	if (ip_offset > sizeof(struct ethhdr) + VLAN_MAX_TAGS * VLAN_TAG_BYTES || l4_offset > sizeof(ip_t) + IPV6_MAX_HEADERS_BYTES)
		return finish(FL_PASS, FL_REASON_MALFORMED, packet.facts.bytes);
	packet.ip = (void *)packet.eth + ip_offset;
	if ((void *)(packet.eth + 1) > end || packet.ip + sizeof(ip_t) > end)
		return finish(FL_PASS, FL_REASON_MALFORMED, packet.facts.bytes);
	FAMILY(addresses_fill)(&name.tuple, packet.ip);
	lb = FAMILY(address_is_lb)(cfg, &name.tuple.daddr);
	if ((!lb && !vip_known(FAMILY(address_fold)(&name.tuple.daddr))) ||
	    !FAMILY(fragment_parse)(&name.key, &packet, end, ip_offset, at, &offset, &bytes))
		return finish(FL_PASS, FL_REASON_FRAGMENT, packet.facts.bytes);

	if (!offset) {
		enum fl_reason refusal;

		if (packet.facts.protocol != IPPROTO_TCP && packet.facts.protocol != IPPROTO_UDP)
			return finish(FL_PASS, FL_REASON_FRAGMENT, packet.facts.bytes);
		refusal = FAMILY(fragment_remember)(cfg, &packet.facts, packet.ip + l4_offset, end, &name.key, bytes, lb);
		if (!refusal)
			return FRAGMENT_FIRST;
		return lb ? finish(FL_PASS, FL_REASON_FRAGMENT, packet.facts.bytes) : finish(FL_DROP, refusal, packet.facts.bytes);
	}

	known = bpf_map_lookup_elem(&MAP_FRAGMENTS, &name.key);
	if (!known || ticks_since(cfg, fl_now(), known->seen) >= FRAGMENT_SECONDS * cfg->ticks_per_second) {
		if (lb || (packet.facts.protocol != IPPROTO_TCP && packet.facts.protocol != IPPROTO_UDP))
			return finish(FL_PASS, FL_REASON_FRAGMENT, packet.facts.bytes);
		if (cfg->early_fragments_pass)
			return finish(FL_PASS, FL_REASON_FRAGMENT_EARLY_PASS, packet.facts.bytes);
		return finish(FL_DROP, FL_REASON_FRAGMENT_EARLY, packet.facts.bytes);
	}
	if (offset < known->bytes)
		return finish(FL_DROP, FL_REASON_FRAGMENT_OVERLAP, packet.facts.bytes);
	packet.facts.protocol = known->protocol;
	packet.facts.tcp_flags = known->tcp_flags; /* of its segment */
	*(__u64 *)&name.tuple.sport = known->sport | (__u32)known->dport << 16 | (__u64)known->protocol << 32;
	if (lb)
		return FAMILY(snat_reply)(ctx, cfg, &packet, &name.tuple);
	return FAMILY(fragment_balance)(ctx, cfg, &packet, &name.tuple);
}
