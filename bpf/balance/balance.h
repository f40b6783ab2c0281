/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way of a request: an established flow by one lookup and its own action, anything else by a service.
 */

/* Carries out a flow's action on a packet. `begun`: as flow_begin() returns it; `answers`: see dsr_ipip(). */
static __always_inline int FAMILY(act)(fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple, const backend_t *backend,
				       const struct fl_config *cfg, __u64 begun, int answers)
{
	int untracked = (begun & BEGUN_UNTRACKED) != 0;

	if (BEGUN_ACTION(begun) == FL_ACTION_LOCAL)
		return finish_to_backend(FL_PASS, FL_REASON_LOCAL_BACKEND, packet->facts.bytes, &backend->id);
	if (!(backend->flags & FL_BACKEND_RESOLVED))
		return finish(FL_DROP, FL_REASON_UNRESOLVED, packet->facts.bytes);
	switch (BEGUN_ACTION(begun)) {
	case FL_ACTION_SNAT:
		return FAMILY(snat_request)(ctx, packet, tuple, backend, FAMILY(snat_source)(cfg, backend, BEGUN_SOURCE(begun)), BEGUN_PORT(begun));
	case FL_ACTION_DSR_IPIP:
		return FAMILY(dsr_ipip)(ctx, packet, tuple, backend, untracked ? FL_REASON_DSR_UNTRACKED : FL_REASON_DSR_IPIP, answers);
	case FL_ACTION_DSR_L2:
		return FAMILY(dsr_l2)(ctx, packet, backend, untracked ? FL_REASON_DSR_UNTRACKED : FL_REASON_DSR_L2);
	default: /* an entry that somebody else has written */
		return finish(FL_DROP, FL_REASON_NO_BACKEND, packet->facts.bytes);
	}
}

static __always_inline void FAMILY(flow_count)(struct fl_flow *flow, const struct packet_facts *facts, __u32 now)
{
	flow->packets++;
	flow->bytes += facts->bytes;
	flow->last_seen = now;
	if (facts->protocol == IPPROTO_TCP) {
		__u8 seen = tcp_seen_of(facts->tcp_flags);

		if ((flow->tcp_seen & seen) != seen)
			flow->tcp_seen |= seen;
	}
}

/* What a new flow of this service does with its packets. `backend`: as next_hop_refresh() tells. */
static __always_inline __u8 FAMILY(action_of)(const struct fl_service *service, __u32 backend)
{
	return backend & BACKEND_IS_LOCAL ? FL_ACTION_LOCAL : service->action;
}

/* Writes the busy slot's entry; publish() must follow. `backend`: as next_hop_refresh() tells. */
static __always_inline void FAMILY(flow_fill)(slot_t *slot, const struct packet_facts *facts, const tuple_t *tuple,
					      const struct fl_service *service, __u32 backend_id, __u32 backend, __u32 now)
{
	struct fl_flow *flow = &slot->flow;

	slot->tuple.saddr = tuple->saddr;
	slot->tuple.daddr = tuple->daddr;
	slot->tuple.sport = tuple->sport;
	slot->tuple.dport = tuple->dport;
	flow->packets = 0;
	flow->bytes = 0;
	flow->created = now;
	flow->refreshed = now;
	flow->backend_id = backend_id;
	flow->backend_generation = (__u16)backend;
	flow->service_id = service->id;
	flow->snat_port = 0;
	flow->snat_source = 0;
	flow->reverse = 0;
	flow->action = FAMILY(action_of)(service, backend);
	flow->tcp_seen = 0;
	FAMILY(flow_count)(flow, facts, now);
}

/*
 * The first packet of a flow: service, backend, next hop, slot. The flow's action is the caller's.
 * `own`: as slot_take() takes it; the flow that the tuple has there, if any, has ended. A global function, as flow_find_further().
 */
