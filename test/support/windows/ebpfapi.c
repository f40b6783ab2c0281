/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ebpfapi.dll, a test double: the functions that eBPF for Windows' library shares with libbpf, and some of its own, with the layouts of its
 * structures and the errno of its C library, for the Windows adapter under Wine. What the calls do is decided in driver.ts, which this passes them to.
 *
 * It does not verify, compile or sign; no driver is loaded and no real packet passes. Ids are small numbers, GUIDs are zero, and a per-CPU value has
 * one part. What the adapter does not use is not here: perf buffers, queues, sections of programs other than XDP.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "channel.h"

#define EXPORT __declspec(dllexport)

/* ---- Objects: what a file declares. Their handles are memory of this process, as in the real library. ---- */

struct bpf_map {
	char name[64];
	uint32_t type, key_size, value_size, max_entries;
	int fd;
};

struct bpf_program {
	char name[64], section[64];
	uint32_t instructions;
	bool autoload;
	int fd;
};

struct bpf_object {
	uint32_t id;
	int execution;
	char name[64];
	uint32_t maps, programs;
	struct bpf_map *map;
	struct bpf_program *program;
	char *log;
};

/* As driver.ts lays them out in its answer. */
struct map_row {
	char name[64];
	uint32_t type, key_size, value_size, max_entries;
};

struct program_row {
	char name[64], section[64];
	uint32_t instructions;
};

/* struct bpf_object_open_opts of libbpf. */
struct open_opts {
	size_t size;
	const char *object_name;
	bool relaxed_maps;
	const char *pin_root_path;
};

static void copy_name(char *to, const char *from)
{
	memcpy(to, from, 63);
	to[63] = 0;
}

EXPORT struct bpf_object *bpf_object__open_file(const char *path, const struct open_opts *opts)
{
	const char *root = opts && opts->size >= 32 ? opts->pin_root_path : NULL;
	struct bpf_object *object;
	struct answer answer;

	if (CALL(&answer, "object_open", text(path), text(root)) < 0) {
		answer_free(&answer);
		return NULL;
	}
	object = calloc(1, sizeof(*object));
	object->id = (uint32_t)answer.result;
	take(&answer, 0, object->name, sizeof(object->name) - 1);
	object->maps = answer.fields[1].length / sizeof(struct map_row);
	object->programs = answer.fields[2].length / sizeof(struct program_row);
	object->map = calloc(object->maps + 1, sizeof(*object->map));
	object->program = calloc(object->programs + 1, sizeof(*object->program));
	for (uint32_t i = 0; i < object->maps; i++) {
		const struct map_row *row = (const struct map_row *)answer.fields[1].bytes + i;
		struct bpf_map *map = &object->map[i];

		copy_name(map->name, row->name);
		map->type = row->type;
		map->key_size = row->key_size;
		map->value_size = row->value_size;
		map->max_entries = row->max_entries;
		map->fd = -1;
	}
	for (uint32_t i = 0; i < object->programs; i++) {
		const struct program_row *row = (const struct program_row *)answer.fields[2].bytes + i;
		struct bpf_program *program = &object->program[i];

		copy_name(program->name, row->name);
		copy_name(program->section, row->section);
		program->instructions = row->instructions;
		program->autoload = true;
		program->fd = -1;
	}
	answer_free(&answer);
	return object;
}

EXPORT struct bpf_object *bpf_object__open(const char *path)
{
	return bpf_object__open_file(path, NULL);
}

/* Loads those programs whose autoload is on; field 0: their descriptors, field 1: the maps', field 2: the verifier's report. */
EXPORT int bpf_object__load(struct bpf_object *object)
{
	uint8_t wanted[64] = {0};
	int result;
	struct answer answer;

	for (uint32_t i = 0; i < object->programs && i < sizeof(wanted); i++)
		wanted[i] = object->program[i].autoload;
	result = CALL(&answer, "object_load", NUMBER(object->id), NUMBER(object->execution), bytes(wanted, object->programs));
	free(object->log);
	object->log = calloc(1, answer.fields[2].length + 1);
	take(&answer, 2, object->log, answer.fields[2].length);
	if (result >= 0) {
		for (uint32_t i = 0; i < object->programs; i++)
			object->program[i].fd = ((const int32_t *)answer.fields[0].bytes)[i];
		for (uint32_t i = 0; i < object->maps; i++)
			object->map[i].fd = ((const int32_t *)answer.fields[1].bytes)[i];
	}
	answer_free(&answer);
	return result;
}

