/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in for the driver's device: one TCP connection on loopback to driver.ts, over which each call of the library goes as a request and comes
 * back as an answer. The driver closes what a process left open when its connection ends.
 * Both are rows of fields, numbers little endian:
 *   request: u32 bytes that follow, then fields: the call's name, its arguments
 *   answer:  u32 bytes that follow, i32 result (negative: -errno), then fields
 * A field is u32 length and that many bytes; a number is a field of 4 bytes.
 */
#pragma once

#include <stdint.h>

/* The errno of Windows' C library where it is not that of mingw's headers for sure. */
enum { WIN_ENOBUFS = 119, WIN_ENOTSUP = 129, WIN_EOTHER = 131 };

struct field {
	const void *bytes;
	uint32_t length;
};

struct answer {
	int result;
	int count;
	struct field fields[8];
	uint8_t *memory;
};

struct field text(const char *string);
struct field bytes(const void *start, uint32_t length);

/* `number` must live as long as the field. */
#define NUMBER(number) bytes(&(uint32_t){(uint32_t)(number)}, 4)

/*
 * Makes a call of `name` with fields; fills `answer`, whose memory answer_free() frees. Returns the result, and sets errno when it is negative.
 * Without a driver: -ENOENT, as the real library answers when its driver does not run.
 */
int call(struct answer *answer, const char *name, int count, const struct field *arguments);

/* The same for calls that answer with a number alone. */
int simple(const char *name, int count, const struct field *arguments);

#define CALL(answer, name, ...) \
	call(answer, name, sizeof((struct field[]){__VA_ARGS__}) / sizeof(struct field), (struct field[]){__VA_ARGS__})
#define SIMPLE(name, ...) simple(name, sizeof((struct field[]){__VA_ARGS__}) / sizeof(struct field), (struct field[]){__VA_ARGS__})

/* Copies field `index`, at most `room` bytes; returns how many. */
uint32_t take(const struct answer *answer, int index, void *to, uint32_t room);
uint32_t number(const struct answer *answer, int index);
void answer_free(struct answer *answer);

/* Sets errno and returns its negative. */
int fail(int error);
