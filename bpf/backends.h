/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The backends of both families, as the agent wrote them. An id is used in one of the two arrays at a time; they stand before the
 * families' code because a flow of IPv4 may have a backend with an IPv6 address (FL_ACTION_DSR_IPIP6).
 */
#pragma once

#include "config.h"

#define BACKENDS(name, value_type) \
	struct { \
		__uint(type, FL_MAP_ARRAY); \
		__uint(max_entries, FL_MAX_BACKENDS); \
		__uint(map_flags, FL_MAP_ALIGNED); \
		__type(key, __u32); \
		__type(value, value_type); \
		__uint(pinning, LIBBPF_PIN_BY_NAME); \
	} name SEC(".maps")

BACKENDS(lb4_backends, struct fl_backend4);
BACKENDS(lb6_backends, struct fl_backend6);

#define NO_BACKEND_ID 0xffffffff

/* Does the backend, of either family, still have this generation, and take new flows? */
#define BACKEND_TAKES_NEW(backend, its_generation) \
	((backend) && (backend)->generation == (its_generation) && (backend)->state == FL_BACKEND_ACTIVE && (backend)->weight)

/* What next_hop_refresh() says of a backend, in one word: its generation, and these. 0: the slot is free. */
#define BACKEND_IN_USE (1 << 16)
#define BACKEND_REACHABLE (1 << 17) /* its next hop is known, or it needs none */
#define BACKEND_IS_LOCAL (1 << 18)
