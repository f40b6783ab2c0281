/* SPDX-License-Identifier: Apache-2.0 */
/* Maps: making, single operations, batches. A descriptor says how large keys and values are. */
#include "ebpfapi.h"

/* struct bpf_map_create_opts of libbpf, as far as it is looked at. */
struct create_opts {
	size_t size;
	uint32_t btf_fd, btf_key_type_id, btf_value_type_id, btf_vmlinux_value_type_id, inner_map_fd, map_flags;
};

EXPORT int bpf_map_create(int type, const char *name, uint32_t key_size, uint32_t value_size, uint32_t max_entries, const struct create_opts *opts)
{
	const bool whole = opts && opts->size >= 32;

	return SIMPLE("map_create", NUMBER(type), text(name), NUMBER(key_size), NUMBER(value_size), NUMBER(max_entries),
		      NUMBER(whole ? opts->map_flags : 0), NUMBER(whole ? opts->inner_map_fd : 0));
}

/*
 * Key and value sizes of a descriptor, which the caller of an operation does not say. Kept, as asking takes as long as the operation itself: the driver
 * never gives a number twice, and refuses one that was closed.
 */
static int sizes(int fd, uint32_t *key, uint32_t *value)
{
	static struct {
		int fd;
		uint32_t key, value;
	} known[1024];
	const uint32_t slot = (uint32_t)fd % 1024;
	struct answer answer;
	int result;

	if (known[slot].fd != fd || fd == 0) {
		result = CALL(&answer, "map_sizes", NUMBER(fd));
		if (result < 0) {
			answer_free(&answer);
			return result;
		}
		known[slot].key = number(&answer, 0);
		known[slot].value = number(&answer, 1);
		known[slot].fd = fd;
		answer_free(&answer);
	}
	*key = known[slot].key;
	*value = known[slot].value;
	return 0;
}

static int look(const char *name, int fd, const void *key, void *value)
{
	uint32_t key_size, value_size;
	struct answer answer;
	int result = sizes(fd, &key_size, &value_size);

	if (result < 0)
		return result;
	result = CALL(&answer, name, NUMBER(fd), bytes(key, key_size));
	if (result >= 0)
		take(&answer, 0, value, value_size);
	answer_free(&answer);
	return result;
}

EXPORT int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	return look("map_lookup", fd, key, value);
}

EXPORT int bpf_map_lookup_and_delete_elem(int fd, const void *key, void *value)
{
	return look("map_lookup_and_delete", fd, key, value);
}

EXPORT int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)
{
	uint32_t key_size, value_size;
	const int result = sizes(fd, &key_size, &value_size);

	return result < 0 ? result
			  : SIMPLE("map_update", NUMBER(fd), bytes(key, key_size), bytes(value, value_size), NUMBER(flags));
}

EXPORT int bpf_map_delete_elem(int fd, const void *key)
{
	uint32_t key_size, value_size;
	const int result = sizes(fd, &key_size, &value_size);

	return result < 0 ? result : SIMPLE("map_delete", NUMBER(fd), bytes(key, key_size));
}

EXPORT int bpf_map_get_next_key(int fd, const void *previous, void *next)
{
	uint32_t key_size, value_size;
	struct answer answer;
	int result = sizes(fd, &key_size, &value_size);

	if (result < 0)
		return result;
	result = CALL(&answer, "map_next_key", NUMBER(fd), bytes(previous, previous ? key_size : 0));
	if (result >= 0)
		take(&answer, 0, next, key_size);
	answer_free(&answer);
	return result;
}

/* The position from batch to batch is a key. The end is told by -ENOENT, by a call that has nothing more to give. A call that fails leaves `count` as it is. */
static int read_batch(const char *name, int fd, const void *in, void *out, void *keys, void *values, uint32_t *count)
{
	uint32_t key_size, value_size;
	struct answer answer;
	int result = sizes(fd, &key_size, &value_size);

	if (result < 0)
		return result;
	result = CALL(&answer, name, NUMBER(fd), bytes(in, in ? key_size : 0), NUMBER(*count));
	if (result >= 0) {
		*count = number(&answer, 0);
		take(&answer, 1, keys, *count * key_size);
		take(&answer, 2, values, *count * value_size);
		memcpy(out, (const uint8_t *)answer.fields[1].bytes + (*count - 1) * key_size, key_size);
	}
	answer_free(&answer);
	return result;
}

EXPORT int bpf_map_lookup_batch(int fd, void *in, void *out, void *keys, void *values, uint32_t *count, const void *opts)
{
	(void)opts;
	return read_batch("map_lookup_batch", fd, in, out, keys, values, count);
}

EXPORT int bpf_map_lookup_and_delete_batch(int fd, void *in, void *out, void *keys, void *values, uint32_t *count, const void *opts)
{
	(void)opts;
	return read_batch("map_lookup_and_delete_batch", fd, in, out, keys, values, count);
}

/* `count` is not changed, whatever happens: nobody learns how far a batch came that failed. */
static int write_batch(const char *name, int fd, const void *keys, const void *values, const uint32_t *count)
{
	uint32_t key_size, value_size;
	const int result = sizes(fd, &key_size, &value_size);

	return result < 0 ? result : SIMPLE(name, NUMBER(fd), bytes(keys, *count * key_size), bytes(values, values ? *count * value_size : 0), NUMBER(*count));
}

EXPORT int bpf_map_update_batch(int fd, const void *keys, const void *values, uint32_t *count, const void *opts)
{
	(void)opts;
	return write_batch("map_update_batch", fd, keys, values, count);
}

EXPORT int bpf_map_delete_batch(int fd, const void *keys, uint32_t *count, const void *opts)
{
	(void)opts;
	return write_batch("map_delete_batch", fd, keys, NULL, count);
}