FL_GLOBAL __u64 FAMILY(flow_begin)(fl_ctx *ctx, const struct packet_facts *facts, const tuple_t *tuple, __u32 own)
{
	const struct fl_config *cfg = config_get();
	const struct fl_service *service;
	slot_t *slot = 0;
	__u32 pressed = 0;
	__u32 now = fl_now();
	__u32 backend_id = NO_BACKEND_ID;
	__u32 backend;
	int allowed;

	if (!cfg || !facts || !tuple)
		return BEGUN_REFUSED | FL_REASON_CONFIG;
	service = FAMILY(service_find)(tuple);
	if (!service)
		return BEGUN_REFUSED | FAMILY(no_service)(cfg, tuple);
	if ((service->flags & (FL_SERVICE_RANGES | FL_SERVICE_DENY_LIST)) &&
	    !FAMILY(source_permitted)(tuple, service->id, service->flags))
		return BEGUN_REFUSED_BY(service->id, FL_REASON_SOURCE_DENIED);
	if (facts->hops <= 1)
		return BEGUN_REFUSED_BY(service->id, FL_REASON_TTL_EXPIRED);
	if (service->quic_id_bytes && facts->protocol == IPPROTO_UDP)
		backend_id = quic_backend(ctx, facts, service->id, service->quic_id_bytes | service->quic_config << 8);
	if (backend_id == NO_BACKEND_ID && service->affinity_seconds)
		backend_id = FAMILY(affinity_find)(tuple, service, now);
	if (backend_id == NO_BACKEND_ID && !FAMILY(backend_select)(cfg, service, FAMILY(tuple_hash)(tuple, cfg->hash_seed), &backend_id))
		return BEGUN_REFUSED_BY(service->id, FL_REASON_NO_BACKEND);
#if CARRIED_BY_OTHER
	if (service->action == FL_ACTION_DSR_IPIP6)
		backend = OTHER(next_hop_refresh)(ctx, backend_id, now);
	else
#endif
		backend = FAMILY(next_hop_refresh)(ctx, backend_id, now);
	if (!backend)
		return BEGUN_REFUSED_BY(service->id, FL_REASON_NO_BACKEND);
	if (!(backend & BACKEND_REACHABLE))
		return BEGUN_REFUSED_BY(service->id, FL_REASON_UNRESOLVED);

	allowed = new_flow_allowed(cfg, now);
	if (allowed) {
		own = FAMILY(slot_take)(tuple, own, now);
		pressed = own & FLOW_PRESSED;
		if (own != FLOW_NO_SLOT)
			own &= ~FLOW_PRESSED;
		slot = bpf_map_lookup_elem(&MAP_CT, &own);
	}
	if (slot) {
		__u32 *word = (__u32 *)&slot->tuple.protocol;

		FAMILY(flow_fill)(slot, facts, tuple, service, backend_id, backend, now);
		if (slot->flow.action == FL_ACTION_SNAT)
			return BEGUN_NO_PORT | own | pressed | (service->affinity_seconds ? BEGUN_NOTE : 0);
		publish(word, (*word & 0xffffff00) | facts->protocol);
		if (service->affinity_seconds)
			FAMILY(affinity_note)(tuple, service->id, backend_id, (__u16)backend, now);
		return BEGUN_ENTRY | BEGUN(backend_id, slot->flow.action, 0);
	}
	if (FAMILY(action_of)(service, backend) == FL_ACTION_SNAT)
		return BEGUN_REFUSED_BY(service->id, allowed ? FL_REASON_FLOW_TABLE : FL_REASON_NEW_FLOW_RATE);
	return BEGUN_UNTRACKED | BEGUN(backend_id, FAMILY(action_of)(service, backend), 0);
}

/*
 * Finds a port for the SNAT flow that flow_begin() has put into a busy slot, and lets the flow be found. `begun`: with BEGUN_NO_PORT. A function
 * apart, so that the frames of the two do not add up. A global function, as flow_find_further().
 */
