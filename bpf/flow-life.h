/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long a flow lives, and where in the flow tables it may stand: what both families share.
 * agent/datapath/flow-life.ts reads entries by the same rules (docs/architecture.md, "What an entry lives through").
 */
#pragma once

#include "config.h"
#include "hash.h"
#include "parse/tcp.h"

#define FLOW_WAYS 8
#define FLOW_CANDIDATES (2 * FLOW_WAYS)
#define FLOW_NO_SLOT 0xffffffff
/* Beside the index of a slot that was taken: a flow had to give way for it, now or before; the tables are full hereabouts. */
#define FLOW_PRESSED 0x80000000
/* Beside the index of a slot that has not the flow looked for, but one that would give way for it. */
#define FLOW_VICTIM 0x40000000
/* After so many slots a half-open flow gives way rather than a free slot is looked for any longer. */
#define FLOW_PATIENT_CANDIDATES 12

/* How long the flow in the i-th candidate rested, and which it is, in one word: the greater gives way first, of equals the earlier. Never 0. */
#define FLOW_RESTED(rest, i) ((__u64)(rest) << 8 | (0xff - (i)))
#define FLOW_RESTED_CANDIDATE(rested) (0xff - ((rested) & 0xff))

/* Ports and protocol, without claims, of the last word of a tuple. */
#define TUPLE_PORTS_MASK 0x000000ffffffffffULL

/*
 * The front of the table of flows, where they stand as long as there is room: few flows then lie in few pages, whose addresses the CPU keeps
 * translated (a virtual machine pays twice for each that it does not).
 */
#define FLOW_BUCKETS (FL_MAX_FLOWS / FLOW_WAYS)
#define FLOW_REST_BUCKETS ((FLOW_BUCKETS - FLOW_BUCKETS / FL_FRONT_SHARE) / FL_NEAR_BUCKETS * FL_NEAR_BUCKETS) /* whole groups of near ones */
#define FLOW_FRONT_BUCKETS (FLOW_BUCKETS - FLOW_REST_BUCKETS)

/*
 * The i-th slot that a flow of this hash may stand in, the likeliest first: half of a bucket of the front, half of one behind it and half of one near that,
 * and the other half of the second. By that order the table fills evenly in the end, and yet most flows stand where they are looked for first.
 */
static __always_inline __u32 flow_candidate(__u64 hash, __u32 i)
{
	__u32 way = ((__u32)hash + ((i & 3) | (i >= 12 ? 4 : 0))) & (FLOW_WAYS - 1);
	__u32 near = 1 + (((__u32)hash >> 3 & 0xff) * (FL_NEAR_BUCKETS - 1) >> 8); /* which neighbour: by bits of the hash that nothing else is chosen by */
	__u32 bucket;

	if (i < 4)
		return hash_scale((__u32)hash, FLOW_FRONT_BUCKETS) * FLOW_WAYS + way;
	bucket = hash_scale(hash >> 32, FLOW_REST_BUCKETS) ^ (i & 4 ? 0 : near);
	return (FLOW_FRONT_BUCKETS + bucket) * FLOW_WAYS + way;
}

/* The only slot that a reverse entry may have whose tuple has this hash. */
static __always_inline __u32 reverse_place(__u64 hash)
{
	return hash_scale((__u32)hash, FL_MAX_FLOWS);
}

/* Does this byte of a slot stand for an entry, rather than for the slot's state? */
static __always_inline int slot_used(__u8 protocol)
{
	return protocol != 0 && protocol < FL_SLOT_YIELDED;
}

/* The word of a slot that was `held` and gets another protocol: it was claimed once more. */
static __always_inline __u32 slot_word(__u32 held, __u8 protocol)
{
	return ((held & 0xffffff00) + 0x100) | protocol;
}

/* Ticks from `then` to `now`. Another CPU may have stamped `then` a little after this one read `now`: 0. */
static __always_inline __u32 ticks_since(const struct fl_config *cfg, __u32 now, __u32 then)
{
	__u32 ticks = now - then;

	return ticks > 0xffffffff - 60 * cfg->ticks_per_second ? 0 : ticks;
}

/* Both sides have ended the connection, as far as this node can see: in DSR it sees the client's side alone. */
static __always_inline int tcp_closing(__u8 action, __u8 seen, __u8 seen_in_reply)
{
	if ((seen | seen_in_reply) & FL_SEEN_RST)
		return 1;
	if (!(seen & FL_SEEN_FIN))
		return 0;
	return action != FL_ACTION_SNAT || (seen_in_reply & FL_SEEN_FIN);
}

/* An established connection that was silent for so long gives way when nothing else is left: most such clients have vanished. */
#define FLOW_SILENT_SECONDS 300

/* In the order in which slots are taken for new flows. */
enum slot_fate {
	SLOT_ENDED,  /* rested for its timeout, or its backend is gone */
	SLOT_HALF,   /* half-open or closing: one packet, or SYNs, are all that a flood has */
	SLOT_SILENT,
	SLOT_LIVE,   /* never taken */
};

/* `rest`: ticks since the last packet in either direction. */
static __always_inline enum slot_fate slot_fate(const struct fl_config *cfg, __u8 protocol, const struct fl_flow *flow, __u8 seen_in_reply,
						__u32 rest)
{
	__u32 timeout = cfg->timeout_established;
	enum slot_fate fate = rest >= FLOW_SILENT_SECONDS * cfg->ticks_per_second ? SLOT_SILENT : SLOT_LIVE;

	if (protocol == IPPROTO_UDP) {
		timeout = cfg->timeout_udp;
		if (flow->packets <= 1)
			fate = SLOT_HALF;
	} else if (tcp_closing(flow->action, flow->tcp_seen, seen_in_reply)) {
		timeout = cfg->timeout_closing;
		fate = SLOT_HALF;
	} else if (!(flow->tcp_seen & FL_SEEN_OTHER)) {
		/* A SYN's answer alone establishes nothing: a flood of SYNs with forged sources gets answers too. */
		timeout = cfg->timeout_syn;
		fate = SLOT_HALF;
	} else if (flow->packets <= 1) {
		/* A connection that another node had until now, or a flood of segments without SYN: the next packet tells. */
		fate = SLOT_HALF;
	}
	return rest >= timeout ? SLOT_ENDED : fate;
}

/*
 * Does the flow's slot alone tell that it is SLOT_HALF: SYNs, or one packet, and no more? A new flow looks at many such slots. Whether the
 * backend is still there, and what came in reply, stands elsewhere in memory, and the flow gives way first in any case.
 */
static __always_inline int flow_half_open(const struct fl_config *cfg, __u8 protocol, const struct fl_flow *flow, __u32 rest)
{
	if (protocol == IPPROTO_TCP && flow->tcp_seen == FL_SEEN_OTHER)
		return flow->packets <= 1 && rest < cfg->timeout_established;
	if (protocol == IPPROTO_TCP)
		return !(flow->tcp_seen & ~FL_SEEN_SYN) && rest < cfg->timeout_syn;
	return protocol == IPPROTO_UDP && flow->packets <= 1 && rest < cfg->timeout_udp;
}
