/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ebpfapi.dll, a test double: the functions that eBPF for Windows' library shares with libbpf, and some of its own, with the layouts of its
 * structures and the errno of its C library, for the Windows adapter under Wine. What the calls do is decided in process.ts, which these pass them to.
 *
 * It does not verify, compile or sign; no driver is loaded and no real packet passes. Ids are small numbers, GUIDs are zero, and a per-CPU value has
 * one part. What the adapter does not use is not here: perf buffers, queues, programs of other types than XDP.
 *
 * This header is what its parts share; each exports the functions that it is named for.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"

#define EXPORT __declspec(dllexport)

struct bpf_program;

int bpf_program__fd(const struct bpf_program *program);
int bpf_obj_pin(int fd, const char *path);
int bpf_obj_get(const char *path);
int ebpf_close_fd(int fd);
/* A call that takes an id, or the like, and hands out the one that comes next. */
int next_id(const char *name, uint32_t start, uint32_t *next);
