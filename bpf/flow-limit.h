/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bounds the rate of new entries of flows and fragmented datagrams on each CPU, so that a flood cannot push out what others use.
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

/* Counts one more in the window of this second; false when it has `rate` already. */
static __always_inline int window_allows(struct fl_window *window, const struct fl_config *cfg, __u32 rate, __u32 now)
{
	if (now - window->began >= cfg->ticks_per_second) {
		window->began = now;
		window->count = 0;
	}
	if (window->count >= rate)
		return 0;
	window->count++;
	return 1;
}

/* Has this second seen half of the new entries that it may have? */
static __always_inline int new_flows_pressed(const struct fl_config *cfg, __u32 now)
{
	__u32 zero = 0;
	const struct fl_window *window = bpf_map_lookup_elem(&flow_limit, &zero);

	return window && now - window->began < cfg->ticks_per_second && window->count >= cfg->new_flow_rate - cfg->new_flow_rate / 2;
}

static __always_inline int new_flow_allowed(const struct fl_config *cfg, __u32 now)
{
	__u32 zero = 0;
	struct fl_window *window;

	if (!cfg->new_flow_rate)
		return 1;
	window = bpf_map_lookup_elem(&flow_limit, &zero);
	return window && window_allows(window, cfg, cfg->new_flow_rate, now);
}
