/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SNAT: the choice of an LB address and a port on it, and the rewriting of requests and replies.
 * Preferred port and probe sequence are functions of the flow's tuple. A port is taken by taking the slot of its reverse entry,
 * which only one packet can do.
 */

/* The address of this index in snat_sources; of 0 the LB address towards the backend. Where --snat-address was never given there is no other. */
static __always_inline const address_t *FAMILY(snat_source)(const struct fl_config *cfg, const backend_t *backend, __u32 index)
{
	const struct fl_snat_source *source;

	if (!SNAT_SOURCES(cfg) || !index)
		return &backend->source;
	source = bpf_map_lookup_elem(&snat_sources, &index);
	return source ? (const address_t *)&source->address : &backend->source;
}

/* The link that the request came by, as its replies are to find it. */
static __always_inline void FAMILY(reverse_link)(reverse_t *reverse, const fl_ctx *ctx, const struct packet_facts *facts)
{
	const struct ethhdr *eth = fl_data(ctx);

	if ((void *)(eth + 1) > fl_data_end(ctx))
		return;
	mac_copy(reverse->client_mac, eth->h_source);
	reverse->link = facts->link | device_index(ctx->ingress_ifindex);
	reverse->vlan[0] = facts->vlan[0];
	reverse->vlan[1] = facts->vlan[1];
}

/* Does the reverse entry alone tell that it is SLOT_HALF? As flow_half_open(). */
static __always_inline int FAMILY(reverse_half_open)(const struct fl_config *cfg, const reverse_t *reverse, __u32 rest)
{
	return reverse->tuple.protocol == IPPROTO_TCP && !reverse->packets && rest < cfg->timeout_syn;
}

/*
 * What the slot of this index in MAP_SNAT holds. The entry names its flow's slot, and the flow its reverse entry's. A slot that is being
 * written counts as live: it may be the very flow that has just taken this port. A TCP flow that the backend has not answered is half-open
 * at best; it is far away in memory and left alone until it can have ended. A global function, as flow_find_further().
 */
FL_GLOBAL int FAMILY(reverse_fate)(__u32 index, __u32 now)
{
	const struct fl_config *cfg = config_get();
	const reverse_t *reverse = bpf_map_lookup_elem(&MAP_SNAT, &index);
	const slot_t *slot;
	int unanswered;
	__u8 protocol;
	__u32 flow;
	int fate;

	if (!cfg || !reverse)
		return SLOT_LIVE;
	protocol = reverse->tuple.protocol;
	if (!slot_used(protocol))
		return protocol == FL_SLOT_BUSY ? SLOT_LIVE : SLOT_ENDED;
	if (FAMILY(reverse_half_open)(cfg, reverse, ticks_since(cfg, now, reverse->last_seen)))
		return SLOT_HALF;
	unanswered = protocol == IPPROTO_TCP && !reverse->packets;
	flow = reverse->flow;
	slot = bpf_map_lookup_elem(&MAP_CT, &flow);
	if (!slot || slot->tuple.protocol == FL_SLOT_BUSY)
		return SLOT_LIVE;
	if (slot->tuple.protocol != protocol || slot->flow.action != FL_ACTION_SNAT || slot->flow.reverse != index ||
	    !FAMILY(reverse_is_of)(reverse, &slot->tuple, protocol))
		return SLOT_ENDED;
	fate = FAMILY(flow_fate)(flow, now);
	return unanswered && fate != SLOT_ENDED ? SLOT_HALF : fate;
}

/* Port (network order), protocol, and index of the source address of a flow, in one word; and whether another flow gives way for it. */
#define SNAT_CHOICE(port, protocol, source) ((__u32)(port) | (__u32)(protocol) << 16 | (__u32)(source) << 24)
#define SNAT_CHOICE_SOURCE(choice) ((choice) >> 24 & 15)
#define SNAT_YIELDS (1U << 31)

/*
 * Takes the reverse entry in slot `place` for the flow in the busy slot `index`, and notes both in each other. The flow that had it has ended,
 * or ends here. `snat`: SNAT_CHOICE. Returns 0 when another CPU was first. A global function, as flow_find_further().
 */
