/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What stands around the program measured: the unit of comparison, and the two ends of the veth loop (bench/veth-loop.ts).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Programs that tail-call each other take frames of several buffers all, or none. */
#if FL_HAS_FRAGS
#define BENCH_SECTION SEC("xdp.frags")
#else
#define BENCH_SECTION SEC("xdp")
#endif

#define BENCH_ETHERNET_BYTES 14

struct bench_count {
	__u64 frames;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_count);
} bench_sunk SEC(".maps");

/* The unit of comparison: what any forwarding program does at least. */
BENCH_SECTION
int bench_nothing(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data;
	char *data_end = (char *)(long)ctx->data_end;
	if (data + BENCH_ETHERNET_BYTES > data_end)
		return XDP_DROP;

	__u16 *mac = (__u16 *)data;
#pragma unroll
	for (int i = 0; i < 3; i++) {
		__u16 destination = mac[i];
		mac[i] = mac[i + 3];
		mac[i + 3] = destination;
	}
	return XDP_TX;
}

/* The wrapper's target where frames are sent as they are: a live-frame run transmits what is answered by XDP_TX. */
BENCH_SECTION
int bench_send(struct xdp_md *ctx)
{
	return XDP_TX;
}

/* The far end of the loop: counts what comes back and lets it go. */
BENCH_SECTION
int bench_sink(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct bench_count *count = bpf_map_lookup_elem(&bench_sunk, &zero);

	if (count) {
		count->frames++;
		count->bytes += ctx->data_end - ctx->data;
	}
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
