/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bounds how many packets of its own the program makes on each CPU (RFC 1812, section 4.3.2.8; RFC 4443, section 2.4 f): who forges senders must
 * not get this node to send at will.
 */
#pragma once

#include "flow-limit.h"

struct {
	__uint(type, FL_MAP_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_window);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} answer_limit SEC(".maps");

static __always_inline int answer_allowed(const struct fl_config *cfg)
{
	__u32 zero = 0;
	struct fl_window *window = bpf_map_lookup_elem(&answer_limit, &zero);

	return window && window_allows(window, cfg, cfg->answer_rate, fl_now());
}
