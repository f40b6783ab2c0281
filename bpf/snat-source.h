/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The addresses that SNAT sends from, where --snat-address names some: with n of them a backend can have n times as many flows.
 * A flow names its address by the index, so that it keeps it for life.
 */
#pragma once

#include "layout.h"

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, FL_SNAT_SOURCES);
	__type(key, __u32);
	__type(value, struct fl_snat_source);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} snat_sources SEC(".maps");

/*
 * The index for the i-th probe of a flow: all addresses in turn, from one that the flow's hash gives. `first`: of the family's indices,
 * `count`: how many it has. The hash's bits are such as snat_probe() uses least.
 */
static __always_inline __u32 snat_source_probe(__u32 first, __u32 count, __u64 hash, __u32 i)
{
	return count ? first + ((__u32)(hash >> 32 & 0xff) + i) % count : 0;
}
