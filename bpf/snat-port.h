/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which SNAT ports a flow tries, and in what order: a function of the flow's tuple alone, the same in both families.
 */
#pragma once

#include "config.h"
#include "hash.h"

#define SNAT_PROBES 32
/* While flows are pushed out for want of slots: after so many probes a half-open flow's slot is taken over rather than a free one looked for. */
#define SNAT_PATIENT_PROBES 4

/* The i-th port to try (host order), from the half of the flow's hash that Maglev does not use. */
static __always_inline __u16 snat_probe(const struct fl_config *cfg, __u64 hash, __u32 i)
{
	__u32 random = (__u32)(hash >> 32) + i * 0x9e3779b9; /* golden ratio: successive probes lie far apart (Knuth, TAOCP 6.4) */

	return cfg->snat_port_min + hash_scale(random, cfg->snat_port_max - cfg->snat_port_min + 1);
}

/* Is the port (network order) one of the SNAT range? */
static __always_inline int snat_port_in_range(const struct fl_config *cfg, __be16 port)
{
	__u16 host = bpf_ntohs(port);

	return host >= cfg->snat_port_min && host <= cfg->snat_port_max;
}
