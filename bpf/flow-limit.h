/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bounds the rate of new flow entries on each CPU, so that a SYN flood cannot push established flows out of the LRU maps.
 */
#pragma once

#include "config.h"

struct {
	__uint(type, FL_MAP_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_window);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} flow_limit SEC(".maps");

static __always_inline int new_flow_allowed(const struct fl_config *cfg, __u32 now)
{
	__u32 zero = 0;
	struct fl_window *window;

	if (!cfg->new_flow_rate)
		return 1;
	window = bpf_map_lookup_elem(&flow_limit, &zero);
	if (!window)
		return 0;
	if (now - window->began >= cfg->ticks_per_second) {
		window->began = now;
		window->count = 0;
	}
	if (window->count >= cfg->new_flow_rate)
		return 0;
	window->count++;
	return 1;
}
