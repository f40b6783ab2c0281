// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The load balancer of these tests: wraps IPv4 packets to VIP in an outer header to BACKEND, at tc egress of the client.
 * Of the tests alone; the real one is bpf/. VIP, BACKEND and CLIENT come as macros, host order.
 * Segmentation offload stays on: a buffer of many segments arrives at the decapsulator as GRO would give it.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int encap_tc(struct __sk_buff *skb)
{
	struct iphdr outer = {};
	struct iphdr *inner = (void *)(long)skb->data + ETH_HLEN;
	__u16 *word = (__u16 *)&outer;
	__u32 sum = 0;

	if (skb->protocol != bpf_htons(ETH_P_IP) || (void *)(inner + 1) > (void *)(long)skb->data_end)
		return TC_ACT_UNSPEC;
	if (inner->daddr != bpf_htonl(VIP))
		return TC_ACT_UNSPEC;
	outer.version = 4;
	outer.ihl = 5;
	outer.ttl = 64;
	outer.protocol = IPPROTO_IPIP;
	outer.tot_len = bpf_htons(bpf_ntohs(inner->tot_len) + sizeof(outer));
	outer.saddr = bpf_htonl(CLIENT);
	outer.daddr = bpf_htonl(BACKEND);
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	outer.check = (__u16)~((sum & 0xffff) + (sum >> 16));
	if (bpf_skb_adjust_room(skb, sizeof(outer), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_FIXED_GSO))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, ETH_HLEN, &outer, sizeof(outer), 0))
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
