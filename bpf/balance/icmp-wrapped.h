/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A router between this node and a backend says that a wrapped packet is too big for its next link. The client can do something about it, so
 * it is told (RFC 2003, section 4.1; RFC 2473, section 8.1): the error is made anew, about the client's own packet.
 * Other errors about wrapped packets pass. Global functions, as flow_find_further().
 */

/*
 * Cuts the frame down to the IP packet at `offset` and puts an Ethernet header before it, from the next hop towards that packet's sender to this
 * node: answer_error() turns it round. Returns the device that leads there, 0 when the FIB knows none, or -1 and leaves a frame that must be
 * dropped. DSR flows know no link of their client's.
 */
FL_GLOBAL int FAMILY(sender_find)(fl_ctx *ctx, __u32 offset)
{
#if FL_HAS_FIB
	struct bpf_fib_lookup question = {};
	struct ethhdr *eth;
	const ip_t *ip;

	if (offset > FRAME_SUM_OFFSET)
		return 0;
	barrier_var(offset); /* two comparisons: newer compilers make one of a difference, from which the verifier learns no bound */
	if (offset < sizeof(*eth))
		return 0;
	ip = fl_data(ctx) + offset;
	if ((void *)(ip + 1) > fl_data_end(ctx))
		return 0;
	FAMILY(fib_ask_back)(&question, ip);
	question.ifindex = ctx->ingress_ifindex;
	if (bpf_fib_lookup(ctx, &question, sizeof(question), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return 0;
	if (fl_grow_head(ctx, -(int)(offset - sizeof(*eth))))
		return -1;
	eth = fl_data(ctx);
	if ((void *)(eth + 1) > fl_data_end(ctx))
		return -1;
	mac_copy_aligned(eth->h_source, question.dmac);
	mac_copy_aligned(eth->h_dest, question.smac);
	eth->h_proto = bpf_htons(IP_ETHERTYPE);
	return question.ifindex;
#else
	return 0;
#endif
}

/* Has this node wrapped such packets? */
static __always_inline int FAMILY(wraps)(const struct fl_config *cfg, const tuple_t *tuple)
{
	const struct fl_service *service;
	__u32 index;
	const slot_t *slot = FAMILY(flow_find)(tuple, FAMILY(tuple_hash)(tuple, cfg->slot_seed), &index);

	if (slot)
		return slot->flow.action == FL_ACTION_DSR_IPIP;
	service = FAMILY(service_find)(tuple);
	return service && service->action == FL_ACTION_DSR_IPIP;
}

/* An error to an LB address about a packet that this node has wrapped. */
FL_GLOBAL int FAMILY(icmp_about_wrapped)(fl_ctx *ctx, const struct packet_facts *facts)
{
	const struct fl_config *cfg = config_get();
	const struct icmp_message *icmp;
	struct quote quote = {};
	__u32 offset, l4_offset, length, mtu, header;
	const ip_t *ip, *wrapped;
	const void *l4;
	tuple_t tuple;
	int sum, device;

	if (!cfg || !facts)
		return finish(FL_PASS, FL_REASON_CONFIG, 0);
	offset = ip_offset(facts);
	l4_offset = facts->l4_offset;
	if (l4_offset > sizeof(*ip) + IPV6_MAX_HEADERS_BYTES)
		return finish(FL_PASS, FL_REASON_IP_HEADERS, facts->bytes);
	ip = fl_data(ctx) + offset;
	icmp = (void *)ip + l4_offset;
	wrapped = (void *)(icmp + 1) + OUTER_LENGTH;
	length = facts->ip_bytes;
	if ((void *)(ip + 1) > fl_data_end(ctx) || (void *)(wrapped + 1) > fl_data_end(ctx) ||
	    length < l4_offset + sizeof(*icmp) + OUTER_LENGTH + sizeof(*wrapped))
		return finish(FL_PASS, FL_REASON_ICMP_QUOTE, facts->bytes);
	mtu = FAMILY(icmp_mtu)(icmp);
	if (mtu < OUTER_LENGTH + IP_LEAST_MTU || !FAMILY(address_equal)((const address_t *)&((ip_t *)(icmp + 1))->saddr, (const address_t *)&ip->daddr))
		return finish(FL_PASS, FL_REASON_ICMP_UNKNOWN, facts->bytes);
	/* What this node makes anew has a right checksum: it must not be made from what has none. */
	sum = frame_sum(ctx, offset + l4_offset, length - l4_offset);
	if (ICMP_PSEUDO_HEADER && sum >= 0)
		sum = checksum_fold((__u32)sum + FAMILY(pseudo_sum)(ip, ICMP_PROTOCOL, length - l4_offset));
	if (sum != 0xffff)
		return finish(FL_PASS, FL_REASON_MALFORMED, facts->bytes);
	length -= l4_offset + sizeof(*icmp) + OUTER_LENGTH;
	offset += l4_offset + sizeof(*icmp) + OUTER_LENGTH;
	if (FAMILY(quote_parse)(ctx, wrapped, offset, offset + length, &quote))
		return finish(FL_PASS, FL_REASON_ICMP_QUOTE, facts->bytes);
	header = quote.header;
	l4 = (void *)wrapped + header;
	if (header > sizeof(*ip) + IPV6_MAX_HEADERS_BYTES || length < header + QUOTE_L4_BYTES || l4 + QUOTE_L4_BYTES > fl_data_end(ctx) ||
	    (quote.protocol != IPPROTO_TCP && quote.protocol != IPPROTO_UDP))
		return finish(FL_PASS, FL_REASON_ICMP_QUOTE, facts->bytes);
	FAMILY(tuple_fill)(&tuple, wrapped, l4, quote.protocol);
	if (!FAMILY(wraps)(cfg, &tuple) || FAMILY(ip_may_be_cut)(wrapped))
		return finish(FL_PASS, FL_REASON_ICMP_UNKNOWN, facts->bytes);
	if (!FAMILY(address_is_host)(&tuple.saddr) || !answer_allowed(cfg))
		return finish(FL_DROP, FL_REASON_TOO_BIG, facts->bytes);
	device = FAMILY(sender_find)(ctx, offset);
	if (!device)
		return finish(FL_PASS, FL_REASON_CLIENT_UNRESOLVED, facts->bytes);
	if (device < 0 || FAMILY(answer_error)(ctx, 0, length, ICMP_TOO_BIG(mtu - OUTER_LENGTH)))
		return finish(FL_DROP, FL_REASON_ADJUST_HEAD, facts->bytes);
	return finish(fl_send(ctx, device), FL_REASON_TOO_BIG_RELAYED, facts->bytes);
}
