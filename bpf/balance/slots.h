/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow tables of one family: flows by the client's tuple (MAP_CT), reverse entries of SNAT by the backend's (MAP_SNAT).
 *
 * Both are arrays of slots that this program searches by its own hash, so that a lookup touches one cache line and a new entry is
 * written in place. No entry is ever deleted: one that has ended is free to be taken. A flow may stand in any of
 * FLOW_CANDIDATES slots of three buckets (flow_candidate(); Azar et al., "Balanced Allocations", 1994); a reverse entry in the one slot of its tuple, as its port can be chosen.
 * Invariant: a slot is taken by exchanging its word of protocol and claims, so only one CPU writes it; nobody finds it meanwhile,
 * as no packet has protocol FL_SLOT_BUSY. Live connections are not pushed out; half-open and closing ones are.
 */

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, FL_MAX_FLOWS);
	__uint(map_flags, FL_MAP_ALIGNED);
	__type(key, __u32);
	__type(value, slot_t);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_CT SEC(".maps");

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, FL_MAX_FLOWS);
	__uint(map_flags, FL_MAP_ALIGNED);
	__type(key, __u32);
	__type(value, reverse_t);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_SNAT SEC(".maps");

/* Is the slot's tuple this packet's? Claims are not compared. */
static __always_inline int FAMILY(tuple_equal)(const tuple_t *slot, const tuple_t *tuple)
{
	const __u64 *a = (const __u64 *)slot;
	const __u64 *b = (const __u64 *)tuple;
	__u32 i;

	if ((a[TUPLE_WORDS - 1] ^ b[TUPLE_WORDS - 1]) & TUPLE_PORTS_MASK)
		return 0;
#pragma unroll
	for (i = 0; i < TUPLE_WORDS - 1; i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

/* Claims are left out, so that a slot's tuple has the hash of its packets'. */
static __always_inline __u64 FAMILY(tuple_hash)(const tuple_t *tuple, __u64 seed)
{
	__u64 ports = ((const __u64 *)tuple)[TUPLE_WORDS - 1] & TUPLE_PORTS_MASK;

	return hash_final(hash_add(FAMILY(addresses_hash)(seed, &tuple->saddr, &tuple->daddr), ports));
}

/*
 * Index of the flow with this tuple, or FLOW_NO_SLOT; the caller has compared the first slot. `hash`: of the tuple, by the slot seed.
 * A global function: the verifier follows it once, by its prototype alone, and its frame is none of the hot path's.
 */
FL_GLOBAL __u32 FAMILY(flow_find_further)(const tuple_t *tuple, __u64 hash)
{
	__u32 i;

	if (!tuple)
		return FLOW_NO_SLOT;
	for (i = 0; i < FLOW_CANDIDATES; i++) {
		__u32 index = flow_candidate(hash, i);
		const slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);

		if (!slot || !slot->tuple.protocol) /* never used: the flow would have been put here */
			break;
		if (FAMILY(tuple_equal)(&slot->tuple, tuple))
			return index;
	}
	return FLOW_NO_SLOT;
}

/*
 * In crowded tables: brings the slots that a new flow looks at into the cache. The loads wait for nothing, and so for the memory all at once; a search, slot by
 * slot, has the CPU run only some of them ahead. What it returns is of no use.
 */
FL_GLOBAL __u32 FAMILY(flow_touch)(__u64 hash)
{
	__u32 word = 0;
	__u32 i;

	if (!tables_crowded())
		return 0;
#pragma clang loop unroll(disable) /* all indices at once would not fit into registers */
	for (i = 0; i < FLOW_PATIENT_CANDIDATES; i++) {
		__u32 index = flow_candidate(hash, i);
		const slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);

		if (slot)
			word = *(const volatile __u32 *)&slot->tuple.protocol;
	}
	return word;
}

/* Brings what taking the slot will write into the cache, while the new flow's service is looked up. Returns the slot's index. */
static __always_inline __u32 FAMILY(victim_touch)(__u32 index)
{
	const slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);
	const reverse_t *reverse;
	__u32 place;

	if (!slot)
		return index;
	*(const volatile __u64 *)&slot->flow.packets;
	place = slot->flow.reverse;
	reverse = bpf_map_lookup_elem(&MAP_SNAT, &place);
	if (reverse)
		*(const volatile __u32 *)&reverse->tuple.protocol;
	return index;
}

