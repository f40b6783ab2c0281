/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SNAT: the choice of a port on the LB address, and the rewriting of requests and replies.
 * Preferred port and probe sequence are functions of the flow's tuple, so a flow whose forward entry was evicted
 * comes back to its own reverse entry. A port is taken by inserting the reverse entry, which only one packet can do.
 */

static __always_inline void FAMILY(reverse_fill)(reverse_t *reverse, const fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple,
						 __u32 service_id, __u32 now)
{
	reverse->client_addr = tuple->saddr;
	reverse->service_addr = tuple->daddr;
	reverse->client_port = tuple->sport;
	reverse->service_port = tuple->dport;
	reverse->last_seen = now;
	reverse->ifindex = ctx->ingress_ifindex;
	reverse->service_id = service_id;
	mac_copy_aligned(reverse->client_mac, packet->eth->h_source);
	mac_copy_aligned(reverse->lb_mac, packet->eth->h_dest);
}

/* Whether the flow's own reverse entry stands at its preferred port: it was an SNAT flow before its forward entry was lost. */
static __always_inline int FAMILY(snat_was_here)(const struct fl_config *cfg, const tuple_t *tuple, const backend_t *backend, __u64 hash)
{
	const reverse_t *reverse;
	tuple_t key;

	FAMILY(reverse_key)(&key, backend, bpf_htons(snat_probe(cfg, hash, 0)), tuple->protocol);
	reverse = bpf_map_lookup_elem(&MAP_SNAT, &key);
	return reverse && FAMILY(reverse_is_of)(reverse, tuple);
}

/* Takes over the reverse entry of a flow that has ended; its forward entry goes, so that no late packet of it uses the port. */
static __always_inline void FAMILY(reverse_take_over)(reverse_t *reverse, __u8 protocol)
{
	tuple_t old = {};

	old.saddr = reverse->client_addr;
	old.daddr = reverse->service_addr;
	old.sport = reverse->client_port;
	old.dport = reverse->service_port;
	old.protocol = protocol;
	bpf_map_delete_elem(&MAP_CT, &old);
}

/* Finds a port for a new flow and makes its reverse entry. Returns the port (network order), or 0 with *reason set. */
static __noinline __u32 FAMILY(snat_port_take)(fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple, const backend_t *backend,
					       __u32 service_id)
{
	const struct fl_config *cfg = config_get();
	__u32 now = fl_now();
	reverse_t fresh = {};
	tuple_t key;
	__u64 hash;
	__u32 i;

	if (!cfg)
		return 0;
	hash = FAMILY(tuple_hash)(cfg, tuple);
	FAMILY(reverse_fill)(&fresh, ctx, packet, tuple, service_id, now);
	FAMILY(reverse_key)(&key, backend, 0, tuple->protocol);
	for (i = 0; i < SNAT_PROBES; i++) {
		reverse_t *found;

		key.dport = bpf_htons(snat_probe(cfg, hash, i));
		found = bpf_map_lookup_elem(&MAP_SNAT, &key);
		if (found) {
			if (!FAMILY(reverse_is_of)(found, tuple)) {
				if (!FAMILY(reverse_ended)(cfg, found, tuple->protocol, now))
					continue;
				FAMILY(reverse_take_over)(found, tuple->protocol);
			} else if (!tcp_opens(packet->tcp_flags)) {
				found->last_seen = now; /* the flow's own, with its counters */
				return key.dport;
			}
			*found = fresh;
			return key.dport;
		}
		if (!bpf_map_update_elem(&MAP_SNAT, &key, &fresh, FL_UPDATE_ABSENT))
			return key.dport;
	}
	return 0;
}

/*
 * For a flow that has an entry: sees that its reverse entry is still there and has the client's present MAC address.
 * The lookup also marks the entry as used for the LRU, which matters where replies are rare.
 * Returns 0 when the port has gone to another flow.
 */
static __always_inline int FAMILY(snat_refresh)(const fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple,
						const struct fl_flow *flow, const backend_t *backend, __u32 now)
{
	reverse_t fresh = {};
	reverse_t *found;
	tuple_t key;

	FAMILY(reverse_key)(&key, backend, flow->snat_port, tuple->protocol);
	found = bpf_map_lookup_elem(&MAP_SNAT, &key);
	if (!found) {
		FAMILY(reverse_fill)(&fresh, ctx, packet, tuple, flow->service_id, now);
		return !bpf_map_update_elem(&MAP_SNAT, &key, &fresh, FL_UPDATE_ABSENT);
	}
	if (!FAMILY(reverse_is_of)(found, tuple))
		return 0;
	mac_copy(found->client_mac, packet->eth->h_source);
	mac_copy(found->lb_mac, packet->eth->h_dest);
	found->ifindex = ctx->ingress_ifindex;
	found->last_seen = now;
	return 1;
}

/* Rewrites addresses, ports (both in network order), TTL, checksums. The MAC addresses are the caller's. */
static __always_inline void FAMILY(translate)(const struct packet *packet, const tuple_t *tuple, const address_t *source,
					      const address_t *destination, __be16 sport, __be16 dport)
{
	__u64 change = FAMILY(address_change)(&tuple->saddr, source) + FAMILY(address_change)(&tuple->daddr, destination);
	__u64 l4_change = change + checksum_change((__u32)tuple->sport << 16 | tuple->dport, (__u32)sport << 16 | dport);

	struct udphdr *l4 = packet->l4; /* of TCP too: only the ports are touched */

	FAMILY(ip_translate)(packet->ip, source, destination, change);
	l4->source = sport;
	l4->dest = dport;
	if (packet->protocol == IPPROTO_UDP)
		*packet->l4_check = checksum_apply_udp(*packet->l4_check, l4_change);
	else
		*packet->l4_check = checksum_apply(*packet->l4_check, l4_change);
}

static __always_inline int FAMILY(snat_request)(fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple, const backend_t *backend,
						__be16 snat_port)
{
	FAMILY(translate)(packet, tuple, &backend->source, &backend->address, snat_port, backend->port);
	mac_copy(packet->eth->h_dest, backend->dst_mac);
	mac_copy(packet->eth->h_source, backend->src_mac);
	return finish(fl_send(ctx, backend->ifindex), FL_REASON_SNAT_REQUEST, packet->bytes);
}

/* A packet to a port of the SNAT range: translates it back if a flow is behind it. */
static __always_inline int FAMILY(snat_reply)(fl_ctx *ctx, const struct packet *packet, const tuple_t *tuple)
{
	reverse_t *reverse = bpf_map_lookup_elem(&MAP_SNAT, tuple);

	if (!reverse)
		return finish(FL_PASS, FL_REASON_LOCAL, packet->bytes);
	if (IP_HOPS((ip_t *)packet->ip) <= 1)
		return finish(FL_PASS, FL_REASON_TTL_EXPIRED, packet->bytes);
	reverse->packets++;
	reverse->bytes += packet->bytes;
	reverse->last_seen = fl_now();
	if (packet->protocol == IPPROTO_TCP) {
		__u8 seen = tcp_seen_of(packet->tcp_flags);

		if ((reverse->tcp_seen & seen) != seen)
			reverse->tcp_seen |= seen;
	}
	FAMILY(translate)(packet, tuple, &reverse->service_addr, &reverse->client_addr, reverse->service_port, reverse->client_port);
	mac_copy(packet->eth->h_dest, reverse->client_mac);
	mac_copy(packet->eth->h_source, reverse->lb_mac);
	return finish(fl_send(ctx, reverse->ifindex), FL_REASON_SNAT_REPLY, packet->bytes);
}
