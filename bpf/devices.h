/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The devices that the program is attached to, so that a reverse entry names the client's device by four bits.
 */
#pragma once

#include "layout.h"

struct {
	__uint(type, FL_MAP_ARRAY);
	__uint(max_entries, FL_MAX_DEVICES);
	__type(key, __u32);
	__type(value, struct fl_device);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} devices SEC(".maps");

/* Index of the device with this ifindex; 0: the agent has not named it. Not for the hot path. */
FL_LOCAL __u32 device_index(__u32 ifindex)
{
	__u32 i;

	for (i = 1; i < FL_MAX_DEVICES; i++) {
		__u32 key = i;
		const struct fl_device *device = bpf_map_lookup_elem(&devices, &key);

		if (device && device->ifindex == ifindex)
			return i;
	}
	return 0;
}
