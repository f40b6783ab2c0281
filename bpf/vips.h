/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is there any service on this address? One bit for each hash of an address, set by the agent: traffic that is for no service
 * costs one load, and never touches the flow tables. A bit may be set by another address's hash; the service lookup decides.
 */
#pragma once

#include "config.h"

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, FL_VIP_WORDS);
	__type(key, __u32);
	__type(value, struct fl_vip_word);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} vips SEC(".maps");

/* The bit of an address whose 32-bit words (as they stand in the packet) were folded into `folded` by exclusive or. */
static __always_inline int vip_known(__u32 folded)
{
	__u32 bit = folded * 0x9e3779b1 >> 16; /* golden ratio (Knuth, TAOCP 6.4) */
	__u32 word = bit >> 6;
	const struct fl_vip_word *found = bpf_map_lookup_elem(&vips, &word);

	return found && found->bits >> (bit & 63) & 1;
}
