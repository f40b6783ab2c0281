/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Internet checksums by increment: RFC 1624, equation 3, HC' = ~(~HC + ~m + m').
 * Sums are collected in 64 bits and folded once. All words as they stand in the packet; the sum does not mind
 * the byte order (RFC 1071, section 2B).
 */
#pragma once

/* What changing a 32-bit word from `old` to `new` adds to a sum. */
static __always_inline __u64 checksum_change(__u32 old, __u32 new)
{
	return (__u64)(__u32)~old + new;
}

/* What taking 1 from the TTL adds: the word of TTL (its high byte on the wire) and protocol shrinks by 0x0100. */
static __always_inline __u64 checksum_ttl_change(void)
{
	return 0xffff - bpf_htons(0x0100);
}

static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

static __always_inline __u16 checksum_apply(__u16 check, __u64 change)
{
	return (__u16)~checksum_fold((__u16)~check + change);
}

/* RFC 768: a UDP checksum of 0 says "none" and stays so; a computed 0 is sent as 0xffff. */
static __always_inline __u16 checksum_apply_udp(__u16 check, __u64 change)
{
	__u16 changed;

	if (!check)
		return 0;
	changed = checksum_apply(check, change);
	return changed ? changed : 0xffff;
}