/* Closes the object's own descriptors too. */
EXPORT void bpf_object__close(struct bpf_object *object)
{
	if (!object)
		return;
	SIMPLE("object_close", NUMBER(object->id));
	free(object->map);
	free(object->program);
	free(object->log);
	free(object);
}

EXPORT const char *bpf_object__name(const struct bpf_object *object)
{
	return object->name;
}

EXPORT uint32_t ebpf_object_set_execution_type(struct bpf_object *object, int type)
{
	if (type < 0 || type > 3)
		return 6; /* EBPF_INVALID_ARGUMENT */
	object->execution = type;
	return 0;
}

EXPORT struct bpf_map *bpf_object__next_map(const struct bpf_object *object, const struct bpf_map *previous)
{
	struct bpf_map *next = previous ? (struct bpf_map *)previous + 1 : object->map;

	return next < object->map + object->maps ? next : NULL;
}

EXPORT struct bpf_map *bpf_object__prev_map(const struct bpf_object *object, const struct bpf_map *next)
{
	struct bpf_map *previous = (next ? (struct bpf_map *)next : object->map + object->maps) - 1;

	return previous >= object->map ? previous : NULL;
}

EXPORT struct bpf_map *bpf_object__find_map_by_name(const struct bpf_object *object, const char *name)
{
	for (struct bpf_map *map = NULL; (map = bpf_object__next_map(object, map));)
		if (!strcmp(map->name, name))
			return map;
	fail(ENOENT);
	return NULL;
}

EXPORT int bpf_object__find_map_fd_by_name(const struct bpf_object *object, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	return map ? map->fd : fail(EINVAL);
}

EXPORT int bpf_map__fd(const struct bpf_map *map)
{
	return map ? map->fd : fail(EINVAL);
}

EXPORT const char *bpf_map__name(const struct bpf_map *map)
{
	return map ? map->name : NULL;
}

EXPORT int bpf_map__type(const struct bpf_map *map)
{
	return (int)map->type;
}

EXPORT uint32_t bpf_map__key_size(const struct bpf_map *map)
{
	return map->key_size;
}

EXPORT uint32_t bpf_map__value_size(const struct bpf_map *map)
{
	return map->value_size;
}

EXPORT uint32_t bpf_map__max_entries(const struct bpf_map *map)
{
	return map->max_entries;
}

EXPORT struct bpf_program *bpf_object__next_program(const struct bpf_object *object, struct bpf_program *previous)
{
	struct bpf_program *next = previous ? previous + 1 : object->program;

	return next < object->program + object->programs ? next : NULL;
}

EXPORT struct bpf_program *bpf_object__prev_program(const struct bpf_object *object, struct bpf_program *next)
{
	struct bpf_program *previous = (next ? next : object->program + object->programs) - 1;

	return previous >= object->program ? previous : NULL;
}

EXPORT struct bpf_program *bpf_object__find_program_by_name(const struct bpf_object *object, const char *name)
{
	for (struct bpf_program *program = NULL; (program = bpf_object__next_program(object, program));)
		if (!strcmp(program->name, name))
			return program;
	fail(ENOENT);
	return NULL;
}

EXPORT int bpf_program__fd(const struct bpf_program *program)
{
	return program ? program->fd : fail(EINVAL);
}

EXPORT const char *bpf_program__name(const struct bpf_program *program)
{
	return program->name;
}

EXPORT const char *bpf_program__section_name(const struct bpf_program *program)
{
	return program->section;
}

EXPORT size_t bpf_program__insn_cnt(const struct bpf_program *program)
{
	return program->instructions;
}

EXPORT bool bpf_program__autoload(const struct bpf_program *program)
{
	return program->autoload;
}

EXPORT int bpf_program__set_autoload(struct bpf_program *program, bool autoload)
{
	if (program->fd >= 0)
		return fail(EINVAL);
	program->autoload = autoload;
	return 0;
}

