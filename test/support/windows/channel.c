/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to driver.ts. Needs Windows' sockets; the port stands in the environment variable FAIRLEAD_EBPF_DRIVER.
 * One request is under way at a time, whatever thread makes it.
 */
#include <winsock2.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"

static SOCKET driver = INVALID_SOCKET;
static CRITICAL_SECTION turn;

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved)
{
	(void)module;
	(void)reserved;
	if (reason == DLL_PROCESS_ATTACH)
		InitializeCriticalSection(&turn);
	return TRUE;
}

int fail(int error)
{
	errno = error;
	return -error;
}

struct field bytes(const void *start, uint32_t length)
{
	return (struct field){start, length};
}

struct field text(const char *string)
{
	return bytes(string ? string : "", string ? (uint32_t)strlen(string) : 0);
}

static int connected(void)
{
	const char *port = getenv("FAIRLEAD_EBPF_DRIVER");
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char without_delay = 1;
	WSADATA data;

	if (driver != INVALID_SOCKET)
		return 1;
	if (!port || WSAStartup(MAKEWORD(2, 2), &data))
		return 0;
	to.sin_port = htons((u_short)atoi(port));
	driver = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(driver, IPPROTO_TCP, TCP_NODELAY, &without_delay, sizeof(without_delay));
	if (connect(driver, (struct sockaddr *)&to, sizeof(to)) == 0)
		return 1;
	closesocket(driver);
	driver = INVALID_SOCKET;
	return 0;
}

static int send_all(const uint8_t *from, int length)
{
	for (int sent; length > 0; from += sent, length -= sent) {
		sent = send(driver, (const char *)from, length, 0);
		if (sent <= 0)
			return 0;
	}
	return 1;
}

static int receive_all(uint8_t *to, int length)
{
	for (int got; length > 0; to += got, length -= got) {
		got = recv(driver, (char *)to, length, 0);
		if (got <= 0)
			return 0;
	}
	return 1;
}

static uint8_t *put(uint8_t *at, const void *from, uint32_t length)
{
	memcpy(at, &length, 4);
	memcpy(at + 4, from, length);
	return at + 4 + length;
}

static int send_request(const char *name, int count, const struct field *arguments)
{
	uint32_t total = 4 + (uint32_t)strlen(name);
	uint8_t *request, *at;
	int sent;

	for (int i = 0; i < count; i++)
		total += 4 + arguments[i].length;
	request = malloc(4 + total);
	memcpy(request, &total, 4);
	at = put(request + 4, name, (uint32_t)strlen(name));
	for (int i = 0; i < count; i++)
		at = put(at, arguments[i].bytes, arguments[i].length);
	sent = send_all(request, (int)(4 + total));
	free(request);
	return sent;
}

static int receive_answer(struct answer *answer)
{
	uint32_t total, length;
	uint8_t *at;

	if (!receive_all((uint8_t *)&total, 4))
		return 0;
	answer->memory = malloc(total);
	if (!receive_all(answer->memory, (int)total))
		return 0;
	memcpy(&answer->result, answer->memory, 4);
	for (at = answer->memory + 4; at < answer->memory + total && answer->count < 8; at += 4 + length) {
		memcpy(&length, at, 4);
		answer->fields[answer->count++] = bytes(at + 4, length);
	}
	return 1;
}

int call(struct answer *answer, const char *name, int count, const struct field *arguments)
{
	int done;

	memset(answer, 0, sizeof(*answer));
	EnterCriticalSection(&turn);
	done = connected() && send_request(name, count, arguments) && receive_answer(answer);
	LeaveCriticalSection(&turn);
	if (!done)
		answer->result = -ENOENT;
	if (answer->result < 0)
		fail(-answer->result);
	return answer->result;
}

int simple(const char *name, int count, const struct field *arguments)
{
	struct answer answer;
	const int result = call(&answer, name, count, arguments);

	answer_free(&answer);
	return result;
}

uint32_t take(const struct answer *answer, int index, void *to, uint32_t room)
{
	const struct field *field = &answer->fields[index];
	const uint32_t length = index >= answer->count ? 0 : field->length < room ? field->length : room;

	if (to)
		memcpy(to, field->bytes, length);
	return length;
}

uint32_t number(const struct answer *answer, int index)
{
	uint32_t value = 0;

	take(answer, index, &value, sizeof(value));
	return value;
}

void answer_free(struct answer *answer)
{
	const int kept = errno;

	free(answer->memory);
	answer->memory = NULL;
	errno = kept;
}
