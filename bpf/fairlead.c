/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fairlead's data plane: an XDP program that balances TCP and UDP over backends.
 * docs/packet-walk.md follows a packet through it.
 */
#include "platform/platform.h"
#include "config.h"
#include "finish.h"
#include "hash.h"
#include "checksum.h"
#include "vips.h"
#include "devices.h"
#include "parse/ethernet.h"
#include "parse/frame.h"
#include "parse/l4.h"
#include "parse/ipv6-headers.h"
#include "parse/quote.h"
#include "flow-life.h"
#include "claim.h"
#include "crowded.h"
#include "last-slots.h"
#include "flow-limit.h"
#include "fragment-life.h"
#include "answer-limit.h"
#include "proven.h"
#include "frame.h"
#include "mss.h"
#include "maglev.h"
#include "backends.h"
#include "stats.h"
#include "outer.h"
#include "begun.h"
#include "quic.h"
#include "snat-port.h"
#include "snat-source.h"

#include "family/ipv4.h"
#include "balance/all.h"
#include "family/end.h"

#include "family/ipv6.h"
#include "balance/all.h"
#include "family/end.h"

#include "events.h"

/*
 * The agent's question whether programs can make packets longer here, which no version of a system tells: a test run with a frame that is not IP and
 * that no device brought (devices count from 1). Passed is yes. Nothing is counted. growsHead() in agent/datapath/grows-head.ts asks.
 */
static __always_inline int answer_grows_head(fl_ctx *ctx)
{
	return fl_grow_head(ctx, sizeof(struct ipv6hdr)) ? FL_DROP : FL_PASS;
}

static __always_inline int process(fl_ctx *ctx)
{
	struct ethhdr *eth = fl_data(ctx);
	const void *end = fl_data_end(ctx);
	struct packet packet = { .eth = eth, .facts.bytes = fl_first_bytes(ctx) };
	__u32 offset;
	__be16 type;

	if ((void *)(eth + 1) > end)
		return pass_unread(ctx, FL_REASON_MALFORMED);
	type = ethernet_parse(&packet, end, &offset);
	if (type == bpf_htons(ETH_P_IP))
		return process_v4(ctx, &packet, end, offset);
	if (type == bpf_htons(ETH_P_IPV6))
		return process_v6(ctx, &packet, end, offset);
	if (FL_HEAD_IN_DOUBT && !ctx->ingress_ifindex)
		return answer_grows_head(ctx);
	return pass_unread(ctx, offset ? FL_REASON_NOT_IP : FL_REASON_MALFORMED);
}

FL_SECTION
int fairlead(fl_ctx *ctx)
{
	const struct fl_event_filter *filter = event_filter_get();
	int result;

	if (!filter) /* the verifier does not know that an array has its first entry */
		return FL_PASS;
	if (filter->kinds)
		event_begin(ctx);
	result = process(ctx);
	if (filter->kinds)
		event_end(result);
	return result_verdict(result);
}

char program_license[] SEC("license") = "Dual BSD/GPL";
