/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors, ids, what is told of an object, and pins. */
#include "ebpfapi.h"

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

int next_id(const char *name, uint32_t start, uint32_t *next)
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

/* The pin that comes next in the order of paths, of the type that *type says before (0: any, 1 map, 2 link, 3 program); its own type afterwards. */
EXPORT uint32_t ebpf_get_next_pinned_object_path(const char *start, char *next, size_t room, uint32_t *type)
{
	struct answer answer;
	int result = CALL(&answer, "next_pin", text(start), NUMBER(*type));

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
