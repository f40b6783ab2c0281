/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that the program makes itself, out of the frame that calls for them, and sends back by the link that it came by: nobody has to be
 * asked for the way. They come from the service's address, which is all that a client knows. Global functions, as flow_find_further().
 * Invariant: no error is about an error, or to an address that is no single host's (RFC 1122, section 3.2.2; RFC 4443, section 2.4 e).
 */

/* Is the packet one host's to this one alone? */
static __always_inline int FAMILY(is_from_host)(const struct ethhdr *eth, const ip_t *ip)
{
	return !(eth->h_dest[0] & 1) && FAMILY(address_is_host)((const address_t *)&ip->saddr);
}

/* May the sender of this packet be told something? */
static __always_inline int FAMILY(may_answer)(const struct fl_config *cfg, const struct ethhdr *eth, const ip_t *ip)
{
	return FAMILY(is_from_host)(eth, ip) && answer_allowed(cfg);
}

/*
 * Makes the frame an ICMP error about its IP packet of `ip_bytes`. The frame's Ethernet header, with `tags` VLAN tags, says from whom it came;
 * `header` is ICMP_HEADER(). Returns 0, or -1 and leaves a frame that must be dropped.
 */
FL_GLOBAL int FAMILY(answer_error)(fl_ctx *ctx, __u32 tags, __u32 ip_bytes, __u64 header)
{
	const __u32 grow = sizeof(ip_t) + sizeof(struct icmp_message);
	__u32 offset = sizeof(struct ethhdr) + (tags & 3) * VLAN_TAG_BYTES;
	__u32 quoted = ip_bytes > ICMP_QUOTE_BYTES ? ICMP_QUOTE_BYTES : ip_bytes;
	__u32 length = fl_first_bytes(ctx);
	struct icmp_message *icmp;
	const ip_t *quote;
	__u64 sum;
	int part;
	ip_t *ip;

	if (length < offset + quoted || fl_cut_tail(ctx, length - offset - quoted) || fl_grow_head(ctx, grow))
		return -1;
	part = frame_sum(ctx, offset + grow, quoted);
	if (part < 0)
		return -1;
	ip = frame_turn(fl_data(ctx), fl_data_end(ctx), tags & 3, grow);
	if (!ip)
		return -1;
	icmp = (void *)(ip + 1);
	quote = (void *)(icmp + 1);
	if ((void *)(quote + 1) > fl_data_end(ctx))
		return -1;
	length = sizeof(*icmp) + quoted;
	FAMILY(ip_fill)(ip, (const address_t *)&quote->daddr, (const address_t *)&quote->saddr, ICMP_PROTOCOL, IP_INTERNETWORK_CONTROL, length);
	*(__u64 *)icmp = header;
	sum = (__u32)part + (header & 0xffff) + (header >> 32);
	if (ICMP_PSEUDO_HEADER)
		sum += FAMILY(pseudo_sum)(ip, ICMP_PROTOCOL, length);
	icmp->check = (__u16)~checksum_fold(sum);
	return 0;
}

/*
 * Makes the frame a segment of headers alone from `service` to `client`, back to whom the frame came from. `offset`: of its IP header; `ports`, `seq`,
 * `ack`: as they stand in it, in network order. Returns 0, or -1: the frame must be dropped. Where a frame cannot be cut, its end remains as padding,
 * which the IP header's length leaves out.
 */
static __always_inline int FAMILY(answer_segment)(fl_ctx *ctx, __u32 offset, const address_t *client, const address_t *service, __be32 ports,
						  __be32 seq, __be32 ack, __u32 flags)
{
	__u32 surplus = fl_first_bytes(ctx) - sizeof(ip_t) - sizeof(struct tcphdr);
	struct ethhdr *eth;
	__u32 *words;
	__u64 sum;
	ip_t *ip;

	if (surplus < offset || (FL_HAS_CUT_TAIL && fl_cut_tail(ctx, surplus - offset)))
		return -1;
	eth = fl_data(ctx);
	ip = (void *)eth + offset;
	words = (void *)(ip + 1);
	if ((void *)(eth + 1) > fl_data_end(ctx) || (void *)words + sizeof(struct tcphdr) > fl_data_end(ctx))
		return -1;
	mac_swap(eth);
	FAMILY(ip_fill)(ip, service, client, IPPROTO_TCP, 0, sizeof(struct tcphdr));
	words[0] = ports;
	words[1] = seq;
	words[2] = ack;
	words[3] = bpf_htonl((sizeof(struct tcphdr) / 4) << 28 | flags << 16);
	sum = FAMILY(pseudo_sum)(ip, IPPROTO_TCP, sizeof(struct tcphdr)) + words[0] + words[1] + words[2] + words[3];
	words[4] = (__u16)~checksum_fold(sum);
	return 0;
}

/* A packet that does not fit with its outer header: tells the sender what would, unless it lets routers cut its packets up. */
FL_GLOBAL int FAMILY(answer_too_big)(fl_ctx *ctx, __u32 tags, __u32 ip_bytes, __u32 mtu)
{
	__u32 bytes = fl_bytes(ctx);
	const struct fl_config *cfg = config_get();
	const struct ethhdr *eth = fl_data(ctx);
	const ip_t *ip = fl_data(ctx) + sizeof(*eth) + (tags & 3) * VLAN_TAG_BYTES;

	if (!cfg || (void *)(eth + 1) > fl_data_end(ctx) || (void *)(ip + 1) > fl_data_end(ctx) || FAMILY(ip_may_be_cut)(ip) ||
	    !FAMILY(may_answer)(cfg, eth, ip))
		return finish(FL_DROP, FL_REASON_TOO_BIG, bytes);
	if (FAMILY(answer_error)(ctx, tags, ip_bytes, ICMP_TOO_BIG(mtu)))
		return finish(FL_DROP, FL_REASON_ADJUST_HEAD, bytes);
	return finish(FL_TX, FL_REASON_TOO_BIG_ANSWERED, bytes);
}
