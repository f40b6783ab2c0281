/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The steps that a path is made of, each as a program of its own for the wrapper: BENCH_TIMES times the step, then what bench_nothing does.
 * What a program costs more than bench_nothing is the step's cost. They follow the data plane's way of doing it, but are not its code.
 * Compiled by bench/steps.ts, which gives the family's numbers as macros:
 *   BENCH_FRAME_BYTES, BENCH_SOURCE_AT, BENCH_ADDRESS_BYTES, BENCH_TCP_AT, BENCH_IP_BYTES  see FrameLayout in bench/family.ts
 *   BENCH_MAX_FLOWS  slots of a flow table, a power of two
 * A step that finds its entry missing writes it and answers XDP_PASS: the first run of a lookup does, no later one may.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Programs that tail-call each other take frames of several buffers all, or none. */
#if FL_HAS_FRAGS
#define BENCH_SECTION SEC("xdp.frags")
#else
#define BENCH_SECTION SEC("xdp")
#endif

#define BENCH_TIMES 4
#define BENCH_WORDS (BENCH_ADDRESS_BYTES / 2 + 2)

#define hide(value) asm volatile("" : "+r"(value))
#define forget_memory() asm volatile("" ::: "memory")

/* Both addresses, ports, protocol. */
struct bench_tuple {
	__u32 word[BENCH_WORDS];
};

struct bench_entry {
	__u64 packets;
	__u32 zero; /* always 0: makes the next lookup wait for this one */
	__u32 pad[9];
};

struct bench_slot {
	struct bench_tuple key;
	struct bench_entry entry;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BENCH_MAX_FLOWS);
	__type(key, struct bench_tuple);
	__type(value, struct bench_entry);
} step_lru SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BENCH_MAX_FLOWS);
	__type(key, __u32);
	__type(value, struct bench_slot);
} step_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct bench_entry);
} step_values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct bench_entry);
} step_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct bench_tuple);
	__type(value, struct bench_entry);
} step_hash SEC(".maps");

struct bench_row {
	__u32 zero[64]; /* always 0, as in an entry */
};

struct step_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct bench_row);
} step_inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 16);
	__type(key, __u32);
	__array(values, struct step_inner);
} step_outer_map SEC(".maps") = { .values = { [0] = &step_inner } };

/* The frame, or NULL when it is shorter than the wrapper's. */
static __always_inline char *frame_of(struct xdp_md *ctx, int bytes)
{
	char *data = (char *)(long)ctx->data;

	return data + bytes > (char *)(long)ctx->data_end ? 0 : data;
}

static __always_inline int answer(char *frame)
{
	__u16 *mac = (__u16 *)frame;

#pragma unroll
	for (int i = 0; i < 3; i++) {
		__u16 destination = mac[i];
		mac[i] = mac[i + 3];
		mac[i + 3] = destination;
	}
	return XDP_TX;
}

static __always_inline void fill_tuple(struct bench_tuple *tuple, const char *frame)
{
#pragma unroll
	for (int i = 0; i < BENCH_WORDS - 2; i++)
		tuple->word[i] = *(const __u32 *)(frame + BENCH_SOURCE_AT + 4 * i);
	tuple->word[BENCH_WORDS - 2] = *(const __u32 *)(frame + BENCH_TCP_AT);
	tuple->word[BENCH_WORDS - 1] = bpf_htonl(IPPROTO_TCP << 24);
}

/* 64-bit finalizer of MurmurHash3, a round for each 8 bytes of the tuple. */
static __always_inline __u64 hash_tuple(const struct bench_tuple *tuple)
{
	__u64 hash = 0x9e3779b1;

#pragma unroll
	for (int i = 0; i < BENCH_WORDS; i += 2) {
		hash ^= (__u64)tuple->word[i] << 32 | tuple->word[i + 1];
		hash ^= hash >> 33;
		hash *= 0xff51afd7ed558ccdULL;
		hash ^= hash >> 33;
		hash *= 0xc4ceb9fe1a85ec53ULL;
		hash ^= hash >> 33;
	}
	return hash;
}

static __always_inline int same_tuple(const struct bench_tuple *a, const struct bench_tuple *b)
{
	__u32 difference = 0;

#pragma unroll
	for (int i = 0; i < BENCH_WORDS; i++)
		difference |= a->word[i] ^ b->word[i];
	return !difference;
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* Header fields compared, tuple on the stack. */
BENCH_SECTION
int step_parse(struct xdp_md *ctx)
{
	char *frame = frame_of(ctx, BENCH_FRAME_BYTES);
	struct bench_tuple tuple;

	if (!frame)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < BENCH_TIMES; i++) {
		hide(frame);
		__u8 version = frame[ETH_HLEN] >> 4 & 15;
		__u16 length = bpf_ntohs(*(__u16 *)(frame + ETH_HLEN + (BENCH_IP_BYTES == 20 ? 2 : 4)));
		__u8 protocol = frame[ETH_HLEN + (BENCH_IP_BYTES == 20 ? 9 : 6)];
		__u8 header = (frame[BENCH_TCP_AT + 12] >> 4 & 15) * 4;

		if (*(__u16 *)(frame + 12) == 0 || version < 4 || length > BENCH_FRAME_BYTES - ETH_HLEN || protocol != IPPROTO_TCP ||
		    header < 20 || length < header)
			return XDP_ABORTED;
		fill_tuple(&tuple, frame);
		asm volatile("" : : "r"(&tuple) : "memory");
	}
	return answer(frame);
}

