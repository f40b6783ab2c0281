/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Linux behind neutral names: verdicts, map types, helpers, context. Its twin for eBPF-for-Windows has the same names.
 * No other file names a platform. What a platform lacks is named here as well (FL_HAS_FIB, FL_HAS_REDIRECT).
 */
#pragma once

#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

typedef struct xdp_md fl_ctx;

#define FL_PASS XDP_PASS
#define FL_DROP XDP_DROP
#define FL_TX XDP_TX

#define FL_MAP_HASH BPF_MAP_TYPE_HASH
#define FL_MAP_LRU_HASH BPF_MAP_TYPE_LRU_HASH
#define FL_MAP_ARRAY BPF_MAP_TYPE_ARRAY
#define FL_MAP_PERCPU_ARRAY BPF_MAP_TYPE_PERCPU_ARRAY
#define FL_MAP_ARRAY_OF_MAPS BPF_MAP_TYPE_ARRAY_OF_MAPS

#define FL_UPDATE_ANY BPF_ANY
#define FL_UPDATE_ABSENT BPF_NOEXIST

#define FL_HAS_FIB 1
#define FL_HAS_REDIRECT 1

/* Linux' address family number, which no kernel header for BPF programs has. */
#define FL_AF_INET 2

static __always_inline void *fl_data(const fl_ctx *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *fl_data_end(const fl_ctx *ctx)
{
	return (void *)(long)ctx->data_end;
}

/* The time in ticks, modulo 2^32. Jiffies cost nothing, where bpf_ktime_get_ns costs as much as a map lookup. */
static __always_inline __u32 fl_now(void)
{
	return (__u32)bpf_jiffies64();
}

static __always_inline long fl_grow_head(fl_ctx *ctx, int bytes)
{
	return bpf_xdp_adjust_head(ctx, -bytes);
}

/* Sends the frame out by the device `ifindex`: back where it came from, or by another one. */
static __always_inline int fl_send(fl_ctx *ctx, __u32 ifindex)
{
	if (ifindex == ctx->ingress_ifindex)
		return FL_TX;
	return (int)bpf_redirect(ifindex, 0);
}