FL_GLOBAL int FAMILY(reverse_take)(__u32 place, __u32 index, __u32 snat, __u32 now)
{
	const struct fl_config *cfg = config_get();
	reverse_t *reverse = bpf_map_lookup_elem(&MAP_SNAT, &place);
	slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);
	__u8 protocol = snat >> 16;
	const backend_t *backend;
	slot_t *former;
	__u32 flow;
	__u32 held;

	if (!cfg || !reverse || !slot)
		return 0;
	backend = FAMILY(backend_of)(&slot->flow);
	held = *(volatile __u32 *)&reverse->tuple.protocol;
	if (!backend || (__u8)held == FL_SLOT_BUSY || !claim(place, (__u32 *)&reverse->tuple.protocol, held, slot_word(held, FL_SLOT_BUSY)))
		return 0;
	flow = reverse->flow;
	former = bpf_map_lookup_elem(&MAP_CT, &flow);
	if (slot_used((__u8)held) && former && former->flow.action == FL_ACTION_SNAT && former->flow.reverse == place && flow != index) {
		__u32 word = *(volatile __u32 *)&former->tuple.protocol;

		if ((__u8)word == (__u8)held)
			claim(flow, (__u32 *)&former->tuple.protocol, word, slot_word(word, snat & SNAT_YIELDS ? FL_SLOT_YIELDED : FL_SLOT_FREED));
	}
	reverse->tuple.saddr = backend->address;
	reverse->tuple.daddr = *FAMILY(snat_source)(cfg, backend, SNAT_CHOICE_SOURCE(snat));
	reverse->tuple.sport = FAMILY(backend_port)(backend, slot->tuple.dport);
	reverse->tuple.dport = (__be16)snat;
	reverse->backend_id = slot->flow.backend_id;
	reverse->packets = 0;
	reverse->bytes = 0;
	reverse->client_addr = slot->tuple.saddr;
	reverse->service_addr = slot->tuple.daddr;
	reverse->client_port = slot->tuple.sport;
	reverse->service_port = slot->tuple.dport;
	reverse->last_seen = now;
	reverse->flow = index;
	reverse->tcp_seen = 0;
	slot->flow.reverse = place;
	slot->flow.snat_port = (__be16)snat;
	slot->flow.snat_source = SNAT_CHOICE_SOURCE(snat);
	publish((__u32 *)&reverse->tuple.protocol, slot_word(held, protocol));
	return 1;
}

/* Does the entry have this very tuple, so that the port itself is another flow's? That flow is never cut short for it. `ports`: as tuple_fill() has them. */
static __always_inline int FAMILY(reverse_has)(const reverse_t *reverse, const address_t *source, const address_t *destination, __u64 ports)
{
	return !((((const __u64 *)&reverse->tuple)[TUPLE_WORDS - 1] ^ ports) & TUPLE_PORTS_MASK) &&
	       FAMILY(address_equal)(&reverse->tuple.saddr, source) && FAMILY(address_equal)(&reverse->tuple.daddr, destination);
}

/* The slot of a reverse entry, and for which SNAT_CHOICE it is, in one word: a global function returns no structure. 0: none. */
#define SNAT_PLACE(place, choice) ((place) | (__u64)(choice) << 32)
#define SNAT_PLACE_CHOICE(found) ((__u32)((found) >> 32))

/*
 * Finds a source address and a port for the new flow in the busy slot `index` (with FLOW_PRESSED as slot_take() gave it): SNAT_PLACE, for
 * reverse_take(). 0: there is no pair of them, or no slot for its reverse entry. A global function, as flow_find_further().
 */