/*
 * The same for a packet that may begin a flow. Where slot_take() would find nothing but half-open flows, the index of the one that it would
 * take, with FLOW_VICTIM: a full table is full of them, and so each is looked at once. A global function, as flow_find_further().
 */
FL_GLOBAL __u32 FAMILY(flow_find_or_victim)(const tuple_t *tuple, __u64 hash)
{
	const struct fl_config *cfg = config_get();
	__u64 longest = 0; /* FLOW_RESTED; 0: a flow is not half-open */
	__u32 now = fl_now();
	__u32 index = flow_candidate(hash, 0);
	const slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);
	__u32 i;

	if (!tuple || !cfg || !slot)
		return FLOW_NO_SLOT;
	if (!slot->tuple.protocol) { /* never used: what slot_take() will take */
		*(const volatile __u64 *)&slot->flow.packets; /* brings the slot's other cache line, where it has two */
		return FLOW_NO_SLOT;
	}
	for (i = 0; i < FLOW_CANDIDATES; i++) {
		__u32 rest;

		if (i == FLOW_PATIENT_CANDIDATES && !last_slots_used())
			break;
		index = flow_candidate(hash, i);
		slot = bpf_map_lookup_elem(&MAP_CT, &index);
		if (!slot || !slot->tuple.protocol)
			return FLOW_NO_SLOT;
		if (FAMILY(tuple_equal)(&slot->tuple, tuple))
			return index;
		if ((i > 0 && !longest) || i >= FLOW_PATIENT_CANDIDATES)
			continue;
		rest = ticks_since(cfg, now, slot->flow.last_seen);
		if (!flow_half_open(cfg, slot->tuple.protocol, &slot->flow, rest)) {
			longest = 0;
			continue;
		}
		if (FLOW_RESTED(rest, i) > longest)
			longest = FLOW_RESTED(rest, i);
	}
	tables_crowded_set(!!longest);
	return longest ? FAMILY(victim_touch)(flow_candidate(hash, FLOW_RESTED_CANDIDATE(longest))) | FLOW_VICTIM : FLOW_NO_SLOT;
}

/* The flow with this tuple, if it stands in the first of its slots, whose index this gives. */
static __always_inline slot_t *FAMILY(flow_find_first)(const tuple_t *tuple, __u64 hash, __u32 *index)
{
	slot_t *slot;

	*index = flow_candidate(hash, 0);
	slot = bpf_map_lookup_elem(&MAP_CT, index);
	return slot && FAMILY(tuple_equal)(&slot->tuple, tuple) ? slot : 0;
}

/* The flow with this tuple and the index of its slot, or NULL and FLOW_NO_SLOT. */
static __always_inline slot_t *FAMILY(flow_find)(const tuple_t *tuple, __u64 hash, __u32 *index)
{
	slot_t *slot = FAMILY(flow_find_first)(tuple, hash, index);

	if (slot)
		return slot;
	*index = FAMILY(flow_find_further)(tuple, hash);
	return bpf_map_lookup_elem(&MAP_CT, index);
}

/*
 * The same for a packet that may begin a flow; without one, the index is what flow_find_or_victim() says. `opens`: it most likely does, and so all slots are
 * fetched with the first.
 */
static __always_inline slot_t *FAMILY(flow_find_or_begin)(const tuple_t *tuple, __u64 hash, __u32 *index, int opens)
{
	slot_t *slot;

	if (opens)
		FAMILY(flow_touch)(hash);
	slot = FAMILY(flow_find_first)(tuple, hash, index);
	if (slot)
		return slot;
	if (!opens)
		FAMILY(flow_touch)(hash);
	*index = FAMILY(flow_find_or_victim)(tuple, hash);
	return bpf_map_lookup_elem(&MAP_CT, index); /* with FLOW_VICTIM there is no such index */
}

