/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow entries of one family, both directions, and when a flow has ended.
 * Counters are plain additions: a flow's packets arrive on one CPU (RSS), and not every platform has atomics.
 */

struct {
	__uint(type, FL_MAP_LRU_HASH);
	__uint(max_entries, FL_MAX_FLOWS);
	__type(key, tuple_t);
	__type(value, struct fl_flow);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_CT SEC(".maps");

struct {
	__uint(type, FL_MAP_LRU_HASH);
	__uint(max_entries, FL_MAX_FLOWS);
	__type(key, tuple_t);
	__type(value, reverse_t);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} MAP_SNAT SEC(".maps");

/* Key of the reverse entry: the tuple of the backend's replies. */
static __always_inline void FAMILY(reverse_key)(tuple_t *key, const backend_t *backend, __be16 snat_port, __u8 protocol)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->saddr = backend->address;
	key->daddr = backend->source;
	key->sport = backend->port;
	key->dport = snat_port;
	key->protocol = protocol;
}

/* Does the reverse entry belong to the flow with this tuple? */
static __always_inline int FAMILY(reverse_is_of)(const reverse_t *reverse, const tuple_t *tuple)
{
	return reverse->client_port == tuple->sport && reverse->service_port == tuple->dport &&
	       FAMILY(address_equal)(&reverse->client_addr, &tuple->saddr) && FAMILY(address_equal)(&reverse->service_addr, &tuple->daddr);
}

/* Has the flow behind a reverse entry ended, so that its SNAT port may be taken over? Looks the flow up: not for the hot path. */
static __always_inline int FAMILY(reverse_ended)(const struct fl_config *cfg, const reverse_t *reverse, __u8 protocol, __u32 now)
{
	tuple_t key = {};
	const struct fl_flow *flow;
	__u32 rest = now - reverse->last_seen;
	__u8 seen = FL_SEEN_OTHER; /* the LRU dropped the flow: it may have been established */

	key.saddr = reverse->client_addr;
	key.daddr = reverse->service_addr;
	key.sport = reverse->client_port;
	key.dport = reverse->service_port;
	key.protocol = protocol;
	flow = bpf_map_lookup_elem(&MAP_CT, &key);
	if (flow) {
		if (now - flow->last_seen < rest)
			rest = now - flow->last_seen;
		seen = flow->tcp_seen;
	}
	return rest >= flow_timeout(cfg, protocol, FL_ACTION_SNAT, seen, reverse->tcp_seen);
}

/*
 * Does this packet begin a new flow though its tuple has an entry? A SYN on a closing or expired connection does
 * (the client reuses its port), and any packet on an expired UDP flow.
 */
static __always_inline int FAMILY(flow_begins_anew)(const struct fl_config *cfg, const struct fl_flow *flow, const backend_t *backend,
						    const struct packet *packet, const tuple_t *tuple, __u32 now)
{
	const reverse_t *reverse;
	__u32 rest = now - flow->last_seen;
	__u8 seen_in_reply = 0;
	tuple_t key;

	if (packet->protocol == IPPROTO_UDP ? rest < cfg->timeout_udp : !tcp_opens(packet->tcp_flags))
		return 0;
	if (flow->action == FL_ACTION_SNAT) {
		FAMILY(reverse_key)(&key, backend, flow->snat_port, packet->protocol);
		reverse = bpf_map_lookup_elem(&MAP_SNAT, &key);
		if (reverse && FAMILY(reverse_is_of)(reverse, tuple)) {
			seen_in_reply = reverse->tcp_seen;
			if (now - reverse->last_seen < rest)
				rest = now - reverse->last_seen;
		}
	}
	if (packet->protocol == IPPROTO_TCP && tcp_closing(flow->action, flow->tcp_seen, seen_in_reply))
		return 1;
	return rest >= flow_timeout(cfg, packet->protocol, flow->action, flow->tcp_seen, seen_in_reply);
}

static __always_inline void FAMILY(flow_count)(struct fl_flow *flow, const struct packet *packet, __u32 now)
{
	flow->packets++;
	flow->bytes += packet->bytes;
	flow->last_seen = now;
	if (packet->protocol == IPPROTO_TCP) {
		__u8 seen = tcp_seen_of(packet->tcp_flags);

		if ((flow->tcp_seen & seen) != seen)
			flow->tcp_seen |= seen;
	}
}
