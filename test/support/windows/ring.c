/* SPDX-License-Identifier: Apache-2.0 */
/* Ring buffers: records by a callback, on the thread that asks. */
#include <windows.h>

#include "ebpfapi.h"

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
