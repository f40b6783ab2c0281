/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hashing of tuples and addresses. agent/datapath/tuple-hash.ts computes the same.
 * Both halves of a tuple's hash are used apart (Maglev slot and SNAT port; two buckets of a flow table): two flows that meet in one
 * must not therefore meet in the other.
 */
#pragma once

/* The multipliers of MurmurHash3's 64-bit finalizer (A. Appleby, public domain). */
#define HASH_FACTOR_1 0xff51afd7ed558ccdULL
#define HASH_FACTOR_2 0xc4ceb9fe1a85ec53ULL

/* Takes another word into a hash; hash_final() must end it. */
static __always_inline __u64 hash_add(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * HASH_FACTOR_1;
	return hash ^ hash >> 32;
}

/* Lets every bit of the input reach every bit of both halves. */
static __always_inline __u64 hash_final(__u64 hash)
{
	hash *= HASH_FACTOR_2;
	hash ^= hash >> 29;
	hash *= HASH_FACTOR_1;
	return hash ^ hash >> 32;
}

/* A value of 0 to n-1 from 32 random bits, without a division (D. Lemire, 2019: multiply and shift). */
static __always_inline __u32 hash_scale(__u32 random, __u32 n)
{
	return (__u32)(((__u64)random * n) >> 32);
}
