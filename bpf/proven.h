/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Clients that have shown lately to receive what is sent to their address. Slots, each by the hash of an address: a client that loses its slot to
 * another one is asked again, which does no harm.
 */
#pragma once

#include "config.h"
#include "flow-life.h"

#define PROVEN_BITS 16
#define PROVEN_SECONDS 600

/* What syn_judge() says. */
enum syn_verdict {
	SYN_GOES_ON,
	SYN_ASKED,  /* its sender must be asked, by syn_ask() */
	SYN_ANSWER, /* a reset that answers it */
};

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, 1 << PROVEN_BITS);
	__type(key, __u32);
	__type(value, struct fl_proven);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} proven SEC(".maps");

/* As one word, so that nobody sees the halves of two. */
static __always_inline __u64 *proven_slot(__u64 hash)
{
	__u32 index = hash >> (64 - PROVEN_BITS);

	return bpf_map_lookup_elem(&proven, &index);
}

/* `hash`: keyed, of the client's address. */
static __always_inline int proven_lately(const struct fl_config *cfg, __u64 hash, __u32 now)
{
	const __u64 *slot = proven_slot(hash);

	return slot && (__u32)*slot == ((__u32)hash | 1) && ticks_since(cfg, now, *slot >> 32) < PROVEN_SECONDS * cfg->ticks_per_second;
}

static __always_inline void proven_note(__u64 hash, __u32 now)
{
	__u64 *slot = proven_slot(hash);

	if (slot)
		*slot = (__u64)now << 32 | (__u32)hash | 1;
}
