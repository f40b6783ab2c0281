/* SPDX-License-Identifier: Apache-2.0 */
/* Programs on devices, links, test runs, and the verifier's report. */
#include "ebpfapi.h"

struct bpf_link {
	int fd;
	bool disconnected;
};

/* The attachment goes with the last reference to the link. */
EXPORT struct bpf_link *bpf_program__attach_xdp(const struct bpf_program *program, int ifindex)
{
	const int fd = SIMPLE("attach", NUMBER(bpf_program__fd(program)), NUMBER(ifindex), NUMBER(0));
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
