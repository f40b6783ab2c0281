/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Linux behind neutral names: verdicts, map types, helpers, context. Its twin windows.h has the same names.
 * No other file names a platform. What a platform lacks is named here as well (FL_HAS_...).
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "../headers.h"

typedef struct xdp_md fl_ctx;

/*
 * A function that the verifier follows once, by its prototype, with a frame of its own. Weak, so that the compiler does not look into it from
 * its callers either: clang 16 and later do not set an argument that a build makes no use of, and the verifier wants all of them.
 */
#define FL_GLOBAL __attribute__((noinline, weak))

/* A function that the verifier follows anew from each call, knowing what it is called with; with a frame of its own all the same. */
#define FL_LOCAL static __attribute__((noinline))

#define FL_PASS XDP_PASS
#define FL_DROP XDP_DROP
#define FL_TX XDP_TX

#define FL_MAP_HASH BPF_MAP_TYPE_HASH
#define FL_MAP_LRU_HASH BPF_MAP_TYPE_LRU_HASH
#define FL_MAP_ARRAY BPF_MAP_TYPE_ARRAY
#define FL_MAP_PERCPU_ARRAY BPF_MAP_TYPE_PERCPU_ARRAY
#define FL_MAP_PERCPU_HASH BPF_MAP_TYPE_PERCPU_HASH
#define FL_MAP_ARRAY_OF_MAPS BPF_MAP_TYPE_ARRAY_OF_MAPS
#define FL_MAP_RINGBUF BPF_MAP_TYPE_RINGBUF
#define FL_MAP_LPM_TRIE BPF_MAP_TYPE_LPM_TRIE

#define FL_UPDATE_ANY BPF_ANY
#define FL_UPDATE_NEW BPF_NOEXIST /* fails if there is such an entry */

/* Values begin at a page: a slot of 64 bytes is then one cache line, not parts of two. And the agent may read and write the map as memory. */
#define FL_MAP_ALIGNED BPF_F_MMAPABLE

#define FL_HEAD_IN_DOUBT 0 /* fl_grow_head() works */

/* Frames of several buffers, as jumbo frames are (Linux 5.18): the agent says so where the kernel has them. */
#ifndef FL_HAS_FRAGS
#define FL_HAS_FRAGS 0
#endif
#if FL_HAS_FRAGS
#define FL_SECTION SEC("xdp.frags")
#else
#define FL_SECTION SEC("xdp")
#endif

/* Memory is taken for an entry when it comes, not for all of them beforehand. */
#define FL_MAP_GROWING BPF_F_NO_PREALLOC

/* Settable, so that what a platform does without them can be tried in this kernel. */
#ifndef FL_HAS_ATOMICS
#define FL_HAS_ATOMICS 1
#endif

#define FL_HAS_FIB 1
#define FL_HAS_REDIRECT 1
#define FL_HAS_CUT_TAIL 1
#define FL_HAS_COOKIES 1

/* Linux' address family numbers, which no kernel header for BPF programs has. */
#define FL_AF_INET 2
#define FL_AF_INET6 10

static __always_inline void *fl_data(const fl_ctx *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *fl_data_end(const fl_ctx *ctx)
{
	return (void *)(long)ctx->data_end;
}

/* Length of the frame's first buffer: fl_data() to fl_data_end(). */
static __always_inline __u32 fl_first_bytes(const fl_ctx *ctx)
{
	return (__u32)(fl_data_end(ctx) - fl_data(ctx));
}

/* Length of the whole frame; without FL_HAS_FRAGS that is its first buffer. Not for the hot path. */
static __always_inline __u32 fl_bytes(fl_ctx *ctx)
{
#if FL_HAS_FRAGS
	return (__u32)bpf_xdp_get_buff_len(ctx);
#else
	return fl_first_bytes(ctx);
#endif
}

/* The time in ticks, modulo 2^32. Jiffies cost nothing, where bpf_ktime_get_ns costs as much as a map lookup. */
static __always_inline __u32 fl_now(void)
{
	return (__u32)bpf_jiffies64();
}

/* The time in nanoseconds of the system's monotonic clock: exact, and dear. For events. */
static __always_inline __u64 fl_nanoseconds(void)
{
	return bpf_ktime_get_ns();
}

/* SYN cookies of the kernel's (Linux 6.0), of the headers' addresses, ports and sequence number; negative: it makes none. `tcp`: 20 bytes. */
static __always_inline __s64 fl_cookie_make_v4(struct iphdr *ip, struct tcphdr *tcp)
{
	return bpf_tcp_raw_gen_syncookie_ipv4(ip, tcp, sizeof(*tcp));
}

static __always_inline __s64 fl_cookie_make_v6(struct ipv6hdr *ip, struct tcphdr *tcp)
{
	return bpf_tcp_raw_gen_syncookie_ipv6(ip, tcp, sizeof(*tcp));
}

/* 0: the segment acknowledges a cookie that was made for the sequence number before its own. */
static __always_inline long fl_cookie_check_v4(struct iphdr *ip, struct tcphdr *tcp)
{
	return bpf_tcp_raw_check_syncookie_ipv4(ip, tcp);
}

static __always_inline long fl_cookie_check_v6(struct ipv6hdr *ip, struct tcphdr *tcp)
{
	return bpf_tcp_raw_check_syncookie_ipv6(ip, tcp);
}

static __always_inline long fl_grow_head(fl_ctx *ctx, int bytes)
{
	return bpf_xdp_adjust_head(ctx, -bytes);
}

/* Takes `bytes` off the frame's end. Without FL_HAS_CUT_TAIL only 0 of them. */
static __always_inline long fl_cut_tail(fl_ctx *ctx, __u32 bytes)
{
	return bpf_xdp_adjust_tail(ctx, -(int)bytes);
}

/* Sends the frame out by the device `ifindex`: back where it came from, or by another one. Without FL_HAS_REDIRECT the latter is FL_DROP. */
static __always_inline int fl_send(fl_ctx *ctx, __u32 ifindex)
{
	if (ifindex == ctx->ingress_ifindex)
		return FL_TX;
	return (int)bpf_redirect(ifindex, 0);
}
