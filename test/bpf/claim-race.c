/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program that takes one word by bpf/claim.h and, while it has it, looks whether another CPU has it as well. With RACE_UNGUARDED it asks nobody.
 */
#include "../../bpf/platform/platform.h"
#include "../../bpf/claim.h"

#define LINGER 64 /* reads while the word is taken: long enough for another CPU to come */

struct race {
	__u32 word;     /* odd: taken */
	__u32 inside;   /* CPUs that have it */
	__u32 refused;  /* times that it was free when looked at, and another CPU was first */
	__u32 overlaps; /* times that somebody else had it too */
};

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct race);
} races SEC(".maps");

SEC("xdp")
int race(fl_ctx *ctx)
{
	__u32 zero = 0;
	volatile struct race *race = bpf_map_lookup_elem(&races, &zero);
	__u32 held;
	__u32 i;

	if (!race)
		return FL_PASS;
	held = race->word;
#ifndef RACE_UNGUARDED
	if (held & 1)
		return FL_DROP;
	if (!claim(zero, (__u32 *)&race->word, held, held + 1)) {
		race->refused++;
		return FL_DROP;
	}
#endif
	race->inside++;
	for (i = 0; i < LINGER; i++)
		if (race->inside != 1)
			race->overlaps++;
	race->inside--;
	publish((__u32 *)&race->word, held + 2);
	return FL_PASS;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
