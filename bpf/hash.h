/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hashing of a flow's tuple. The low half of the result chooses the Maglev slot, the high half the SNAT port:
 * two flows that meet in one must not therefore meet in the other.
 */
#pragma once

/* 64-bit finalizer of MurmurHash3 (A. Appleby, public domain): every bit of the input reaches every bit of the output. */
static __always_inline __u64 hash_mix(__u64 x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	x ^= x >> 33;
	return x;
}

/* A value of 0 to n-1 from 32 random bits, without a division (D. Lemire, 2019: multiply and shift). */
static __always_inline __u32 hash_scale(__u32 random, __u32 n)
{
	return (__u32)(((__u64)random * n) >> 32);
}