FL_GLOBAL __u64 FAMILY(snat_port_find)(__u32 index, __u32 protocol)
{
	const struct fl_config *cfg = config_get();
	__u32 patience = index & FLOW_PRESSED ? SNAT_PATIENT_PROBES : SNAT_PROBES;
	const address_t *address;
	const backend_t *backend;
	__u32 now = fl_now();
	const slot_t *slot;
	__u32 victim_rest = 0;
	__u64 victim = 0;
	__u64 addresses; /* hash of those of the backend's replies */
	__u64 ports;     /* of a request, then of a reply: the last word of a tuple */
	__u64 hash;
	__u32 i;

	index &= ~FLOW_PRESSED;
	slot = bpf_map_lookup_elem(&MAP_CT, &index);
	if (!cfg || !slot)
		return 0;
	backend = FAMILY(backend_of)(&slot->flow);
	if (!backend)
		return 0;
	protocol = (__u8)protocol;
	ports = *(const __u32 *)&slot->tuple.sport | (__u64)protocol << 32; /* the slot is busy: it has FL_SLOT_BUSY there */
	hash = hash_final(hash_add(FAMILY(addresses_hash)(cfg->hash_seed, &slot->tuple.saddr, &slot->tuple.daddr), ports));
	address = &backend->source;
	addresses = FAMILY(addresses_hash)(cfg->slot_seed, &backend->address, address);
	for (i = 0; i < SNAT_PROBES; i++) {
		__u32 source = snat_source_probe(SNAT_SOURCES_FIRST, SNAT_SOURCES(cfg), hash, i);
		__u32 port = bpf_htons(snat_probe(cfg, hash, i));
		__u32 choice = SNAT_CHOICE(port, protocol, source);
		const reverse_t *reverse;
		enum slot_fate fate;
		__u32 place;
		__u32 rest;

		if (source) {
			address = FAMILY(snat_source)(cfg, backend, source);
			addresses = FAMILY(addresses_hash)(cfg->slot_seed, &backend->address, address);
		}
		ports = FAMILY(backend_port)(backend, slot->tuple.dport) | port << 16 | (__u64)protocol << 32;
		place = reverse_place(hash_final(hash_add(addresses, ports)));
		reverse = bpf_map_lookup_elem(&MAP_SNAT, &place);
		if (!reverse)
			return 0;
		rest = ticks_since(cfg, now, reverse->last_seen);
		/* What a full table is full of costs no call. */
		fate = FAMILY(reverse_half_open)(cfg, reverse, rest) ? SLOT_HALF : FAMILY(reverse_fate)(place, now);
		if (fate == SLOT_ENDED)
			return SNAT_PLACE(place, choice);
		if (fate == SLOT_HALF && (!victim || rest > victim_rest) && !FAMILY(reverse_has)(reverse, &backend->address, address, ports)) {
			victim = SNAT_PLACE(place, choice | SNAT_YIELDS);
			victim_rest = rest;
		}
		if (i >= patience && victim)
			break;
	}
	return victim;
}

/* Notes the client's present link. Returns 0 when the flow has no reverse entry any more. */
static __always_inline int FAMILY(snat_refresh)(const fl_ctx *ctx, const struct packet_facts *facts, const slot_t *slot)
{
	__u32 place = slot->flow.reverse;
	reverse_t *reverse = bpf_map_lookup_elem(&MAP_SNAT, &place);

	if (!reverse || !FAMILY(reverse_is_of)(reverse, &slot->tuple, facts->protocol))
		return 0;
	FAMILY(reverse_link)(reverse, ctx, facts);
	return 1;
}

/* Puts a reverse entry that is gone (somebody has written to the map) back where it was, if no other flow has its slot. */
FL_GLOBAL int FAMILY(reverse_restore)(__u32 index, __u32 now)
{
	const slot_t *slot = bpf_map_lookup_elem(&MAP_CT, &index);
	__u32 place;

	if (!slot)
		return 0;
	place = slot->flow.reverse;
	return FAMILY(reverse_fate)(place, now) == SLOT_ENDED &&
	       FAMILY(reverse_take)(place, index, SNAT_CHOICE(slot->flow.snat_port, slot->tuple.protocol, slot->flow.snat_source), now);
}

/* Rewrites addresses, ports (both in network order), hops, checksums. The MAC addresses are the caller's. */
static __always_inline void FAMILY(translate)(const struct packet *packet, const tuple_t *tuple, const address_t *source,
					      const address_t *destination, __be16 sport, __be16 dport)
{
	__u64 change = FAMILY(address_change)(&tuple->saddr, source) + FAMILY(address_change)(&tuple->daddr, destination);
	__u32 ports = sport | (__u32)dport << 16;
	__u64 l4_change = change + checksum_change(*(const __u32 *)&tuple->sport, ports);

	FAMILY(ip_translate)(packet->ip, source, destination, change);
	if (packet->later)
		return;
	*(__u32 *)packet->l4 = ports;
	if (packet->facts.protocol == IPPROTO_UDP)
		*packet->l4_check = checksum_apply_udp(*packet->l4_check, l4_change);
	else
		*packet->l4_check = checksum_apply(*packet->l4_check, l4_change);
}

