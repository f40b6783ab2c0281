/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Echo requests to a service's address are answered here, whatever the backends do (RFC 792; RFC 4443, section 4.2): nobody else has the address
 * under SNAT, and under DSR everybody has. Only for an address that has a service, and a plain header; all others pass.
 */

FL_GLOBAL int FAMILY(answer_echo)(fl_ctx *ctx, const struct packet_facts *facts)
{
	const void *end = fl_data_end(ctx);
	struct icmp_message *icmp;
	struct ethhdr *eth = fl_data(ctx);
	address_t client;
	address_t vip;
	ip_t *ip;

	if (!facts)
		return finish(FL_PASS, FL_REASON_CONFIG, 0);
	ip = (void *)eth + ip_offset(facts);
	icmp = (void *)(ip + 1);
	if ((void *)(eth + 1) > end || (void *)(icmp + 1) > end || facts->l4_offset != sizeof(*ip) || !FAMILY(is_from_host)(eth, ip))
		return finish(FL_PASS, FL_REASON_PROTOCOL, facts->bytes);
	vip = *(const address_t *)&ip->daddr;
	if (!FAMILY(vip_exists)(&vip))
		return finish(FL_PASS, FL_REASON_NO_SERVICE, facts->bytes);
	icmp->check = checksum_apply(icmp->check, checksum_change(ICMP_ECHO_REQUEST, ICMP_ECHO_REPLY));
	icmp->type = ICMP_ECHO_REPLY;
	client = *(const address_t *)&ip->saddr;
	*(address_t *)&ip->saddr = vip;
	*(address_t *)&ip->daddr = client;
	FAMILY(ip_set_hops)(ip, 64);
	mac_swap(eth);
	return finish(FL_TX, FL_REASON_VIP_ECHO, facts->bytes);
}
