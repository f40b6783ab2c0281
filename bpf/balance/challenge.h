/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Asks clients to show that their address is theirs before an entry is made for them: a flood of forged SYNs then makes none.
 *
 * A SYN gets an ACK whose acknowledgment number is a SYN cookie of the kernel's, which no client can have expected. Whoever has sent the SYN
 * answers by a reset with just that number (RFC 9293, section 3.10.7.3, first check), and sends its SYN again, which is let through then. Nothing is
 * kept about a client that does not answer, and the connection's own sequence numbers are client's and backend's.
 */
#if FL_SYN_CHALLENGE

/* Headers of a cookie: of client, service and time, not of a sequence number, as the reset does not tell the SYN's. `ports`: as they stand in a header. */
static __always_inline void FAMILY(cookie_header)(struct tcphdr *tcp, __be32 ports, __u32 seq, __u32 cookie)
{
	__u32 *words = (__u32 *)tcp;

	words[0] = ports;
	words[1] = bpf_htonl(seq);
	words[2] = bpf_htonl(cookie + 1);
	words[3] = bpf_htonl((sizeof(*tcp) / 4) << 28);
	words[4] = 0;
}

/* The TCP header of a packet that is one host's to this one, or 0; `ip` is set beside it. */
static __always_inline const __u32 *FAMILY(challenge_parse)(fl_ctx *ctx, const struct packet_facts *facts, ip_t **ip)
{
	const struct ethhdr *eth = fl_data(ctx);
	__u32 l4_offset = facts->l4_offset;
	const __u32 *words;

	*ip = (void *)eth + ip_offset(facts);
	if (l4_offset > sizeof(ip_t) + IPV6_MAX_HEADERS_BYTES || (void *)(eth + 1) > fl_data_end(ctx) || (void *)(*ip + 1) > fl_data_end(ctx))
		return 0;
	words = (void *)*ip + l4_offset;
	if ((void *)words + sizeof(struct tcphdr) > fl_data_end(ctx) || !FAMILY(is_from_host)(eth, *ip))
		return 0;
	return words;
}

/*
 * Of a SYN without a flow, or of a reset: enum syn_verdict. Does not touch the frame, so that its headers are known still to who asks. A global
 * function, as flow_find_further().
 */
FL_GLOBAL int FAMILY(syn_judge)(fl_ctx *ctx, const struct packet_facts *facts, const tuple_t *tuple)
{
	const struct fl_config *cfg = config_get();
	__u32 now = fl_now();
	tuple_t name = {};
	struct tcphdr tcp;
	const __u32 *words;
	__u64 hash;
	ip_t *ip;

	if (!cfg || !facts || !tuple)
		return SYN_GOES_ON;
	words = FAMILY(challenge_parse)(ctx, facts, &ip);
	if (!words || !FAMILY(service_find)(tuple))
		return SYN_GOES_ON;
	name.saddr = tuple->saddr;
	hash = FAMILY(tuple_hash)(&name, cfg->slot_seed);
	if (facts->tcp_flags & TCP_FLAG_RST_BIT) {
		FAMILY(cookie_header)(&tcp, words[0], 1, bpf_ntohl(words[1]));
		if (FAMILY(fl_cookie_check)(ip, &tcp))
			return SYN_GOES_ON;
		proven_note(hash, now);
		return SYN_ANSWER;
	}
	if (!tcp_opens(facts->tcp_flags) || proven_lately(cfg, hash, now))
		return SYN_GOES_ON;
	return cfg->syn_challenge == FL_SYN_CHALLENGE_ALWAYS || new_flows_pressed(cfg, now) ? SYN_ASKED : SYN_GOES_ON;
}

/* Makes the SYN the challenge, and sends it back. A global function, as flow_find_further(). */
FL_GLOBAL int FAMILY(syn_ask)(fl_ctx *ctx, const struct packet_facts *facts)
{
	address_t client, service;
	const __u32 *words;
	struct tcphdr tcp;
	__s64 cookie;
	__be32 ports;
	ip_t *ip;

	if (!facts)
		return finish(FL_PASS, FL_REASON_CONFIG, 0);
	words = FAMILY(challenge_parse)(ctx, facts, &ip);
	if (!words)
		return finish(FL_PASS, FL_REASON_MALFORMED, facts->bytes);
	ports = words[0];
	FAMILY(cookie_header)(&tcp, ports, 0, 0);
	cookie = FAMILY(fl_cookie_make)(ip, &tcp);
	client = *(const address_t *)&ip->saddr;
	service = *(const address_t *)&ip->daddr;
	if (cookie < 0 || FAMILY(answer_segment)(ctx, ip_offset(facts), &client, &service, ports << 16 | ports >> 16, 0,
						 bpf_htonl((__u32)cookie), TCP_FLAG_ACK_BIT))
		return finish(FL_DROP, FL_REASON_ADJUST_HEAD, facts->bytes);
	return finish(FL_TX, FL_REASON_SYN_CHALLENGED, facts->bytes);
}

#endif