/* The only slot that a reverse entry with this tuple may have. */
static __always_inline __u32 FAMILY(reverse_index)(const struct fl_config *cfg, const tuple_t *tuple)
{
	return reverse_place(FAMILY(tuple_hash)(tuple, cfg->slot_seed));
}

/* Does the reverse entry belong to the flow with this tuple? `protocol` stands apart, as the slot of a flow being written is busy. */
static __always_inline int FAMILY(reverse_is_of)(const reverse_t *reverse, const tuple_t *tuple, __u8 protocol)
{
	return reverse->client_port == tuple->sport && reverse->service_port == tuple->dport && reverse->tuple.protocol == protocol &&
	       FAMILY(address_equal)(&reverse->client_addr, &tuple->saddr) && FAMILY(address_equal)(&reverse->service_addr, &tuple->daddr);
}

/* The reverse entry of a SNAT flow, or NULL when it has none or its slot has gone to another flow. */
static __always_inline reverse_t *FAMILY(reverse_of)(const slot_t *slot, __u8 protocol)
{
	__u32 index = slot->flow.reverse;
	reverse_t *reverse;

	if (slot->flow.action != FL_ACTION_SNAT)
		return 0;
	reverse = bpf_map_lookup_elem(&MAP_SNAT, &index);
	return reverse && FAMILY(reverse_is_of)(reverse, &slot->tuple, protocol) ? reverse : 0;
}

/* The backend of a flow, or NULL when it is gone: its slot is free, or another backend has it (another generation). Of this family. */
static __always_inline backend_t *FAMILY(backend_of)(const struct fl_flow *flow)
{
	backend_t *backend = bpf_map_lookup_elem(&MAP_BACKENDS, &flow->backend_id);

	if (!backend || backend->generation != flow->backend_generation || backend->state == FL_BACKEND_FREE)
		return 0;
	return backend;
}

#if CARRIED_BY_OTHER
/* May a flow of this action have a backend of the other family? One on this node may be of either. */
static __always_inline int FAMILY(may_be_others)(__u8 action)
{
	return action == FL_ACTION_DSR_IPIP6 || action == FL_ACTION_LOCAL;
}
#endif

/* Is the flow's backend still there, in whichever family? Not for the hot path. */
static __always_inline int FAMILY(flow_has_backend)(const struct fl_flow *flow)
{
#if CARRIED_BY_OTHER
	if (FAMILY(may_be_others)(flow->action)) {
		const other_backend_t *backend = bpf_map_lookup_elem(&OTHER_BACKENDS, &flow->backend_id);

		if (backend && backend->generation == flow->backend_generation && backend->state != FL_BACKEND_FREE)
			return 1;
		if (flow->action == FL_ACTION_DSR_IPIP6)
			return 0;
	}
#endif
	return FAMILY(backend_of)(flow) != 0;
}

/*
 * What the slot of this index holds. Not for the hot path. A global function, as flow_find_further(): it is called from loops.
 */
FL_GLOBAL int FAMILY(flow_fate)(__u32 index, __u32 now)
{
	const struct fl_config *cfg = config_get();
	const slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);
	const reverse_t *reverse;
	enum slot_fate fate;
	__u8 protocol;
	__u32 rest;

	if (!cfg || !slot)
		return SLOT_LIVE;
	protocol = slot->tuple.protocol;
	if (!slot_used(protocol))
		return protocol == FL_SLOT_BUSY ? SLOT_LIVE : SLOT_ENDED;
	rest = ticks_since(cfg, now, slot->flow.last_seen);
	if (flow_half_open(cfg, protocol, &slot->flow, rest))
		return SLOT_HALF;
	if (!FAMILY(flow_has_backend)(&slot->flow))
		return SLOT_ENDED;
	fate = slot_fate(cfg, protocol, &slot->flow, 0, rest);
	if (slot->flow.action != FL_ACTION_SNAT || (fate == SLOT_HALF && !(slot->flow.tcp_seen & FL_SEEN_FIN)))
		return fate;
	/* Replies may have come since, or closed the connection. A half-open one stays half-open: its reverse entry, far away in memory, is left alone. */
	reverse = FAMILY(reverse_of)(slot, protocol);
	if (reverse) {
		__u32 reply_rest = ticks_since(cfg, now, reverse->last_seen);

		fate = slot_fate(cfg, protocol, &slot->flow, reverse->tcp_seen, reply_rest < rest ? reply_rest : rest);
	}
	return fate;
}

