/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The balancer of one family, in the order in which its parts need each other. Included once after each family/<family>.h. */

#include "conntrack.h"
#include "service.h"
#include "next-hop.h"
#include "snat.h"
#include "dsr.h"
#include "balance.h"