/* ---- Maps ---- */

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

/* The position from batch to batch is a key. The end is told by -ENOENT, by a call that has nothing more to give. */
static int read_batch(const char *name, int fd, const void *in, void *out, void *keys, void *values, uint32_t *count)
{
	uint32_t key_size, value_size;
	struct answer answer;
	int result = sizes(fd, &key_size, &value_size);

	if (result < 0)
		return result;
	result = CALL(&answer, name, NUMBER(fd), bytes(in, in ? key_size : 0), NUMBER(*count));
	*count = result < 0 ? 0 : number(&answer, 0);
	if (result >= 0) {
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

static int write_batch(const char *name, int fd, const void *keys, const void *values, uint32_t *count)
{
	uint32_t key_size, value_size;
	struct answer answer;
	int result = sizes(fd, &key_size, &value_size);

	if (result < 0)
		return result;
	result = CALL(&answer, name, NUMBER(fd), bytes(keys, *count * key_size), bytes(values, values ? *count * value_size : 0), NUMBER(*count));
	*count = number(&answer, 0);
	answer_free(&answer);
	return result;
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

/* ---- Descriptors, ids, pins ---- */

EXPORT int ebpf_close_fd(int fd)
{
	return SIMPLE("close", NUMBER(fd)) < 0 ? 4 : 0; /* EBPF_INVALID_FD */
}

EXPORT int bpf_map_get_fd_by_id(uint32_t id)
{
	return SIMPLE("map_fd_by_id", NUMBER(id));
}

EXPORT int bpf_prog_get_fd_by_id(uint32_t id)
{
	return SIMPLE("program_fd_by_id", NUMBER(id));
}

EXPORT int bpf_link_get_fd_by_id(uint32_t id)
{
	return SIMPLE("link_fd_by_id", NUMBER(id));
}

static int next_id(const char *name, uint32_t start, uint32_t *next)
{
	struct answer answer;
	const int result = CALL(&answer, name, NUMBER(start));

	if (result >= 0)
		*next = number(&answer, 0);
	answer_free(&answer);
	return result;
}

EXPORT int bpf_map_get_next_id(uint32_t start, uint32_t *next)
{
	return next_id("map_next_id", start, next);
}

EXPORT int bpf_prog_get_next_id(uint32_t start, uint32_t *next)
{
	return next_id("program_next_id", start, next);
}

EXPORT int bpf_link_get_next_id(uint32_t start, uint32_t *next)
{
	return next_id("link_next_id", start, next);
}

/* struct bpf_prog_info, its two fields that a caller sets. */
struct program_info {
	uint32_t id, type, map_count;
	uint32_t *map_ids;
};

/* Field 0: the structure as the caller gets it; of a program with field 1: the ids of its maps. */
EXPORT int bpf_obj_get_info_by_fd(int fd, void *info, uint32_t *length)
{
	struct program_info *program = info;
	uint32_t *ids = NULL, room = 0;
	struct answer answer;
	const int result = CALL(&answer, "info", NUMBER(fd));

	if (result >= 0 && answer.fields[0].length > *length) {
		answer_free(&answer);
		return fail(WIN_ENOBUFS);
	}
	if (result >= 0 && answer.count > 1) {
		ids = program->map_ids;
		room = program->map_count;
	}
	if (result >= 0) {
		*length = take(&answer, 0, info, *length);
		if (room > 0 && !ids) {
			answer_free(&answer);
			return fail(EFAULT);
		}
		if (answer.count > 1)
			program->map_ids = ids;
		if (ids)
			take(&answer, 1, ids, room * 4);
	}
	answer_free(&answer);
	return result;
}

EXPORT int bpf_obj_pin(int fd, const char *path)
{
	return SIMPLE("pin", NUMBER(fd), text(path));
}

EXPORT int bpf_obj_get(const char *path)
{
	return SIMPLE("open_pin", text(path));
}

static uint32_t as_ebpf_result(int result)
{
	switch (-result) {
	case 0:
		return 0;
	case EINVAL:
		return 6; /* EBPF_INVALID_ARGUMENT */
	case ENOENT:
		return 7; /* EBPF_OBJECT_NOT_FOUND */
	default:
		return 17; /* EBPF_FAILED */
	}
}

EXPORT uint32_t ebpf_object_unpin(const char *path)
{
	return as_ebpf_result(SIMPLE("unpin", text(path)));
}

/* The pin that comes next in the order of paths, of whatever type: 1 map, 2 link, 3 program. */
EXPORT uint32_t ebpf_get_next_pinned_object_path(const char *start, char *next, size_t room, uint32_t *type)
{
	struct answer answer;
	int result = CALL(&answer, "next_pin", text(start));

	if (result < 0)
		result = 25; /* EBPF_NO_MORE_KEYS */
	else if (answer.fields[0].length >= room)
		result = 24; /* EBPF_INSUFFICIENT_BUFFER */
	else {
		next[take(&answer, 0, next, (uint32_t)room)] = 0;
		*type = number(&answer, 1);
		result = 0;
	}
	answer_free(&answer);
	return (uint32_t)result;
}

/* ---- Programs: attaching and running ---- */

struct bpf_link {
	int fd;
	bool disconnected;
};

EXPORT struct bpf_link *bpf_program__attach_xdp(const struct bpf_program *program, int ifindex)
{
	const int fd = SIMPLE("attach", NUMBER(program->fd), NUMBER(ifindex), NUMBER(0)); /* detached when nothing refers to the link */
	struct bpf_link *link;

	if (fd < 0)
		return NULL;
	link = calloc(1, sizeof(*link));
	link->fd = fd;
	return link;
}

EXPORT int bpf_link__fd(const struct bpf_link *link)
{
	return link ? link->fd : fail(EINVAL);
}

EXPORT int bpf_link__pin(struct bpf_link *link, const char *path)
{
	return bpf_obj_pin(link->fd, path);
}

EXPORT struct bpf_link *bpf_link__open(const char *path)
{
	const int fd = bpf_obj_get(path);
	struct bpf_link *link;

	if (fd < 0)
		return NULL;
	link = calloc(1, sizeof(*link));
	link->fd = fd;
	return link;
}

/* The attachment lasts from now on, whoever refers to it. */
EXPORT void bpf_link__disconnect(struct bpf_link *link)
{
	SIMPLE("link_disconnect", NUMBER(link->fd));
	link->disconnected = true;
}

EXPORT int bpf_link_detach(int fd)
{
	return SIMPLE("link_detach", NUMBER(fd));
}

/* Detaches, unless the link was disconnected. */
EXPORT int bpf_link__destroy(struct bpf_link *link)
{
	int result = 0;

	if (!link)
		return 0;
	if (!link->disconnected)
		result = bpf_link_detach(link->fd);
	ebpf_close_fd(link->fd);
	free(link);
	return result;
}

/* Flag 1, XDP_FLAGS_REPLACE: what is attached is detached first. The attachment lasts when this process ends. */
EXPORT int bpf_xdp_attach(int ifindex, int fd, uint32_t flags, const void *opts)
{
	int link;

	(void)opts;
	link = SIMPLE("attach", NUMBER(fd), NUMBER(ifindex), NUMBER(flags));
	if (link < 0)
		return link;
	SIMPLE("link_disconnect", NUMBER(link));
	ebpf_close_fd(link);
	return 0;
}

EXPORT int bpf_xdp_detach(int ifindex, uint32_t flags, const void *opts)
{
	(void)flags;
	(void)opts;
	return SIMPLE("xdp_detach", NUMBER(ifindex));
}

EXPORT int bpf_xdp_query_id(int ifindex, int flags, uint32_t *id)
{
	(void)flags;
	return next_id("xdp_query", (uint32_t)ifindex, id);
}

/* struct bpf_test_run_opts of libbpf. */
struct test_run_opts {
	size_t size;
	const void *data_in;
	void *data_out;
	uint32_t data_size_in, data_size_out;
	const void *ctx_in;
	void *ctx_out;
	uint32_t ctx_size_in, ctx_size_out, retval;
	int repeat;
	uint32_t duration, flags, cpu, batch_size;
};

EXPORT int bpf_prog_test_run_opts(int fd, struct test_run_opts *opts)
{
	struct answer answer;
	int result = CALL(&answer, "test_run", NUMBER(fd), bytes(opts->data_in, opts->data_size_in), bytes(opts->ctx_in, opts->ctx_size_in),
			  NUMBER(opts->repeat));

	if (result >= 0 && opts->data_out && answer.fields[1].length > opts->data_size_out)
		result = fail(WIN_ENOBUFS);
	if (result >= 0) {
		opts->retval = number(&answer, 0);
		opts->data_size_out = take(&answer, 1, opts->data_out, opts->data_out ? opts->data_size_out : answer.fields[1].length);
		opts->duration = number(&answer, 2);
		opts->ctx_size_out = 0;
	}
	answer_free(&answer);
	return result;
}

/* The verifier's verdict on a program of a file. Returns 0: it passed. The strings are freed by ebpf_free_string. */
EXPORT uint32_t ebpf_api_elf_verify_program_from_file(const char *file, const char *section, const char *program, const void *type, int verbosity,
						      const char **report, const char **error, void *stats)
{
	struct answer answer;
	const int result = CALL(&answer, "verify", text(file), text(section), text(program));
	char *said = calloc(1, answer.fields[0].length + 1);

	(void)type;
	(void)verbosity;
	(void)stats;
	take(&answer, 0, said, answer.fields[0].length);
	answer_free(&answer);
	*report = result < 0 ? NULL : said;
	*error = result < 0 ? said : NULL;
	return result == 0 ? 0 : 1;
}

EXPORT void ebpf_free_string(const char *string)
{
	free((void *)string);
}

/* ---- Ring buffers ---- */

typedef int (*ring_buffer_sample_fn)(void *context, void *data, size_t size);

struct ring_buffer {
	int fd;
	ring_buffer_sample_fn sample;
	void *context;
};

EXPORT struct ring_buffer *ring_buffer__new(int fd, ring_buffer_sample_fn sample, void *context, const void *opts)
{
	struct ring_buffer *ring;

	(void)opts;
	if (SIMPLE("ring_check", NUMBER(fd)) < 0)
		return NULL;
	ring = calloc(1, sizeof(*ring));
	*ring = (struct ring_buffer){fd, sample, context};
	return ring;
}

EXPORT void ring_buffer__free(struct ring_buffer *ring)
{
	free(ring);
}

/* A record is gone once its callback has returned, also when that ends the call by a negative number. */
EXPORT int ring_buffer__consume(struct ring_buffer *ring)
{
	int consumed = 0, said = 0;

	while (said >= 0) {
		struct answer answer;
		const int result = CALL(&answer, "ring_take", NUMBER(ring->fd));

		if (result <= 0) {
			answer_free(&answer);
			return result < 0 ? result : consumed;
		}
		said = ring->sample(ring->context, (void *)answer.fields[0].bytes, answer.fields[0].length);
		answer_free(&answer);
		consumed++;
	}
	return said;
}

EXPORT int ring_buffer__poll(struct ring_buffer *ring, int timeout)
{
	int consumed = ring_buffer__consume(ring);

	for (int waited = 0; consumed == 0 && (timeout < 0 || waited < timeout); waited += 5) {
		Sleep(5);
		consumed = ring_buffer__consume(ring);
	}
	return consumed;
}

/* ---- The library itself ---- */

EXPORT int libbpf_num_possible_cpus(void)
{
	return 1;
}

/* -errno of what failed last on this thread, for NULL; else the error that the pointer is, or 0. */
EXPORT long libbpf_get_error(const void *pointer)
{
	const intptr_t value = (intptr_t)pointer;

	if (pointer && !(value < 0 && value >= -4095))
		return 0;
	if (pointer)
		errno = (int)-value;
	return -errno;
}

EXPORT int libbpf_strerror(int error, char *buffer, size_t size)
{
	if (!buffer || size == 0)
		return fail(EINVAL);
	snprintf(buffer, size, "%s", strerror(error < 0 ? -error : error));
	return 0;
}

/* Not of the real library: asks the test for something that it does by this name, and waits until it is done. */
EXPORT int double_do(const char *action)
{
	return SIMPLE("do", text(action));
}
