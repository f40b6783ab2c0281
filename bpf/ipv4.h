/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a frame with the IPv4 ethertype to the balancer: every length is checked here, once (RFC 791, RFC 9293, RFC 768).
 */
#pragma once

static __always_inline int ipv4_process(fl_ctx *ctx, struct ethhdr *eth, void *end, __u32 bytes)
{
	const struct fl_config *cfg = config_get();
	struct packet packet = { .eth = eth, .bytes = bytes };
	struct fl_tuple4 tuple;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *l4 = (void *)(ip + 1);
	__u16 length;
	__u32 protocol;

	if (!cfg)
		return finish(FL_PASS, FL_REASON_CONFIG, bytes);
	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return finish(FL_PASS, FL_REASON_MALFORMED, bytes);
	length = bpf_ntohs(ip->tot_len);
	if (length < ip->ihl * 4 || length > bytes - sizeof(*eth))
		return finish(FL_PASS, FL_REASON_MALFORMED, bytes);
	if (ip->ihl > 5)
		return finish(FL_PASS, FL_REASON_IP_OPTIONS, bytes);
	if (ip->frag_off & bpf_htons(0x3fff)) /* MF or an offset */
		return finish(FL_PASS, FL_REASON_FRAGMENT, bytes);
	protocol = ip->protocol;
	barrier_var(protocol); /* one load: the verifier does not know that a second one reads the same */
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return finish(FL_PASS, FL_REASON_PROTOCOL, bytes);
	if ((void *)(l4 + 1) > end || length < sizeof(*ip) + sizeof(*l4))
		return finish(FL_PASS, FL_REASON_MALFORMED, bytes);
	if (protocol == IPPROTO_TCP) {
		__u16 header;

		if ((void *)l4 + sizeof(struct tcphdr) > end)
			return finish(FL_PASS, FL_REASON_MALFORMED, bytes);
		header = (((__u8 *)l4)[TCP_DATA_OFFSET_OFFSET] >> 4) * 4;
		if (header < sizeof(struct tcphdr) || length < sizeof(*ip) + header)
			return finish(FL_PASS, FL_REASON_MALFORMED, bytes);
		packet.l4_check = (void *)l4 + offsetof(struct tcphdr, check);
		packet.tcp_flags = ((__u8 *)l4)[TCP_FLAGS_OFFSET];
	} else {
		__u16 datagram = bpf_ntohs(l4->len);

		if (datagram < sizeof(*l4) || datagram > length - sizeof(*ip))
			return finish(FL_PASS, FL_REASON_MALFORMED, bytes);
		packet.l4_check = &l4->check;
	}
	packet.ip = ip;
	packet.l4 = l4;
	packet.protocol = protocol;
	tuple_fill_v4(&tuple, ip, l4, protocol);
	if (address_is_lb_v4(cfg, &tuple.daddr)) {
		if (snat_port_in_range(cfg, tuple.dport))
			return snat_reply_v4(ctx, &packet, &tuple);
		return finish(FL_PASS, FL_REASON_LOCAL, bytes);
	}
	return balance_v4(ctx, cfg, &packet, &tuple);
}
