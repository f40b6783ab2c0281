/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every way out of the program, in one list: REASON(name, verdict kind, what happened).
 * The agent's list (agent/model/reasons.ts) and docs/errors.md are checked against it by a test.
 * New reasons go at the end of the list: the numbers are the keys of a pinned map.
 */
#pragma once

#define FL_REASONS(REASON) \
	REASON(SNAT_REQUEST, FORWARD, "request rewritten to the backend") \
	REASON(SNAT_REPLY, FORWARD, "reply rewritten to the client") \
	REASON(DSR_IPIP, FORWARD, "request wrapped in IPIP to the backend") \
	REASON(DSR_L2, FORWARD, "request sent to the backend's MAC address") \
	REASON(DSR_UNTRACKED, FORWARD, "DSR request forwarded without a flow entry: too many new flows") \
	REASON(NOT_IPV4, PASS, "not IPv4") \
	REASON(LOCAL, PASS, "for an address of this node") \
	REASON(NO_SERVICE, PASS, "for no service") \
	REASON(PROTOCOL, PASS, "IPv4, but neither TCP nor UDP") \
	REASON(FRAGMENT, PASS, "IPv4 fragment") \
	REASON(IP_OPTIONS, PASS, "IPv4 header with options") \
	REASON(MALFORMED, PASS, "truncated, or lengths that contradict each other") \
	REASON(TTL_EXPIRED, PASS, "time to live ended here") \
	REASON(NO_BACKEND, DROP, "the service has no backend that takes new flows") \
	REASON(UNRESOLVED, DROP, "the backend's MAC address is not known yet") \
	REASON(SNAT_PORTS, DROP, "no free SNAT port towards the backend") \
	REASON(NEW_FLOW_RATE, DROP, "too many new SNAT flows on this CPU") \
	REASON(TOO_BIG, DROP, "packet and outer header exceed the MTU towards the backend") \
	REASON(MAP_UPDATE, DROP, "the kernel refused a map entry") \
	REASON(ADJUST_HEAD, DROP, "the driver left no room for the outer header") \
	REASON(CONFIG, PASS, "the config map has no valid entry")

#define FL_REASON_ENUM(name, kind, text) FL_REASON_##name,
enum fl_reason { FL_REASONS(FL_REASON_ENUM) FL_REASON_COUNT };
