/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is to be done with a packet, in one word, as a global function returns no structure: backend id in the low 32 bits, SNAT port in
 * the next 16, action in 8, index of the SNAT source in 4, and the flags below. flow_begin() decides it for a flow's first packet.
 */
#pragma once

#define BEGUN_REFUSED (1ULL << 63) /* the low 32 bits are the reason */
#define BEGUN_REFUSED_BY(service_id, reason) (BEGUN_REFUSED | (__u64)(service_id) << 32 | (reason)) /* 16 bits; without: 0 */
#define BEGUN_REFUSED_SERVICE(begun) ((__u32)((begun) >> 32) & 0xffff)
#define BEGUN_UNTRACKED (1ULL << 62)
#define BEGUN_ENTRY (1ULL << 61) /* a flow entry was made */
#define BEGUN_NO_PORT (1ULL << 60) /* the low 32 bits are slot_take()'s, of a flow that snat_begin() must find a port for; still busy */
#define BEGUN_NOTE (1ULL << 32) /* with BEGUN_NO_PORT: affinity_note() is to follow */
#define BEGUN(backend_id, action, snat_port) ((backend_id) | (__u64)(snat_port) << 32 | (__u64)(action) << 48)
#define BEGUN_WITH_SOURCE(index) ((__u64)(index) << 56) /* 0 to FL_SNAT_SOURCES - 1, four bits */
#define BEGUN_SOURCE(begun) ((__u32)((begun) >> 56) & 15)
#define BEGUN_PORT(begun) ((__be16)((begun) >> 32))
#define BEGUN_ACTION(begun) ((__u8)((begun) >> 48))