FL_GLOBAL __u64 FAMILY(snat_begin)(fl_ctx *ctx, const struct packet_facts *facts, __u64 begun)
{
	__u32 index = (__u32)begun & ~FLOW_PRESSED;
	slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);
	__u32 now = fl_now();
	__u32 *word;
	__u32 claims;
	__u64 found;

	if (!slot || !facts)
		return BEGUN_REFUSED | FL_REASON_CONFIG;
	word = (__u32 *)&slot->tuple.protocol;
	claims = *word & 0xffffff00;
	found = FAMILY(snat_port_find)((__u32)begun, facts->protocol);
	/* Another CPU may take the slot in between: then the client's next packet tries again. */
	if (!found || !FAMILY(reverse_take)((__u32)found, index, SNAT_PLACE_CHOICE(found), now) ||
	    !FAMILY(snat_refresh)(ctx, facts, slot)) {
		publish(word, claims | FL_SLOT_FREED);
		return BEGUN_REFUSED_BY(slot->flow.service_id, FL_REASON_SNAT_PORTS);
	}
	publish(word, claims | facts->protocol);
	if (begun & BEGUN_NOTE)
		FAMILY(affinity_note)(&slot->tuple, slot->flow.service_id, slot->flow.backend_id, slot->flow.backend_generation, now);
	return BEGUN_ENTRY | BEGUN(slot->flow.backend_id, FL_ACTION_SNAT, slot->flow.snat_port) | BEGUN_WITH_SOURCE(slot->flow.snat_source);
}

/* Once a second and flow: the client's link and the next hop. Returns 0 when the flow has lost its SNAT port and must begin again. */
FL_GLOBAL int FAMILY(flow_refresh)(fl_ctx *ctx, const struct packet_facts *facts, __u32 index, __u32 now)
{
	slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);

	if (!slot || !facts)
		return 0;
	slot->flow.refreshed = now;
	FAMILY(next_hop_refresh)(ctx, slot->flow.backend_id, now);
	if (slot->flow.action != FL_ACTION_SNAT || FAMILY(snat_refresh)(ctx, facts, slot))
		return 1;
	return FAMILY(reverse_restore)(index, now) && FAMILY(snat_refresh)(ctx, facts, slot);
}

/* Does a SYN (the client reuses its port), or a datagram after a long rest, begin a new flow though its tuple has this entry? */
FL_GLOBAL int FAMILY(flow_begins_anew)(__u32 index, __u32 now)
{
	const struct fl_config *cfg = config_get();
	const slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);
	const reverse_t *reverse;
	__u8 protocol;

	if (!cfg || !slot)
		return 1;
	protocol = slot->tuple.protocol;
	if (FAMILY(flow_fate)(index, now) == SLOT_ENDED)
		return 1;
	reverse = FAMILY(reverse_of)(slot, protocol);
	return protocol == IPPROTO_TCP && tcp_closing(slot->flow.action, slot->flow.tcp_seen, reverse ? reverse->tcp_seen : 0);
}

/* Must flow_begins_anew() be asked for this packet? */
static __always_inline int FAMILY(may_begin_anew)(const struct fl_config *cfg, const slot_t *slot, const struct packet_facts *facts, __u32 now)
{
	if (facts->protocol == IPPROTO_UDP)
		return ticks_since(cfg, now, slot->flow.last_seen) >= cfg->timeout_udp;
	return tcp_opens(facts->tcp_flags);
}

#include "other.h"

