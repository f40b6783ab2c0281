/* SPDX-License-Identifier: Apache-2.0 */
/* Objects, their maps and programs: what a file declares. Their handles are memory of this process, as in the real library. */
#include "ebpfapi.h"

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
