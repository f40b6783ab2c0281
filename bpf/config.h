/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The settings, from macros or from the config map: the one place that knows which of the two it is.
 * With macros the compiler folds each use of config_get() into a constant and the map only tells people what runs.
 * With FL_CONFIG_FROM_MAP one object file serves every machine; see --bpf-object.
 */
#pragma once

#include "layout.h"

/* By macro alone, as a kernel before 6.0 has not the helpers that it needs: a build for every machine is one without. */
#ifndef FL_SYN_CHALLENGE
#define FL_SYN_CHALLENGE 0
#endif
#if FL_SYN_CHALLENGE && !FL_HAS_COOKIES
#error "--syn-challenge needs SYN cookies, which this platform has not"
#endif
#ifndef FL_MAX_FLOWS
#define FL_MAX_FLOWS 262144
#endif
#if FL_MAX_FLOWS < 64
#error "FL_MAX_FLOWS: at least 64, so that there are all the buckets that a flow may stand in"
#endif
#ifndef FL_MAX_SERVICES
#define FL_MAX_SERVICES 16384
#endif
#ifndef FL_MAX_BACKENDS
#define FL_MAX_BACKENDS 65536
#endif
#ifndef FL_MAGLEV_SIZE
#define FL_MAGLEV_SIZE 16381
#endif

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_config);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} config SEC(".maps");

#ifdef FL_CONFIG_FROM_MAP

/* NULL or ticks_per_second 0: the agent has not written the settings yet. */
static __always_inline const struct fl_config *config_get(void)
{
	__u32 zero = 0;
	const struct fl_config *found = bpf_map_lookup_elem(&config, &zero);

	if (!found || !found->ticks_per_second || !found->maglev_size)
		return 0;
	return found;
}

#else

static const struct fl_config config_of_macros = {
	.layout = FL_LAYOUT,
	.ticks_per_second = FL_TICKS_PER_SECOND,
	.maglev_size = FL_MAGLEV_SIZE,
	.new_flow_rate = FL_NEW_FLOW_RATE,
	.timeout_syn = FL_TIMEOUT_SYN,
	.timeout_established = FL_TIMEOUT_ESTABLISHED,
	.timeout_closing = FL_TIMEOUT_CLOSING,
	.timeout_udp = FL_TIMEOUT_UDP,
	.snat_port_min = FL_SNAT_PORT_MIN,
	.snat_port_max = FL_SNAT_PORT_MAX,
	.hash_seed = FL_HASH_SEED,
	.slot_seed = FL_SLOT_SEED,
	.lb4_address = { FL_LB4_ADDRESS_0, FL_LB4_ADDRESS_1, FL_LB4_ADDRESS_2, FL_LB4_ADDRESS_3 },
	.lb6_address = { { { FL_LB6_ADDRESS_0 } }, { { FL_LB6_ADDRESS_1 } }, { { FL_LB6_ADDRESS_2 } }, { { FL_LB6_ADDRESS_3 } } },
	.early_fragments_pass = FL_EARLY_FRAGMENTS_PASS,
	.answer_rate = FL_ANSWER_RATE,
	.mss_clamp = FL_MSS_CLAMP,
	.vip_echo = FL_VIP_ECHO,
	.no_backend = FL_NO_BACKEND,
	.ipip4_source = FL_IPIP4_SOURCE,
	.ipip4_entropy = FL_IPIP4_ENTROPY,
	.snat4_sources = FL_SNAT4_SOURCES,
	.snat6_sources = FL_SNAT6_SOURCES,
	.unknown_port_drops = FL_UNKNOWN_PORT_DROPS,
	.syn_challenge = FL_SYN_CHALLENGE,
};

static __always_inline const struct fl_config *config_get(void)
{
	return &config_of_macros;
}

#endif
