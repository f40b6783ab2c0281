/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one way out of the program: each packet ends with a verdict and a reason, and is counted by that reason.
 */
#pragma once

#include "layout.h"
#include "reasons.h"

struct {
	__uint(type, FL_MAP_PERCPU_ARRAY);
	__uint(max_entries, FL_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct fl_counter);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} metrics SEC(".maps");

enum fl_kind { FL_KIND_FORWARD, FL_KIND_PASS, FL_KIND_DROP };

/* The verdict of a reason that does not forward. */
static __always_inline int verdict_of(enum fl_reason reason)
{
#define FL_REASON_DROPS(name, kind, text) | (__u64)(FL_KIND_##kind == FL_KIND_DROP) << FL_REASON_##name
	const __u64 drops = 0 FL_REASONS(FL_REASON_DROPS);

	_Static_assert(FL_REASON_COUNT <= 64, "a bit for each reason");
	return drops >> (reason & 63) & 1 ? FL_DROP : FL_PASS;
}

/* What finish() returns: verdict and reason in one word, and whether a flow began. Only events look at more than the verdict. */
#define FL_RESULT_REASON 8 /* shift */
#define FL_RESULT_BEGAN (1 << 16)

static __always_inline int result_verdict(int result)
{
	return result & 0xff;
}

static __always_inline __u8 result_reason(int result)
{
	return result >> FL_RESULT_REASON;
}

/* As finish(); `key`: room for the key of a map, which the caller has had another use for. */
static __always_inline int finish_with(__u32 *key, int verdict, enum fl_reason reason, __u32 bytes)
{
	struct fl_counter *counter;

	*key = reason;
	counter = bpf_map_lookup_elem(&metrics, key);
	if (counter) {
		counter->packets++;
		counter->bytes += bytes;
	}
	return verdict | (int)reason << FL_RESULT_REASON;
}

/* bytes: length of the frame as it was received. */
static __always_inline int finish(int verdict, enum fl_reason reason, __u32 bytes)
{
	__u32 key;

	return finish_with(&key, verdict, reason, bytes);
}