static __always_inline int FAMILY(snat_request)(fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple, const backend_t *backend,
						const address_t *source, __be16 snat_port)
{
	FAMILY(translate)(packet, tuple, source, &backend->address, snat_port, FAMILY(backend_port)(backend, tuple->dport));
	mac_copy(packet->eth->h_dest, backend->dst_mac);
	mac_copy(packet->eth->h_source, backend->src_mac);
	return finish_to_backend(fl_send(ctx, backend->ifindex), FL_REASON_SNAT_REQUEST, packet->facts.bytes, &backend->id);
}

/* Lowers the MSS that a SYN, or its answer, names to the setting. No pointer into the packet is lost. */
static __always_inline void FAMILY(syn_clamp)(fl_ctx *ctx, const struct fl_config *cfg, const struct packet_facts *facts)
{
	if (cfg->mss_clamp && facts->tcp_flags & TCP_FLAG_SYN_BIT)
		mss_clamp(ctx, ip_offset(facts) + facts->l4_offset, cfg->mss_clamp - MSS_LESS);
}

/* Sends a packet to the client, by the link that its requests come by. No pointer into the packet holds afterwards. */
static __always_inline int FAMILY(reverse_send)(fl_ctx *ctx, const struct packet *packet, const reverse_t *reverse, enum fl_reason reason)
{
	__u32 link = reverse->link;
	const struct fl_device *device;
	__u32 index;

	index = link & FL_LINK_DEVICE;
	device = bpf_map_lookup_elem(&devices, &index);
	if (!device)
		return finish(FL_DROP, FL_REASON_CONFIG, packet->facts.bytes);
	if (device->ifindex)
		mac_copy(packet->eth->h_source, device->mac);
	else
		mac_copy(packet->eth->h_source, packet->eth->h_dest);
	mac_copy(packet->eth->h_dest, reverse->client_mac);
	if (((link ^ packet->facts.link) & ~FL_LINK_DEVICE) | (*(__u32 *)reverse->vlan ^ *(const __u32 *)packet->facts.vlan)) {
		if (frame_retag(ctx, packet->facts.link, link, *(__u32 *)reverse->vlan))
			return finish(FL_DROP, FL_REASON_ADJUST_HEAD, packet->facts.bytes);
	}
	return finish_to_client(device->ifindex ? fl_send(ctx, device->ifindex) : FL_TX, reason, packet->facts.bytes, reverse->backend_id);
}

/* A packet to a port of the SNAT range: translates it back if a flow is behind it. */
static __always_inline int FAMILY(snat_reply)(fl_ctx *ctx, const struct fl_config *cfg, const struct packet *packet, const tuple_t *tuple)
{
	__u32 index = FAMILY(reverse_index)(cfg, tuple);
	reverse_t *reverse = bpf_map_lookup_elem(&MAP_SNAT, &index);

	if (!reverse || !FAMILY(tuple_equal)(&reverse->tuple, tuple))
		return finish(FL_PASS, FL_REASON_LOCAL, packet->facts.bytes);
	if (packet->facts.hops <= 1)
		return finish(FL_PASS, FL_REASON_TTL_EXPIRED, packet->facts.bytes);
	if (!packet->later) /* a later fragment has the flags of its segment, and no header */
		FAMILY(syn_clamp)(ctx, cfg, &packet->facts);
	reverse->packets++;
	reverse->bytes += packet->facts.bytes;
	reverse->last_seen = fl_now();
	if (packet->facts.protocol == IPPROTO_TCP) {
		__u8 seen = tcp_seen_of(packet->facts.tcp_flags);

		if ((reverse->tcp_seen & seen) != seen)
			reverse->tcp_seen |= seen;
	}
	FAMILY(translate)(packet, tuple, &reverse->service_addr, &reverse->client_addr, reverse->service_port, reverse->client_port);
	return FAMILY(reverse_send)(ctx, packet, reverse, FL_REASON_SNAT_REPLY);
}
