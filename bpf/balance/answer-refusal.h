/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a client gets when no backend can serve it: by setting nothing, a TCP reset, or ICMP port unreachable. Global functions, as
 * flow_find_further(); within the bound on answers.
 */

/*
 * Makes the frame the reset that RFC 9293, section 3.10.7.1 has for a segment to a closed port. Returns 0, or -1: the frame must be dropped.
 */
FL_GLOBAL int FAMILY(answer_reset)(fl_ctx *ctx, const struct packet_facts *facts)
{
	__u32 l4_offset, offset, length;
	address_t client, service;
	__be32 ports, seq, ack;
	__u32 *words;
	__u32 flags;
	ip_t *ip;

	if (!facts)
		return -1;
	offset = ip_offset(facts);
	l4_offset = facts->l4_offset;
	ip = fl_data(ctx) + offset;
	if (l4_offset > sizeof(*ip) + IPV6_MAX_HEADERS_BYTES || (void *)(ip + 1) > fl_data_end(ctx))
		return -1;
	client = *(const address_t *)&ip->saddr;
	service = *(const address_t *)&ip->daddr;
	words = (void *)ip + l4_offset;
	if ((void *)words + sizeof(struct tcphdr) > fl_data_end(ctx))
		return -1;
	ports = words[0] << 16 | words[0] >> 16;
	flags = facts->tcp_flags;
	if (flags & TCP_FLAG_RST_BIT)
		return -1;
	if (flags & TCP_FLAG_ACK_BIT) {
		seq = words[2];
		ack = 0;
	} else {
		/* What the segment takes of the sequence space is all acknowledged. */
		length = facts->ip_bytes - l4_offset - (((__u8 *)words)[TCP_DATA_OFFSET_OFFSET] >> 4) * 4;
		length += !!(flags & TCP_FLAG_SYN_BIT) + !!(flags & TCP_FLAG_FIN);
		seq = 0;
		ack = bpf_htonl(bpf_ntohl(words[1]) + length);
	}
	flags = TCP_FLAG_RST_BIT | (flags & TCP_FLAG_ACK_BIT ? 0 : TCP_FLAG_ACK_BIT);
	return FAMILY(answer_segment)(ctx, offset, &client, &service, ports, seq, ack, flags);
}

/* A packet that would begin a flow, if there were a backend. */
FL_GLOBAL int FAMILY(answer_refusal)(fl_ctx *ctx, const struct packet_facts *facts)
{
	const struct fl_config *cfg = config_get();
	const struct ethhdr *eth = fl_data(ctx);
	const ip_t *ip;

	if (!cfg || !facts)
		return finish(FL_PASS, FL_REASON_CONFIG, 0);
	ip = (void *)eth + ip_offset(facts);
	if ((void *)(eth + 1) > fl_data_end(ctx) || (void *)(ip + 1) > fl_data_end(ctx) || !FAMILY(may_answer)(cfg, eth, ip))
		return finish(FL_DROP, FL_REASON_NO_BACKEND, facts->bytes);
	if (cfg->no_backend == FL_NO_BACKEND_RESET && facts->protocol == IPPROTO_TCP) {
		if (FAMILY(answer_reset)(ctx, facts))
			return finish(FL_DROP, FL_REASON_NO_BACKEND, facts->bytes);
		return finish(FL_TX, FL_REASON_NO_BACKEND_RESET, facts->bytes);
	}
	if (FAMILY(answer_error)(ctx, link_tags(facts->link), facts->ip_bytes, ICMP_PORT_UNREACHABLE))
		return finish(FL_DROP, FL_REASON_ADJUST_HEAD, facts->bytes);
	return finish(FL_TX, FL_REASON_NO_BACKEND_UNREACHABLE, facts->bytes);
}
