/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * eBPF for Windows behind the names of linux.h: helpers and map types have numbers of their own there, and the context has pointers of 8 bytes.
 * Includes nothing of any system, so that clang alone compiles it, on Windows or elsewhere.
 * What XDP for Windows lacks stands as FL_HAS_... 0, and docs/windows-data-plane.md says what the program does without it.
 */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;

#include "../headers.h"

/* As libbpf has them: a map's numbers and types are read from its BTF. */
#define __uint(name, number) int (*name)[number]
#define __type(name, type) __typeof__(type) *name
#define __array(name, type) __typeof__(type) *name[]
#define SEC(name) __attribute__((section(name), used))
#define LIBBPF_PIN_BY_NAME 1

#define __always_inline inline __attribute__((always_inline))
#define barrier() __asm__ volatile("" ::: "memory")
#define barrier_var(variable) __asm__ volatile("" : "+r"(variable))

#define bpf_htons(number) ((__be16)__builtin_bswap16(number))
#define bpf_ntohs(number) ((__u16)__builtin_bswap16(number))
#define bpf_htonl(number) ((__be32)__builtin_bswap32(number))
#define bpf_ntohl(number) ((__u32)__builtin_bswap32(number))

/* struct xdp_md of XDP for Windows. */
typedef struct {
	void *data;
	void *data_end;
	__u64 data_meta;
	__u32 ingress_ifindex;
	__u32 rx_queue_index;
} fl_ctx;

/* Helpers by their numbers. From 65536 on they are those of the program's type. */
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, __u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static __u64 (*const bpf_ktime_get_ns)(void) = (void *)9;
static int (*const bpf_ringbuf_output)(void *ring, const void *data, __u64 size, __u64 flags) = (void *)11;
static __u64 (*const bpf_ktime_get_ms)(void) = (void *)31;
static int (*const bpf_xdp_adjust_head)(fl_ctx *ctx, int delta) = (void *)65536;

/*
 * The verifier follows every call, whatever the function's linkage, and gives each a frame of 512 bytes. Functions have names of their own, not static ones, so that each
 * call of one has a relocation: not every version of the loader finds the others.
 */
#define FL_GLOBAL __attribute__((noinline))
#define FL_LOCAL FL_GLOBAL

#define FL_PASS 1
#define FL_DROP 2
#define FL_TX 3

#define FL_MAP_HASH 1
#define FL_MAP_ARRAY 2
#define FL_MAP_PERCPU_HASH 4
#define FL_MAP_PERCPU_ARRAY 5
#define FL_MAP_ARRAY_OF_MAPS 7
#define FL_MAP_LRU_HASH 8
#define FL_MAP_LPM_TRIE 9
#define FL_MAP_RINGBUF 13

#define FL_UPDATE_ANY 0
#define FL_UPDATE_NEW 1

/* Maps have no flags: values are aligned to 8 bytes, not to a cache line, and only the agent's calls reach them. */
#define FL_MAP_ALIGNED 0
#define FL_MAP_GROWING 0

#define FL_SECTION SEC("xdp")

/* The just-in-time compiler has no atomic instructions; a native driver, made from the object by bpf2c, has them, and its build says so. */
#ifndef FL_HAS_ATOMICS
#define FL_HAS_ATOMICS 0
#endif

#define FL_HAS_FRAGS 0 /* the program sees a frame's first buffer alone */
#define FL_HAS_FIB 0
#define FL_HAS_REDIRECT 0
#define FL_HAS_CUT_TAIL 0
#define FL_HAS_COOKIES 0
#define FL_HEAD_IN_DOUBT 1 /* whether fl_grow_head() works is found by running the program once */

static __always_inline void *fl_data(const fl_ctx *ctx)
{
	return ctx->data;
}

static __always_inline void *fl_data_end(const fl_ctx *ctx)
{
	return ctx->data_end;
}

static __always_inline __u32 fl_first_bytes(const fl_ctx *ctx)
{
	__u64 bytes = fl_data_end(ctx) - fl_data(ctx);

	barrier_var(bytes); /* else the pointers are cut to 32 bits before they are subtracted, and the verifier refuses to move a part of one */
	return (__u32)bytes;
}

static __always_inline __u32 fl_bytes(fl_ctx *ctx)
{
	return fl_first_bytes(ctx);
}

/* Milliseconds since the machine started, without the time it slept, as of the last clock interrupt: cheap. */
static __always_inline __u32 fl_now(void)
{
	return (__u32)bpf_ktime_get_ms();
}

static __always_inline __u64 fl_nanoseconds(void)
{
	return bpf_ktime_get_ns();
}

/* XDP for Windows has the helper, and in the releases so far all that it does is to refuse. */
static __always_inline long fl_grow_head(fl_ctx *ctx, int bytes)
{
	return bpf_xdp_adjust_head(ctx, -bytes);
}

static __always_inline long fl_cut_tail(fl_ctx *ctx, __u32 bytes)
{
	return bytes ? -1 : 0;
}

static __always_inline int fl_send(fl_ctx *ctx, __u32 ifindex)
{
	return ifindex == ctx->ingress_ifindex ? FL_TX : FL_DROP;
}