static __always_inline int FAMILY(balance)(fl_ctx *ctx, const struct fl_config *cfg, const struct packet *packet, const tuple_t *tuple)
{
	__u32 index;
	slot_t *slot = FAMILY(flow_find_or_begin)(tuple, FAMILY(tuple_hash)(tuple, cfg->slot_seed), &index, tcp_opens(packet->facts.tcp_flags));
	const backend_t *backend = slot ? FAMILY(backend_of)(&slot->flow) : 0;
	struct packet_facts facts;
	__u32 now = fl_now();
	__u64 begun;

#if FL_SYN_CHALLENGE
	if (packet->facts.tcp_flags & TCP_FLAG_RST_BIT || (!slot && packet->facts.tcp_flags & TCP_FLAG_SYN_BIT)) {
		int judged;

		facts = packet->facts;
		judged = FAMILY(syn_judge)(ctx, &facts, tuple);
		if (judged == SYN_ASKED)
			return FAMILY(syn_ask)(ctx, &facts);
		if (judged == SYN_ANSWER)
			return finish(FL_DROP, FL_REASON_SYN_PROVEN, packet->facts.bytes);
	}
#endif
	if (!slot || !backend || (FAMILY(may_begin_anew)(cfg, slot, &packet->facts, now) && FAMILY(flow_begins_anew)(index, now)))
		goto begin;
	if (packet->facts.hops <= 1)
		return finish(FL_PASS, FL_REASON_TTL_EXPIRED, packet->facts.bytes);
	if (ticks_since(cfg, now, slot->flow.refreshed) >= cfg->ticks_per_second) {
		facts = packet->facts;
		if (!FAMILY(flow_refresh)(ctx, &facts, index, now))
			goto begin;
	}
	FAMILY(flow_count)(&slot->flow, &packet->facts, now);
	begun = BEGUN(0ULL, slot->flow.action, slot->flow.snat_port) | BEGUN_WITH_SOURCE(slot->flow.snat_source);
	goto act;
begin:
	facts = packet->facts;
	begun = 0;
#if CARRIED_BY_OTHER
	if (slot && FAMILY(may_be_others)(slot->flow.action))
		begun = FAMILY(other_next)(ctx, &facts, index);
#endif
	if (!begun)
		begun = FAMILY(flow_begin)(ctx, &facts, tuple, index);
	if (begun & BEGUN_NO_PORT)
		begun = FAMILY(snat_begin)(ctx, &facts, begun);
	if (begun & BEGUN_REFUSED) {
		__u32 reason = (__u32)begun;

		refusal_count(BEGUN_REFUSED_SERVICE(begun), reason);
		if (cfg->no_backend && reason == FL_REASON_NO_BACKEND)
			return FAMILY(answer_refusal)(ctx, &facts);
		return finish(verdict_of(reason), reason, packet->facts.bytes);
	}
	index = (__u32)begun; /* of the backend from here on: one word of stack for both */
	if (begun & BEGUN_ENTRY)
		new_flow_count(&index);
#if CARRIED_BY_OTHER
	if (BEGUN_ACTION(begun) == FL_ACTION_LOCAL) /* whichever family's table has the backend */
		return finish_to_backend(FL_PASS, FL_REASON_LOCAL_BACKEND, packet->facts.bytes, &index) |
		       (begun & BEGUN_ENTRY ? FL_RESULT_BEGAN : 0);
	if (BEGUN_ACTION(begun) == FL_ACTION_DSR_IPIP6) {
		int result;

		FAMILY(syn_clamp)(ctx, cfg, &packet->facts);
		result = FAMILY(other_send)(ctx, &facts, tuple, index, begun & BEGUN_UNTRACKED ? FL_REASON_DSR_UNTRACKED : FL_REASON_DSR_IPIP);

		if (result < 0)
			return FAMILY(answer_too_big)(ctx, link_tags(packet->facts.link), packet->facts.ip_bytes, -result);
		return result | (begun & BEGUN_ENTRY ? FL_RESULT_BEGAN : 0);
	}
#endif
	backend = bpf_map_lookup_elem(&MAP_BACKENDS, &index);
	if (!backend)
		return finish(FL_DROP, FL_REASON_NO_BACKEND, packet->facts.bytes);
act:
	if (BEGUN_ACTION(begun) != FL_ACTION_LOCAL) /* what passes is unchanged */
		FAMILY(syn_clamp)(ctx, cfg, &packet->facts);
	return FAMILY(act)(ctx, packet, tuple, backend, cfg, begun, 1) |
	       (begun & BEGUN_ENTRY ? FL_RESULT_BEGAN : 0);
}
