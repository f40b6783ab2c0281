/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether the flow tables are crowded, as far as a CPU knows: the last flow that it looked for and did not find met nothing but half-open ones.
 * A hint, by which the next search fetches its slots from memory in advance; what it finds does not depend on it.
 */
#pragma once

struct fl_crowded {
	__u32 crowded; /* 0 or 1 */
	__u32 pad;
};

struct {
	__uint(type, FL_MAP_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_crowded);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} crowded SEC(".maps");

static __always_inline int tables_crowded(void)
{
	__u32 zero = 0;
	const struct fl_crowded *hint = bpf_map_lookup_elem(&crowded, &zero);

	return hint && hint->crowded;
}

static __always_inline void tables_crowded_set(__u32 are)
{
	__u32 zero = 0;
	struct fl_crowded *hint = bpf_map_lookup_elem(&crowded, &zero);

	if (hint)
		hint->crowded = are;
}
