/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How many fragmented datagrams are remembered, and for how long: what both families share.
 */
#pragma once

/* Of each family. LRU maps give each CPU a share of the free entries: some hundred are enough for one. */
#define FRAGMENTED_DATAGRAMS 8192

/*
 * RFC 791 lets a receiver wait for 15 seconds, RFC 8200 for 60. Fragments of one datagram leave their sender within milliseconds; the shorter
 * the time, the fewer identifications have come round.
 */
#define FRAGMENT_SECONDS 15

/* What fragment() gives for one that goes on as a packet does; finish() gives no such value. */
#define FRAGMENT_FIRST (-1)