#define DEFINE_LOOKUP_STEP(name, map)                                                   \
	BENCH_SECTION                                                                      \
	int name(struct xdp_md *ctx)                                                    \
	{                                                                               \
		char *frame = frame_of(ctx, BENCH_FRAME_BYTES);                         \
		struct bench_tuple tuple;                                               \
		int i;                                                                  \
                                                                                        \
		if (!frame)                                                             \
			return XDP_ABORTED;                                             \
		fill_tuple(&tuple, frame);                                              \
		_Pragma("unroll") for (i = 0; i < BENCH_TIMES; i++)                     \
		{                                                                       \
			struct bench_entry *entry = bpf_map_lookup_elem(&map, &tuple);  \
			struct bench_entry fresh = {};                                  \
                                                                                        \
			if (!entry) {                                                   \
				bpf_map_update_elem(&map, &tuple, &fresh, BPF_ANY);     \
				return XDP_PASS;                                        \
			}                                                               \
			entry->packets++;                                               \
			tuple.word[BENCH_WORDS - 2] += entry->zero;                     \
		}                                                                       \
		return answer(frame);                                                   \
	}

/* A flow in the kernel's LRU hash table. */
DEFINE_LOOKUP_STEP(step_flow_lru, step_lru)

/* A service in the kernel's hash table. */
DEFINE_LOOKUP_STEP(step_service, step_hash)

/* A flow in a table of our own over an array: hash, slot, comparison of the key. */
BENCH_SECTION
int step_flow_slot(struct xdp_md *ctx)
{
	char *frame = frame_of(ctx, BENCH_FRAME_BYTES);
	struct bench_tuple tuple;

	if (!frame)
		return XDP_ABORTED;
	fill_tuple(&tuple, frame);
#pragma unroll
	for (int i = 0; i < BENCH_TIMES; i++) {
		__u32 index = hash_tuple(&tuple) & (BENCH_MAX_FLOWS - 1);
		struct bench_slot *slot = bpf_map_lookup_elem(&step_slots, &index);

		if (!slot)
			return XDP_ABORTED;
		if (!same_tuple(&slot->key, &tuple)) {
			slot->key = tuple;
			return XDP_PASS;
		}
		slot->entry.packets++;
		tuple.word[BENCH_WORDS - 2] += slot->entry.zero;
	}
	return answer(frame);
}

/* One array lookup: a backend, a bitmap's word. */
BENCH_SECTION
int step_array(struct xdp_md *ctx)
{
	char *frame = frame_of(ctx, BENCH_FRAME_BYTES);
	__u32 index = 7;

	if (!frame)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < BENCH_TIMES; i++) {
		struct bench_entry *entry = bpf_map_lookup_elem(&step_values, &index);

		if (!entry)
			return XDP_ABORTED;
		index += entry->zero;
	}
	return index == 7 ? answer(frame) : XDP_ABORTED;
}

/* A counter: per-CPU array, two additions. */
BENCH_SECTION
int step_count(struct xdp_md *ctx)
{
	char *frame = frame_of(ctx, BENCH_FRAME_BYTES);

	if (!frame)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < BENCH_TIMES; i++) {
		/* Another counter each time: additions to one and the same would wait for each other. */
		__u32 index = i;
		struct bench_entry *entry = bpf_map_lookup_elem(&step_counters, &index);

		if (!entry)
			return XDP_ABORTED;
		entry->packets++;
		entry->pad[0] += BENCH_FRAME_BYTES;
	}
	return answer(frame);
}

/* The Maglev table: division, the service's inner map, its row, the slot in it. */
BENCH_SECTION
int step_maglev(struct xdp_md *ctx)
{
	char *frame = frame_of(ctx, BENCH_FRAME_BYTES);
	__u32 service = 0;
	__u32 hash = 0x12345678;

	if (!frame)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < BENCH_TIMES; i++) {
		void *table = bpf_map_lookup_elem(&step_outer_map, &service);
		__u32 slot = hash % 16381;
		__u32 index = slot >> 6;
		struct bench_row *row;

		if (!table)
			return XDP_ABORTED;
		row = bpf_map_lookup_elem(table, &index);
		if (!row)
			return XDP_ABORTED;
		hash += row->zero[slot & 63];
	}
	return answer(frame);
}

