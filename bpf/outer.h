/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet gives the outer header that it is wrapped in, whatever the families of the two: family/<family>.h reads the traits
 * from the inner header and writes them into the outer one.
 */
#pragma once

#include "hash.h"

/* Traits: the traffic class (IPv4: type of service) in the low 8 bits, and whether the sender forbids fragments. */
#define OUTER_DONT_FRAGMENT 0x100

/*
 * Tells the flows of one pair of outer addresses apart, so that routers and receivers spread them: the same for all packets of a flow.
 * The high bits are the best mixed. `folded`: the client's address as address_fold() has it; `ports`: both, as in the packet.
 */
static __always_inline __u32 outer_entropy(__u32 folded, __u32 ports)
{
	return (folded ^ ports) * 0x9e3779b1; /* golden ratio (Knuth, TAOCP 6.4) */
}
