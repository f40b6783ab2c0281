// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Decapsulation at the XDP hook: before the kernel makes a socket buffer, for drivers with native XDP.
 * The logic stands in decap.h and decap_frame.h; here only what is Linux'. Wants Linux 5.18 (multi-buffer frames: jumbo MTU).
 */
#include "decap_linux.h"

#include "decap.h"

typedef struct xdp_md decap_ctx;

#include "decap_frame.h"

SEC("xdp.frags")
int decap_xdp(struct xdp_md *ctx)
{
	__u32 bytes = (__u32)bpf_xdp_get_buff_len(ctx); /* before the header goes */

	return decap_frame(ctx, bytes) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