/* RFC 1624 for new addresses and ports: sums of the differences, folded into two checksums. */
BENCH_SECTION
int step_checksum(struct xdp_md *ctx)
{
	char *frame = frame_of(ctx, BENCH_FRAME_BYTES);
	__u16 check;
	__u32 word;

	if (!frame)
		return XDP_ABORTED;
	check = *(__u16 *)(frame + BENCH_TCP_AT + 16);
	word = *(__u32 *)(frame + BENCH_SOURCE_AT);
#pragma unroll
	for (int i = 0; i < BENCH_TIMES; i++) {
		__u64 change = 0;

#pragma unroll
		for (int j = 0; j < BENCH_WORDS - 1; j++) {
			hide(word);
			change += (__u64)(__u32)~word + (word ^ 0x01010101 * j);
		}
		if (BENCH_IP_BYTES == 20) { /* the header's own, which IPv6 has not */
			__u16 header = ~fold((__u16)~check + change);

			hide(header);
			change += header;
		}
		check = ~fold((__u16)~check + change);
		hide(check);
	}
	*(__u16 *)(frame + BENCH_TCP_AT + 16) = check;
	return answer(frame);
}

/* Addresses, ports, hops and checksums stored into the frame. */
BENCH_SECTION
int step_rewrite(struct xdp_md *ctx)
{
	char *frame = frame_of(ctx, BENCH_FRAME_BYTES);

	if (!frame)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < BENCH_TIMES; i++) {
#pragma unroll
		for (int j = 0; j < BENCH_WORDS - 2; j++)
			*(__u32 *)(frame + BENCH_SOURCE_AT + 4 * j) = 0x01020304 + i;
		*(__u16 *)(frame + BENCH_TCP_AT) = 80 + i;
		*(__u16 *)(frame + BENCH_TCP_AT + 2) = 81 + i;
		*(__u16 *)(frame + BENCH_TCP_AT + 16) = 82 + i;
		frame[ETH_HLEN + (BENCH_IP_BYTES == 20 ? 8 : 7)]--;
		if (BENCH_IP_BYTES == 20)
			*(__u16 *)(frame + ETH_HLEN + 10) = 83 + i;
		forget_memory();
	}
	return answer(frame);
}

/* Room for an outer header, and the header; the wrapper takes it away again, which is in the figure. Once, not BENCH_TIMES times. */
BENCH_SECTION
int step_outer(struct xdp_md *ctx)
{
	__u64 sum = 0x4500;
	char *frame;

	if (bpf_xdp_adjust_head(ctx, -BENCH_IP_BYTES))
		return XDP_ABORTED;
	frame = frame_of(ctx, BENCH_FRAME_BYTES + BENCH_IP_BYTES);
	if (!frame)
		return XDP_ABORTED;
	*(__u16 *)(frame + 12) = bpf_htons(BENCH_IP_BYTES == 20 ? ETH_P_IP : ETH_P_IPV6);
#pragma unroll
	for (int i = 0; i < BENCH_IP_BYTES / 4; i++) {
		__u32 word = i;

		hide(word);
		sum += word;
		*(__u32 *)(frame + ETH_HLEN + 4 * i) = word;
	}
	if (BENCH_IP_BYTES == 20)
		*(__u16 *)(frame + ETH_HLEN + 10) = ~fold(sum);
	return answer(frame);
}

/* A new flow's entry in the kernel's LRU hash table. Once; each frame is another flow. */
BENCH_SECTION
int step_insert_lru(struct xdp_md *ctx)
{
	char *frame = frame_of(ctx, BENCH_FRAME_BYTES);
	struct bench_entry fresh = {};
	struct bench_tuple tuple;

	if (!frame)
		return XDP_ABORTED;
	fill_tuple(&tuple, frame);
	if (bpf_map_update_elem(&step_lru, &tuple, &fresh, BPF_ANY))
		return XDP_ABORTED;
	return answer(frame);
}

/* A new flow's entry in a table over an array. Once; each frame is another flow. */
BENCH_SECTION
int step_insert_slot(struct xdp_md *ctx)
{
	char *frame = frame_of(ctx, BENCH_FRAME_BYTES);
	struct bench_entry fresh = {};
	struct bench_tuple tuple;
	struct bench_slot *slot;
	__u32 index;

	if (!frame)
		return XDP_ABORTED;
	fill_tuple(&tuple, frame);
	index = hash_tuple(&tuple) & (BENCH_MAX_FLOWS - 1);
	slot = bpf_map_lookup_elem(&step_slots, &index);
	if (!slot)
		return XDP_ABORTED;
	slot->key = tuple;
	slot->entry = fresh;
	return answer(frame);
}

char _license[] SEC("license") = "Dual BSD/GPL";
