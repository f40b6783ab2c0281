// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Decapsulation at the hook of XDP for Windows, from the source of the Linux backends. It waits for a bpf_xdp_adjust_head that works: where it refuses, as in
 * every release of XDP for Windows so far, tunnel packets are counted as kernel_refused and dropped, and all others pass.
 * A frame of several buffers shows the first alone: a tunnel packet that goes on behind it is outer_malformed.
 */
#include "../../bpf/platform/windows.h"

/* The names of Linux that decap.h uses, and windows.h has under its own. */
#define BPF_MAP_TYPE_HASH FL_MAP_HASH
#define BPF_MAP_TYPE_ARRAY FL_MAP_ARRAY
#define BPF_MAP_TYPE_PERCPU_ARRAY FL_MAP_PERCPU_ARRAY
#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_DSTOPTS 60

#include "../linux/decap.h"

typedef fl_ctx decap_ctx;

#include "../linux/decap_frame.h"

FL_SECTION int decap_xdp(fl_ctx *ctx)
{
	return decap_frame(ctx, fl_bytes(ctx)) ? FL_DROP : FL_PASS;
}
