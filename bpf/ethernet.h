/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * MAC addresses, copied as a word and a half word: six single bytes would cost six loads and stores.
 */
#pragma once

static __always_inline void mac_copy(__u8 *to, const __u8 *from)
{
	*(__u32 *)to = *(const __u32 *)from;
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

/* The same where one side is on the program's stack: there the verifier wants every access aligned to its size. */
static __always_inline void mac_copy_aligned(__u8 *to, const __u8 *from)
{
	__u16 *words = (__u16 *)to;
	const __u16 *source = (const __u16 *)from;

	words[0] = source[0];
	words[1] = source[1];
	words[2] = source[2];
}
