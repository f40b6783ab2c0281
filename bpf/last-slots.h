/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a flow has ever been put into one of its last slots, those behind FLOW_PATIENT_CANDIDATES: that takes connections in all slots before them, none of
 * them half-open. Until then nobody needs to look there, and no flood makes it so. It is said before the flow can be found, and never taken back.
 */
#pragma once

#include "flow-life.h"

struct fl_last_slots {
	__u32 used; /* 0 or 1 */
	__u32 pad;
};

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_last_slots);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} last_slots SEC(".maps");

static __always_inline int last_slots_used(void)
{
	__u32 zero = 0;
	const struct fl_last_slots *known = bpf_map_lookup_elem(&last_slots, &zero);

	return !known || known->used;
}

/* `key`: room for the key of a map, which the caller has had another use for. */
static __always_inline void last_slots_use(__u32 *key)
{
	struct fl_last_slots *known;

	*key = 0;
	known = bpf_map_lookup_elem(&last_slots, key);
	if (known)
		known->used = 1;
}
