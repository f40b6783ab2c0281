/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors about the packets of flows (RFC 792, 1812, 4443; translation as RFC 5508, section 4 has it). An error goes to whoever has sent
 * the packet that it quotes, and quotes it as that one has sent it. Global functions, as flow_find_further().
 * Invariant: checksums change by increments, so that a message which came in damaged leaves as damaged.
 */

/* An ICMP error in a frame; pointers hold until the head moves. */
struct FAMILY(error) {
	struct packet packet;  /* l4 and l4_check: of what is quoted; facts: of the error itself */
	struct icmp_message *icmp;
	ip_t *quoted;
	__u32 protocol; /* of the quoted packet */
};

/*
 * Finds the headers, and the tuple of packets that go the other way than the quoted one. Returns 0, or the reason why the error passes.
 * `facts`: of a packet whose headers process() has checked.
 */
static __always_inline enum fl_reason FAMILY(error_parse)(fl_ctx *ctx, const struct packet_facts *facts, struct FAMILY(error) *error, tuple_t *tuple)
{
	const void *end = fl_data_end(ctx);
	__u32 offset = ip_offset(facts);
	__u32 l4_offset = facts->l4_offset;
	__u32 length = facts->ip_bytes;
	struct quote quote = {};
	const __be16 *ports;
	enum fl_reason refusal;
	__u32 header;

	if (l4_offset > sizeof(ip_t) + IPV6_MAX_HEADERS_BYTES)
		return FL_REASON_IP_HEADERS;
	error->packet.facts = *facts;
	error->packet.eth = fl_data(ctx);
	error->packet.ip = fl_data(ctx) + offset;
	error->icmp = error->packet.ip + l4_offset;
	error->quoted = (void *)(error->icmp + 1);
	if ((void *)(error->packet.eth + 1) > end || error->packet.ip + sizeof(ip_t) > end || (void *)(error->quoted + 1) > end ||
	    length < l4_offset + sizeof(*error->icmp) + sizeof(ip_t))
		return FL_REASON_ICMP_QUOTE;
	length -= l4_offset + sizeof(*error->icmp);
	offset += l4_offset + sizeof(*error->icmp);
	refusal = FAMILY(quote_parse)(ctx, error->quoted, offset, offset + length, &quote);
	if (refusal)
		return refusal;
	header = quote.header;
	if (header > sizeof(ip_t) + IPV6_MAX_HEADERS_BYTES || length < header + QUOTE_L4_BYTES)
		return FL_REASON_ICMP_QUOTE;
	error->protocol = quote.protocol;
	if (error->protocol != IPPROTO_TCP && error->protocol != IPPROTO_UDP)
		return FL_REASON_ICMP_QUOTE;
	error->packet.l4 = (void *)error->quoted + header;
	if (error->packet.l4 + QUOTE_L4_BYTES > end)
		return FL_REASON_ICMP_QUOTE;
	error->packet.l4_check = quote_check(error->packet.l4, end, error->protocol, length - header);
	ports = error->packet.l4;
	tuple->saddr = *(const address_t *)&error->quoted->daddr;
	tuple->daddr = *(const address_t *)&error->quoted->saddr;
	*(__u64 *)&tuple->sport = ports[1] | (__u32)ports[0] << 16 | (__u64)error->protocol << 32;
	/* What was sent from an address is answered to that address. */
	if (!FAMILY(address_equal)(&tuple->daddr, (const address_t *)&((ip_t *)error->packet.ip)->daddr))
		return FL_REASON_ICMP_UNKNOWN;
	if (facts->hops <= 1)
		return FL_REASON_TTL_EXPIRED;
	return 0;
}

/* Puts `new` in place of an address; returns what that adds to a sum. */
static __always_inline __u64 FAMILY(address_replace)(void *place, const address_t *new)
{
	__u64 change = FAMILY(address_change)(place, new);

	barrier_var(change); /* summed up here and now */
	*(address_t *)place = *new;
	barrier();
	return change;
}

/*
 * Makes the quoted packet one from `source` to `destination` with these ports, and the error one to `source`; from `outer_source` if
 * `hides`, else still from whom it comes. The barriers keep the compiler from holding all words at once, for which the stack has no room.
 */
static __always_inline void FAMILY(error_translate)(const struct FAMILY(error) *error, const address_t *source, const address_t *destination,
						    __be16 sport, __be16 dport, const address_t *outer_source, int hides)
{
	ip_t *ip = error->packet.ip;
	ip_t *quoted = error->quoted;
	__u32 *ports = error->packet.l4;
	__u32 new_ports = sport | (__u32)dport << 16;
	__u64 l4 = checksum_change(*ports, new_ports);
	__u64 message;
	__u64 change;

	*ports = new_ports;
	barrier_var(l4);
	change = FAMILY(address_replace)(&quoted->saddr, source);
	change += FAMILY(address_replace)(&quoted->daddr, destination);
	barrier_var(change);
	message = change + l4 + FAMILY(ip_sum_add)(quoted, change);
	if (error->packet.l4_check) {
		__u16 old = *error->packet.l4_check;
		__u16 check = error->protocol == IPPROTO_UDP ? checksum_apply_udp(old, change + l4) : checksum_apply(old, change + l4);

		*error->packet.l4_check = check;
		message += checksum_change(old, check);
	}
	change = FAMILY(address_replace)(&ip->daddr, source);
	if (hides)
		change += FAMILY(address_replace)(&ip->saddr, outer_source);
	FAMILY(ip_sum_add)(ip, change);
	FAMILY(ip_decrement_hops)(ip);
	if (ICMP_PSEUDO_HEADER)
		message += change;
	error->icmp->check = checksum_apply(error->icmp->check, message);
}

