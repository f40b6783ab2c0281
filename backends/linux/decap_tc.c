// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Decapsulation at tc ingress (clsact, direct action): for every device, after the driver and GRO.
 * The logic stands in decap.h; here only what a socket buffer needs.
 * Invariant: what is not dropped leaves with TC_ACT_UNSPEC, so filters behind this one still run.
 */
#include <linux/pkt_cls.h>

#include "decap_linux.h"

#include "decap.h"

/*
 * adjust_room's flag "IPv4 is what comes out": newer than the headers of some distributions; Linux 6.3 and later know it,
 * older ones answer -EINVAL. The tests give one that no kernel knows, to walk the older ones' way.
 */
#ifndef DECAP_F_TO_IPV4
#define DECAP_F_TO_IPV4 (1ULL << 7)
#endif

/* Bytes that the judgement may read: Ethernet, outer headers, inner header. */
#define DECAP_HEADERS (ETH_HLEN + 2 * sizeof(struct ipv6hdr) + DECAP_EXTENSION_BYTES)

/*
 * Takes the outer header off. FIXED_GSO: a buffer that GRO put together keeps its segment size, which already is the inner
 * payload's. The checksum state is reset (no NO_CSUM_RESET): what the device verified may have been the outer header alone.
 * A buffer carries its family apart from the EtherType; where the flag is not known, change_proto changes it and takes
 * the difference of both headers off itself. When that fails half way, the frame is lost: a refusal is always dropped.
 */
static __always_inline long decap_strip(struct __sk_buff *skb, const struct decap_ruling *ruling)
{
	const __s32 shorter = sizeof(struct ipv6hdr) - sizeof(struct iphdr);
	__s32 bytes = (__s32)ruling->outer_bytes;

	if (skb->protocol != ruling->type) {
		if (!bpf_skb_adjust_room(skb, -bytes, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO | DECAP_F_TO_IPV4))
			return 0;
		if (bpf_skb_change_proto(skb, ruling->type, 0))
			return -1;
		bytes -= shorter;
	}
	return bpf_skb_adjust_room(skb, -bytes, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO);
}

SEC("tc")
int decap_tc(struct __sk_buff *skb)
{
	__u32 bytes = skb->len; /* before the header goes */
	struct decap_ruling ruling;

	/* Headers that lie in pages have to be brought into the linear part; a short frame stays short and is judged so. */
	if ((skb->protocol == bpf_htons(ETH_P_IP) || skb->protocol == bpf_htons(ETH_P_IPV6)) &&
	    (void *)(long)skb->data + DECAP_HEADERS > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, bytes < DECAP_HEADERS ? bytes : DECAP_HEADERS);

	ruling = decap_judge((void *)(long)skb->data, (void *)(long)skb->data_end, bytes);
	if (ruling.reason == DECAP_DECAPSULATED) {
		if (decap_strip(skb, &ruling))
			ruling.reason = DECAP_KERNEL_REFUSED;
		else
			/* A device that gave the sum over the whole packet has to be told of the change. */
			bpf_csum_update(skb, decap_finish((void *)(long)skb->data, (void *)(long)skb->data_end, ruling.type,
							  ruling.ecn));
	}
	decap_count(ruling.reason, bytes);
	return decap_is_dropped(ruling.reason) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
