/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a flow's hash to a backend id, by the service's Maglev table (Eisenbud et al., NSDI 2016), which the agent builds.
 * The remainder becomes a row, which is an array map's key, and a place in the row, by a mask: both Linux' verifier and Windows' know the bound of
 * what was masked. A pointer moved by the remainder itself Windows' refuses.
 */
#pragma once

#include "config.h"

/* A table of one row would need no mask, and clang would leave it out. */
_Static_assert(FL_MAGLEV_SIZE > FL_MAGLEV_ROW, "a Maglev table has more than one row");

/*
 * One entry of the type that tables have. The agent makes each table with this map's BTF, so that bpftool can print it;
 * it also stands before lb_maglev because clang leaves a type out of the object file to which an inner map leads first.
 */
struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_maglev_row);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} lb_maglev_type SEC(".maps");

struct maglev_table {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, (FL_MAGLEV_SIZE + FL_MAGLEV_ROW - 1) / FL_MAGLEV_ROW);
	__type(key, __u32);
	__type(value, struct fl_maglev_row);
};

struct {
	__uint(type, FL_MAP_ARRAY_OF_MAPS);
	__uint(max_entries, 65536); /* service ids */
	__type(key, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct maglev_table);
} lb_maglev SEC(".maps");

/* False when the service has no table. */
static __always_inline int maglev_select(const struct fl_config *cfg, __u32 service_id, __u32 hash, __u32 *backend_id)
{
	__u32 slot = hash % cfg->maglev_size;
	__u32 row = slot / FL_MAGLEV_ROW;
	const struct fl_maglev_row *found;
	void *table = bpf_map_lookup_elem(&lb_maglev, &service_id);

	if (!table)
		return 0;
	found = bpf_map_lookup_elem(table, &row);
	if (!found)
		return 0;
	*backend_id = found->backend_id[slot & (FL_MAGLEV_ROW - 1)];
	return 1;
}
