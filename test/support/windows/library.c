/* SPDX-License-Identifier: Apache-2.0 */
/* What the library tells of itself and of errors. */
#include <stdio.h>

#include "ebpfapi.h"

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
