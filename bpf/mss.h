/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * MSS clamping: the MSS option of a SYN (RFC 9293, section 3.7.1) made smaller, for paths on which nobody tells what fits.
 * It tells the receiver of the SYN what to send: under DSR that are the backend's packets, not the client's.
 */
#pragma once

#include "checksum.h"
#include "parse/tcp.h"

#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MSS 2
#define TCP_MOST_OPTIONS 40 /* bytes */
#define MSS_OPTIONS 6 /* that are looked at: senders put the MSS first */

/*
 * Lowers the MSS of the SYN whose TCP header stands at `offset` to `most`, if it names a larger one. Returns 0. A global function: SYNs alone
 * pay for it. A frame that ends within its options is left alone.
 */
FL_GLOBAL int mss_clamp(fl_ctx *ctx, __u32 offset, __u32 most)
{
	const void *end = fl_data_end(ctx);
	__u32 at = sizeof(struct tcphdr);
	struct tcphdr *tcp;
	__u32 header;
	__u32 i;

	if (offset > 1024)
		return 0;
	tcp = fl_data(ctx) + offset;
	if ((void *)(tcp + 1) > end)
		return 0;
	header = (((__u8 *)tcp)[TCP_DATA_OFFSET_OFFSET] >> 4) * 4;
	for (i = 0; i < MSS_OPTIONS; i++) {
		__u8 *option;
		__u32 mss;

		if (at + 4 > header || at > sizeof(struct tcphdr) + TCP_MOST_OPTIONS - 4)
			return 0;
		option = (void *)tcp + at;
		if ((void *)(option + 4) > end || option[0] == TCP_OPTION_END)
			return 0;
		if (option[0] == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		if (option[0] != TCP_OPTION_MSS) {
			if (option[1] < 2)
				return 0;
			at += option[1];
			continue;
		}
		mss = option[2] << 8 | option[3];
		if (option[1] != 4 || mss <= most)
			return 0;
		/* Within the sum the two bytes stand in their own order, or turned round where they begin at an odd place (RFC 1071, section 2B). */
		if (at & 1)
			tcp->check = checksum_apply(tcp->check, checksum_change(mss, most));
		else
			tcp->check = checksum_apply(tcp->check, checksum_change(bpf_htons(mss), bpf_htons(most)));
		option[2] = most >> 8;
		option[3] = most;
		return 0;
	}
	return 0;
}
