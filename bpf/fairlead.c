/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fairlead's data plane: an XDP program that balances TCP and UDP over backends.
 * docs/packet-walk.md follows a packet through it.
 */
#include "platform/linux.h"
#include "config.h"
#include "finish.h"
#include "hash.h"
#include "checksum.h"
#include "ethernet.h"
#include "packet.h"
#include "tcp.h"
#include "flow-limit.h"
#include "maglev.h"
#include "snat-port.h"

#include "family/ipv4.h"
#include "balance/all.h"
#include "family/end.h"

#include "ipv4.h"

SEC("xdp")
int fairlead(fl_ctx *ctx)
{
	struct ethhdr *eth = fl_data(ctx);
	void *end = fl_data_end(ctx);
	__u32 bytes = end - (void *)eth;

	if ((void *)(eth + 1) > end)
		return finish(FL_PASS, FL_REASON_MALFORMED, bytes);
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return finish(FL_PASS, FL_REASON_NOT_IPV4, bytes);
	return ipv4_process(ctx, eth, end, bytes);
}

char program_license[] SEC("license") = "Dual BSD/GPL";
