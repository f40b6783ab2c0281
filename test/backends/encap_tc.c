// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The load balancer of these tests: wraps packets to VIP in an outer header to BACKEND, at tc egress of the client.
 * Of the tests alone; the real one is bpf/. Macros: OUTER and INNER, 4 or 6; VIP, BACKEND and CLIENT, bytes in network order.
 * Segmentation offload stays on: a buffer of many segments arrives at the decapsulator as GRO would give it.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#if INNER == 4
typedef struct iphdr inner_header;
#define INNER_TYPE ETH_P_IP
#define INNER_PROTOCOL IPPROTO_IPIP
#else
typedef struct ipv6hdr inner_header;
#define INNER_TYPE ETH_P_IPV6
#define INNER_PROTOCOL IPPROTO_IPV6
#endif

/* What goes in front, the Ethernet header's last field included. */
struct __attribute__((packed)) front {
	__be16 type;
#if OUTER == 4
	struct iphdr ip;
#else
	struct ipv6hdr ip;
#endif
};

#if OUTER == 4
#define ENCAP_FLAG BPF_F_ADJ_ROOM_ENCAP_L3_IPV4

static __always_inline void fill(struct front *front, __u32 content)
{
	const __u8 source[] = { CLIENT }, destination[] = { BACKEND };
	__u16 word[sizeof(front->ip) / 2];
	__u32 sum = 0;

	front->type = bpf_htons(ETH_P_IP);
	front->ip.version = 4;
	front->ip.ihl = 5;
	front->ip.ttl = 64;
	front->ip.protocol = INNER_PROTOCOL;
	front->ip.tot_len = bpf_htons(content + sizeof(front->ip));
	__builtin_memcpy(&front->ip.saddr, source, sizeof(source));
	__builtin_memcpy(&front->ip.daddr, destination, sizeof(destination));
	__builtin_memcpy(word, &front->ip, sizeof(word));
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	front->ip.check = (__u16)~((sum & 0xffff) + (sum >> 16));
}
#else
#define ENCAP_FLAG BPF_F_ADJ_ROOM_ENCAP_L3_IPV6

static __always_inline void fill(struct front *front, __u32 content)
{
	const __u8 source[] = { CLIENT }, destination[] = { BACKEND };

	front->type = bpf_htons(ETH_P_IPV6);
	front->ip.version = 6;
	front->ip.hop_limit = 64;
	front->ip.nexthdr = INNER_PROTOCOL;
	front->ip.payload_len = bpf_htons(content);
	__builtin_memcpy(&front->ip.saddr, source, sizeof(source));
	__builtin_memcpy(&front->ip.daddr, destination, sizeof(destination));
}
#endif

SEC("tc")
int encap_tc(struct __sk_buff *skb)
{
	const inner_header *inner = (void *)(long)skb->data + ETH_HLEN;
	const __u8 vip[] = { VIP };
	struct front front = {};
	__u8 difference = 0;
	__u32 content;

	if (skb->protocol != bpf_htons(INNER_TYPE) || (void *)(inner + 1) > (void *)(long)skb->data_end)
		return TC_ACT_UNSPEC;
#pragma unroll
	for (int i = 0; i < (int)sizeof(vip); i++)
		difference |= ((const __u8 *)&inner->daddr)[i] ^ vip[i];
	if (difference)
		return TC_ACT_UNSPEC;
#if INNER == 4
	content = bpf_ntohs(inner->tot_len);
#else
	content = bpf_ntohs(inner->payload_len) + sizeof(*inner);
#endif
	fill(&front, content);
	if (bpf_skb_adjust_room(skb, sizeof(front.ip), BPF_ADJ_ROOM_MAC, ENCAP_FLAG | BPF_F_ADJ_ROOM_FIXED_GSO))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, ETH_HLEN - sizeof(front.type), &front, sizeof(front), 0))
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