/* An error to an LB address, about a request that this node has sent under SNAT: goes to the client, as replies do. */
FL_GLOBAL int FAMILY(icmp_about_request)(fl_ctx *ctx, const struct packet_facts *facts)
{
	const struct fl_config *cfg = config_get();
	struct FAMILY(error) error;
	int hides;
	enum fl_reason refusal;
	reverse_t *reverse;
	tuple_t tuple;
	__u32 index;

	if (!cfg || !facts)
		return finish(FL_PASS, FL_REASON_CONFIG, 0);
	refusal = FAMILY(error_parse)(ctx, facts, &error, &tuple);
	if (refusal)
		return finish(FL_PASS, refusal, facts->bytes);
	index = FAMILY(reverse_index)(cfg, &tuple);
	reverse = bpf_map_lookup_elem(&MAP_SNAT, &index);
	if (!reverse || !FAMILY(tuple_equal)(&reverse->tuple, &tuple))
		return finish(FL_PASS, FL_REASON_ICMP_UNKNOWN, facts->bytes);
	/* The client knows no backend: its errors are the service's. A router on the way keeps its name. */
	hides = FAMILY(address_equal)((const address_t *)&((ip_t *)error.packet.ip)->saddr, &reverse->tuple.saddr);
	barrier_var(hides);
	FAMILY(error_translate)(&error, &reverse->client_addr, &reverse->service_addr, reverse->client_port, reverse->service_port,
				&reverse->service_addr, hides);
	return FAMILY(reverse_send)(ctx, &error.packet, reverse, FL_REASON_ICMP_TO_CLIENT);
}

/*
 * An error to a service's address, about a reply to a client: goes to the backend that has sent the reply. Under SNAT it comes from the
 * LB address, as all that a backend gets there: it may have no way back to any other. Under DSR the backend gets it as it is. An error about
 * a reply of no flow passes.
 */
FL_GLOBAL int FAMILY(icmp_about_reply)(fl_ctx *ctx, const struct packet_facts *facts)
{
	const struct fl_config *cfg = config_get();
	const backend_t *backend;
	struct FAMILY(error) error;
	enum fl_reason refusal;
	__be16 snat_port;
	__u8 action;
	const address_t *source;
	const slot_t *slot;
	tuple_t tuple;
	__u32 index;

	if (!cfg || !facts)
		return finish(FL_PASS, FL_REASON_CONFIG, 0);
	refusal = FAMILY(error_parse)(ctx, facts, &error, &tuple);
	if (refusal)
		return finish(FL_PASS, refusal, facts->bytes);
	slot = FAMILY(flow_find)(&tuple, FAMILY(tuple_hash)(&tuple, cfg->slot_seed), &index);
	if (!slot || !FAMILY(flow_has_backend)(&slot->flow) || slot->flow.action == FL_ACTION_DSR_IPIP6) /* errors about these are not carried (docs/limits.md) */
		return finish(FL_PASS, FL_REASON_ICMP_UNKNOWN, facts->bytes);
	action = slot->flow.action;
	if (action == FL_ACTION_LOCAL) /* the reply came from this node's own stack */
		return finish_to_backend(FL_PASS, FL_REASON_LOCAL_BACKEND, facts->bytes, &slot->flow.backend_id);
	backend = FAMILY(backend_of)(&slot->flow);
	if (!backend)
		return finish(FL_PASS, FL_REASON_ICMP_UNKNOWN, facts->bytes);
	snat_port = slot->flow.snat_port;
	if (!(backend->flags & FL_BACKEND_RESOLVED))
		return finish(FL_DROP, FL_REASON_UNRESOLVED, facts->bytes);
	if (action == FL_ACTION_DSR_IPIP)
		return FAMILY(dsr_ipip)(ctx, &error.packet, &tuple, backend, FL_REASON_ICMP_TO_BACKEND, 0);
	if (action == FL_ACTION_DSR_L2)
		return FAMILY(dsr_l2)(ctx, &error.packet, backend, FL_REASON_ICMP_TO_BACKEND);
	source = FAMILY(snat_source)(cfg, backend, slot->flow.snat_source);
	FAMILY(error_translate)(&error, &backend->address, source, FAMILY(backend_port)(backend, tuple.dport), snat_port, source, 1);
	mac_copy(error.packet.eth->h_dest, backend->dst_mac);
	mac_copy(error.packet.eth->h_source, backend->src_mac);
	return finish_to_backend(fl_send(ctx, backend->ifindex), FL_REASON_ICMP_TO_BACKEND, facts->bytes, &backend->id);
}
