/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DSR: the packet reaches the backend with the client's and the service's addresses unchanged, and the reply goes
 * from there straight to the client. By IPIP (RFC 2003) over any network, by L2 on the backend's own link.
 * `reason` is what the packet is counted as.
 */

static __always_inline int FAMILY(dsr_l2)(fl_ctx *ctx, const struct packet *packet, const backend_t *backend, enum fl_reason reason)
{
	FAMILY(ip_decrement_ttl)(packet->ip);
	mac_copy(packet->eth->h_dest, backend->dst_mac);
	mac_copy(packet->eth->h_source, backend->src_mac);
	return finish(fl_send(ctx, backend->ifindex), reason, packet->bytes);
}

static __always_inline int FAMILY(dsr_ipip)(fl_ctx *ctx, const struct packet *packet, const backend_t *backend, enum fl_reason reason)
{
	ip_t *inner = packet->ip;
	__u16 length = FAMILY(ip_length)(inner);
	__be16 fragment_bits = inner->frag_off & bpf_htons(0x4000); /* DF is the sender's decision (RFC 2003, section 3.1) */
	__u8 tos = inner->tos;
	__u32 bytes = packet->bytes;
	struct ethhdr *eth;

	if (length + OUTER_LENGTH > backend->mtu)
		return finish(FL_DROP, FL_REASON_TOO_BIG, bytes);
	FAMILY(ip_decrement_ttl)(inner);
	if (fl_grow_head(ctx, OUTER_LENGTH))
		return finish(FL_DROP, FL_REASON_ADJUST_HEAD, bytes);
	eth = fl_data(ctx);
	if ((void *)(eth + 1) + OUTER_LENGTH > fl_data_end(ctx))
		return finish(FL_DROP, FL_REASON_ADJUST_HEAD, bytes);
	mac_copy(eth->h_dest, backend->dst_mac);
	mac_copy(eth->h_source, backend->src_mac);
	eth->h_proto = bpf_htons(ETH_P_IP);
	FAMILY(outer_fill)((void *)(eth + 1), backend, tos, fragment_bits, length);
	return finish(fl_send(ctx, backend->ifindex), reason, bytes);
}
