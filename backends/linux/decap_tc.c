// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Decapsulation at tc ingress (clsact, direct action): for every device, after the driver and GRO.
 * The logic stands in decap.h; here only what a socket buffer needs.
 * Invariant: what is not dropped leaves with TC_ACT_UNSPEC, so filters behind this one still run.
 */
#include <linux/pkt_cls.h>

#include "decap.h"

/* Newer than the headers of some distributions; Linux 6.3 and later know it, older ones answer -EINVAL. */
#define DECAP_F_ADJ_ROOM_DECAP_L3_IPV4 (1ULL << 7)

/* Bytes that the judgement may read: Ethernet, outer and inner header. */
#define DECAP_HEADERS (ETH_HLEN + 2 * sizeof(struct iphdr))

/*
 * Takes the outer header off. FIXED_GSO: a buffer that GRO put together keeps its segment size, which already is the inner
 * payload's. The checksum state is reset (no NO_CSUM_RESET): what the device verified may have been the outer header alone.
 */
static __always_inline long decap_strip(struct __sk_buff *skb, __u32 outer_bytes)
{
	long failed = bpf_skb_adjust_room(skb, -(__s32)outer_bytes, BPF_ADJ_ROOM_MAC,
					  BPF_F_ADJ_ROOM_FIXED_GSO | DECAP_F_ADJ_ROOM_DECAP_L3_IPV4);

	if (failed)
		failed = bpf_skb_adjust_room(skb, -(__s32)outer_bytes, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO);
	return failed;
}

SEC("tc")
int decap_tc(struct __sk_buff *skb)
{
	__u32 bytes = skb->len; /* before the header goes */
	struct decap_ruling ruling;

	/* Headers that lie in pages have to be brought into the linear part; a short frame stays short and is judged so. */
	if (skb->protocol == bpf_htons(ETH_P_IP) && (void *)(long)skb->data + DECAP_HEADERS > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, bytes < DECAP_HEADERS ? bytes : DECAP_HEADERS);

	ruling = decap_judge((void *)(long)skb->data, (void *)(long)skb->data_end, bytes);
	if (ruling.reason == DECAP_DECAPSULATED && decap_strip(skb, ruling.outer_bytes))
		ruling.reason = DECAP_KERNEL_REFUSED;
	decap_count(ruling.reason, bytes);
	return decap_is_dropped(ruling.reason) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
