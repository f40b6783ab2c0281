/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The benchmark's wrapper: BPF_PROG_TEST_RUN repeats a program on one and the same frame, so a program that rewrites
 * would see its own output from the second run on. This one restores the frame, then tail-calls the program measured.
 * Compiled by bench/wrapper.ts, which gives the family's numbers as macros:
 *   BENCH_FRAME_BYTES  length of a frame
 *   BENCH_WORDS_FROM   offset of the first of the 8-byte words that a frame is restored in; below 8 and even
 *   BENCH_SOURCE_AT    offset of the last 4 bytes of the source address
 *   BENCH_SPORT_AT     offset of the source port
 * One run at a time, on one CPU: the job's counters are plain memory. Structures: bench/wrapper.ts reads the same bytes.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Programs that tail-call each other take frames of several buffers all, or none. */
#if FL_HAS_FRAGS
#define BENCH_SECTION SEC("xdp.frags")
#else
#define BENCH_SECTION SEC("xdp")
#endif

/* Room for a frame in whole words, as array values take them anyway. */
struct bench_frame {
	__u64 word[(BENCH_FRAME_BYTES + 7) / 8];
};

struct bench_job {
	__u32 first;  /* frames first to end - 1 are taken in turn */
	__u32 end;
	__u32 next;   /* the frame of the next run */
	__u32 target; /* 0: bench_nothing; 1: the program measured */
	__u32 fresh;  /* not 0: the source address and port are those of the serial, another each time the frames begin again */
	__u32 serial; /* the present one */
	__u32 serial_first; /* serials serial_first to serial_end - 1 are taken in turn */
	__u32 serial_end;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BENCH_MAX_FRAMES);
	__type(key, __u32);
	__type(value, struct bench_frame);
} bench_frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_job);
} bench_job SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} bench_targets SEC(".maps");

/*
 * A source that differs for each of 2^24 serials: an odd factor permutes the addresses of 10.0.0.0/8's size.
 * In IPv6 the same 4 bytes end the address.
 */
static __always_inline void
set_fresh_source(char *frame, __u32 serial)
{
	__u32 mixed = serial * 0x9e3779b1;

	*(__be32 *)(frame + BENCH_SOURCE_AT) = bpf_htonl(0x0a000000 | (mixed & 0xffffff));
	*(__be16 *)(frame + BENCH_SPORT_AT) = bpf_htons(1024 + (mixed >> 17));
}

/* The few bytes beside the words: an even number, below 8. */
static __always_inline void
restore_bytes(char *to, const char *from, int at, int end)
{
	if (at + 4 <= end) {
		*(__u32 *)(to + at) = *(const __u32 *)(from + at);
		at += 4;
	}
	if (at + 2 <= end)
		*(__u16 *)(to + at) = *(const __u16 *)(from + at);
}

BENCH_SECTION
int bench_wrapper(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct bench_job *job = bpf_map_lookup_elem(&bench_job, &zero);
	if (!job)
		return XDP_ABORTED;

	__u32 index = job->next;
	struct bench_frame *frame = bpf_map_lookup_elem(&bench_frames, &index);
	if (!frame)
		return XDP_ABORTED;
	job->next = index + 1 < job->end ? index + 1 : job->first;

	/* The run before may have put a header in front, or taken one away. */
	long surplus = (long)ctx->data_end - (long)ctx->data - BENCH_FRAME_BYTES;
	if (surplus && bpf_xdp_adjust_head(ctx, surplus))
		return XDP_ABORTED;

	char *data = (char *)(long)ctx->data;
	char *data_end = (char *)(long)ctx->data_end;
	if (data + BENCH_FRAME_BYTES > data_end)
		return XDP_ABORTED;
	/*
	 * Words that begin where the IP header's fields do: behind words that begin at 0, a program's load of the destination
	 * address would overlap two stores that are on their way still and wait for both, which no frame from a device makes it do.
	 */
	restore_bytes(data, (const char *)frame, 0, BENCH_WORDS_FROM);
#pragma unroll
	for (int at = BENCH_WORDS_FROM; at + 8 <= BENCH_FRAME_BYTES; at += 8)
		*(__u64 *)(data + at) = *(const __u64 *)((const char *)frame + at);
	restore_bytes(data, (const char *)frame, BENCH_FRAME_BYTES - (BENCH_FRAME_BYTES - BENCH_WORDS_FROM) % 8, BENCH_FRAME_BYTES);
	if (job->fresh) {
		__u32 serial = job->serial;

		set_fresh_source(data, serial);
		if (index + 1 >= job->end) /* the range's frames are one flow's packets, one after the other */
			job->serial = serial + 1 < job->serial_end ? serial + 1 : job->serial_first;
	}

	/* A constant index becomes a plain jump; a variable one goes through a retpoline and costs 10 ns more. */
	if (job->target)
		bpf_tail_call_static(ctx, &bench_targets, 1);
	else
		bpf_tail_call_static(ctx, &bench_targets, 0);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