/* Makes the reverse entry of a flow that ends free to be taken; not when another flow has its slot by now. */
static __always_inline void FAMILY(reverse_free)(const slot_t *slot, __u8 protocol)
{
	reverse_t *reverse = FAMILY(reverse_of)(slot, protocol);

	if (reverse) {
		__u32 *word = (__u32 *)&reverse->tuple.protocol;
		__u32 held = *word;

		if ((__u8)held == protocol)
			claim(slot->flow.reverse, word, held, slot_word(held, FL_SLOT_FREED));
	}
}

/*
 * Takes a slot for a new flow: `own`, which its tuple has already, or a free one, or the one that gives way first (enum slot_fate), and of
 * equals the one that rested longest. `own`: as flow_find_or_begin() gave it; a flow that it says to take must still be half-open. Returns the slot's
 * index, with FLOW_PRESSED where a flow gives way or has, and leaves it busy. FLOW_NO_SLOT: all hold live connections, or another CPU was first.
 * A global function, as flow_find_further().
 */
FL_GLOBAL __u32 FAMILY(slot_take)(const tuple_t *tuple, __u32 own, __u32 now)
{
	const struct fl_config *cfg = config_get();
	enum slot_fate worst = SLOT_LIVE;
	__u32 victim = own;
	__u32 victim_rest = 0;
	slot_t *slot;
	__u64 hash;
	__u32 held;
	__u32 i;

	if (!cfg || !tuple)
		return FLOW_NO_SLOT;
	if (own != FLOW_NO_SLOT && own & FLOW_VICTIM) {
		victim = own & ~FLOW_VICTIM;
		slot = bpf_map_lookup_elem(&MAP_CT, &victim);
		if (slot && flow_half_open(cfg, slot->tuple.protocol, &slot->flow, ticks_since(cfg, now, slot->flow.last_seen)))
			worst = SLOT_HALF;
	} else if (own != FLOW_NO_SLOT) {
		worst = SLOT_ENDED;
	}
	hash = worst == SLOT_LIVE ? FAMILY(tuple_hash)(tuple, cfg->slot_seed) : 0;
	for (i = worst == SLOT_HALF ? FLOW_CANDIDATES : 0; i < FLOW_CANDIDATES && worst != SLOT_ENDED; i++) {
		if (worst == SLOT_HALF && i >= FLOW_PATIENT_CANDIDATES)
			break;
		__u32 index = flow_candidate(hash, i);
		enum slot_fate fate;
		__u8 protocol;
		__u32 rest;

		slot = bpf_map_lookup_elem(&MAP_CT, &index);
		if (!slot)
			return FLOW_NO_SLOT;
		protocol = slot->tuple.protocol;
		rest = ticks_since(cfg, now, slot->flow.last_seen);
		/* What a full table is full of costs no call. */
		fate = flow_half_open(cfg, protocol, &slot->flow, rest) ? SLOT_HALF : FAMILY(flow_fate)(index, now);
		if (fate == SLOT_LIVE || fate > worst)
			continue;
		if (fate < worst || rest > victim_rest) {
			worst = fate;
			victim = index;
			victim_rest = rest;
			if (i >= FLOW_PATIENT_CANDIDATES)
				last_slots_use(&index);
		}
	}
	slot = bpf_map_lookup_elem(&MAP_CT, &victim);
	if (!slot)
		return FLOW_NO_SLOT;
	held = *(volatile __u32 *)&slot->tuple.protocol;
	if ((__u8)held == FL_SLOT_BUSY || !claim(victim, (__u32 *)&slot->tuple.protocol, held, slot_word(held, FL_SLOT_BUSY)))
		return FLOW_NO_SLOT;
	if (slot_used((__u8)held))
		FAMILY(reverse_free)(slot, (__u8)held);
	return worst == SLOT_ENDED && (__u8)held != FL_SLOT_YIELDED ? victim : victim | FLOW_PRESSED;
}
