/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a CPU takes a slot of a flow table for itself: by exchanging a word of it, and no other CPU's exchange succeeds.
 * Where there are no atomic instructions, a key of the slot's index in a hash map, which only one CPU can insert, stands before the exchange. The same index of
 * another table has the same key; a CPU that meets it there is told that another one was first, which is seldom, and its packet is sent again.
 */
#pragma once

#if FL_HAS_ATOMICS

/* Writes `new` if the word, of the slot with this index, still holds `old`; says whether it did. A full barrier. */
static __always_inline int claim(__u32 index, __u32 *word, __u32 old, __u32 new)
{
	return __sync_val_compare_and_swap(word, old, new) == old;
}

/* Writes the word, which its slot's owner alone may do, after everything that was written before it. */
static __always_inline void publish(__u32 *word, __u32 value)
{
	__sync_lock_test_and_set(word, value);
}

#else

/* One entry for each CPU that is just taking a slot. */
struct {
	__uint(type, FL_MAP_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME); /* a program and its successor share the flow tables, and so this */
} claims SEC(".maps");

static __always_inline int claim(__u32 index, __u32 *word, __u32 old, __u32 new)
{
	int mine;

	if (bpf_map_update_elem(&claims, &index, &new, FL_UPDATE_NEW))
		return 0;
	mine = *(volatile __u32 *)word == old;
	if (mine)
		*(volatile __u32 *)word = new;
	bpf_map_delete_elem(&claims, &index);
	return mine;
}

/* Stores of one CPU are seen in their order on x64, so the compiler alone must be held to it. */
static __always_inline void publish(__u32 *word, __u32 value)
{
	barrier();
	*(volatile __u32 *)word = value;
}

#endif
