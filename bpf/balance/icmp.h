/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP messages: which of them concern a flow, and where they go. All others pass.
 */

enum FAMILY(icmp_way) { FAMILY(ICMP_PASSES), FAMILY(ICMP_ABOUT_REQUEST), FAMILY(ICMP_ABOUT_REPLY), FAMILY(ICMP_ABOUT_WRAPPED), FAMILY(ICMP_ECHO) };

/* What is to be done with this message. A global function, as flow_find_further(). */
FL_GLOBAL int FAMILY(icmp_sort)(fl_ctx *ctx, const struct packet_facts *facts)
{
	const struct fl_config *cfg = config_get();
	const struct icmp_message *icmp;
	const address_t *address;
	__u32 l4_offset;
	const ip_t *ip;

	if (!cfg || !facts)
		return FAMILY(ICMP_PASSES);
	l4_offset = facts->l4_offset;
	if (l4_offset > sizeof(*ip) + IPV6_MAX_HEADERS_BYTES || facts->ip_bytes < l4_offset + sizeof(*icmp))
		return FAMILY(ICMP_PASSES);
	ip = fl_data(ctx) + ip_offset(facts);
	icmp = (void *)ip + l4_offset;
	if ((void *)(ip + 1) > fl_data_end(ctx) || (void *)(icmp + 1) > fl_data_end(ctx))
		return FAMILY(ICMP_PASSES);
	address = (const address_t *)&ip->daddr;
	if (cfg->vip_echo && icmp->type == ICMP_ECHO_REQUEST && !icmp->code && vip_known(FAMILY(address_fold)(address)) &&
	    !FAMILY(address_is_lb)(cfg, address))
		return FAMILY(ICMP_ECHO);
	if (!FAMILY(icmp_is_error)(icmp->type))
		return FAMILY(ICMP_PASSES);
	if (FAMILY(address_is_lb)(cfg, address)) {
		const ip_t *quoted = (void *)(icmp + 1);

		if ((void *)(quoted + 1) <= fl_data_end(ctx) && FAMILY(ip_wraps)(quoted))
			return FAMILY(ICMP_ABOUT_WRAPPED);
		return FAMILY(ICMP_ABOUT_REQUEST);
	}
	return vip_known(FAMILY(address_fold)(address)) ? FAMILY(ICMP_ABOUT_REPLY) : FAMILY(ICMP_PASSES);
}

static __always_inline int FAMILY(icmp)(fl_ctx *ctx, const struct packet *packet)
{
	struct packet_facts facts = packet->facts;

	switch (FAMILY(icmp_sort)(ctx, &facts)) {
	case FAMILY(ICMP_ABOUT_REQUEST):
		return FAMILY(icmp_about_request)(ctx, &facts);
	case FAMILY(ICMP_ABOUT_REPLY):
		return FAMILY(icmp_about_reply)(ctx, &facts);
	case FAMILY(ICMP_ABOUT_WRAPPED):
		return FAMILY(icmp_about_wrapped)(ctx, &facts);
	case FAMILY(ICMP_ECHO):
		return FAMILY(answer_echo)(ctx, &facts);
	default:
		return finish(FL_PASS, FL_REASON_PROTOCOL, packet->facts.bytes);
	}
}
