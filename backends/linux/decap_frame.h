/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP hooks of both systems do with a frame. Included after decap.h by a hook that has named its context decap_ctx.
 * Invariant: the frame's addresses stay as they came; its EtherType is that of the inner packet.
 */
#pragma once

/* Takes the outer header off: the Ethernet header moves `outer_bytes` up over it, then the frame's start follows. */
static __always_inline long decap_strip(decap_ctx *ctx, __u32 outer_bytes)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr ethernet;

	if (data + sizeof(ethernet) > data_end)
		return -1;
	__builtin_memcpy(&ethernet, data, sizeof(ethernet));
	if (bpf_xdp_adjust_head(ctx, (int)outer_bytes))
		return -1;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (data + sizeof(ethernet) > data_end)
		return -1;
	__builtin_memcpy(data, &ethernet, sizeof(ethernet));
	return 0;
}

/* Handles one frame of `bytes`, of which the context shows the first. Returns whether it is to be dropped. */
static __always_inline int decap_frame(decap_ctx *ctx, __u32 bytes)
{
	struct decap_ruling ruling = decap_judge((void *)(long)ctx->data, (void *)(long)ctx->data_end, bytes);

	if (ruling.reason == DECAP_DECAPSULATED) {
		if (decap_strip(ctx, ruling.outer_bytes))
			ruling.reason = DECAP_KERNEL_REFUSED;
		else
			decap_finish((void *)(long)ctx->data, (void *)(long)ctx->data_end, ruling.type, ruling.ecn);
	}
	decap_count(ruling.reason, bytes);
	return decap_is_dropped(ruling.reason);
}
