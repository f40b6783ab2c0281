/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a frame with this family's ethertype to one of the ways that a packet takes.
 */

/* `offset`: of the IP header in the frame. */
static __always_inline int FAMILY(process)(fl_ctx *ctx, struct packet *packet, const void *end, __u32 offset)
{
	const struct fl_config *cfg = config_get();
	enum fl_reason refusal;
	__u32 beyond = 0; /* bytes of the datagram that are in later fragments, at most */
	__u32 l4_offset;
	tuple_t tuple;

	if (!cfg)
		return finish(FL_PASS, FL_REASON_CONFIG, packet->facts.bytes);
	barrier_var(offset); /* one value to the verifier, so that it follows the rest once and not for each number of tags */
	if (offset > sizeof(struct ethhdr) + VLAN_MAX_TAGS * VLAN_TAG_BYTES)
		return finish(FL_PASS, FL_REASON_MALFORMED, packet->facts.bytes);
	packet->ip = (void *)packet->eth + offset;
	refusal = FAMILY(ip_parse)(ctx, packet, end, packet->facts.bytes - offset);
	if (refusal == FL_REASON_FRAGMENT) {
		struct packet_facts facts = packet->facts;
		int result = FAMILY(fragment)(ctx, &facts, offset, packet->fragment_at);

		if (result != FRAGMENT_FIRST)
			return result;
		packet->eth = fl_data(ctx); /* to the verifier the frame may have moved */
		packet->ip = (void *)packet->eth + offset;
		end = fl_data_end(ctx);
		if ((void *)(packet->eth + 1) > end || packet->ip + sizeof(ip_t) > end)
			return finish(FL_PASS, FL_REASON_MALFORMED, packet->facts.bytes);
		beyond = 0xffff;
	} else if (refusal) {
		return pass_unread(ctx, refusal);
	}
	barrier_var(packet->facts.protocol); /* one load: the verifier does not know that a second one reads the same */
	if (packet->facts.protocol != IPPROTO_TCP && packet->facts.protocol != IPPROTO_UDP)
		return packet->facts.protocol == ICMP_PROTOCOL ? FAMILY(icmp)(ctx, packet) :
			finish(FL_PASS, FL_REASON_PROTOCOL, packet->facts.bytes);
	l4_offset = packet->facts.l4_offset;
	barrier_var(l4_offset);
	if (l4_offset > sizeof(ip_t) + IPV6_MAX_HEADERS_BYTES)
		return finish(FL_PASS, FL_REASON_IP_HEADERS, packet->facts.bytes);
	packet->l4 = packet->ip + l4_offset;
	if (!l4_parse(packet, end, packet->facts.ip_bytes - l4_offset + beyond, UDP_UNCHECKED))
		return pass_unread(ctx, FL_REASON_MALFORMED);
	FAMILY(tuple_fill)(&tuple, packet->ip, packet->l4, packet->facts.protocol);
	if (FAMILY(address_is_lb)(cfg, &tuple.daddr)) {
		if (snat_port_in_range(cfg, tuple.dport))
			return FAMILY(snat_reply)(ctx, cfg, packet, &tuple);
		return finish(FL_PASS, FL_REASON_LOCAL, packet->facts.bytes);
	}
	if (!vip_known(FAMILY(address_fold)(&tuple.daddr)))
		return finish(FL_PASS, FL_REASON_NO_SERVICE, packet->facts.bytes);
	return FAMILY(balance)(ctx, cfg, packet, &tuple);
}
