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
	REASON(NOT_IP, PASS, "neither IPv4 nor IPv6") \
	REASON(LOCAL, PASS, "for an address of this node") \
	REASON(NO_SERVICE, PASS, "for no service") \
	REASON(PROTOCOL, PASS, "neither TCP nor UDP") \
	REASON(FRAGMENT, PASS, "a fragment") \
	REASON(IP_HEADERS, PASS, "more IPv6 extension headers than are walked, or an unknown one") \
	REASON(MALFORMED, PASS, "truncated, or lengths that contradict each other") \
	REASON(TTL_EXPIRED, PASS, "time to live ended here") \
	REASON(NO_BACKEND, DROP, "the service has no backend that takes new flows") \
	REASON(UNRESOLVED, DROP, "the backend's MAC address is not known yet") \
	REASON(SNAT_PORTS, DROP, "no free SNAT port towards the backend") \
	REASON(NEW_FLOW_RATE, DROP, "too many new SNAT flows on this CPU") \
	REASON(FLOW_TABLE, DROP, "no slot for an SNAT flow: all that it could have hold live connections") \
	REASON(TOO_BIG, DROP, "packet and outer header exceed the MTU towards the backend") \
	REASON(ADJUST_HEAD, DROP, "the driver left no room for the outer header") \
	REASON(CONFIG, PASS, "the config map has no valid entry") \
	REASON(FRAGMENT_EARLY, DROP, "a later fragment of a datagram whose first one has not come") \
	REASON(FRAGMENT_EARLY_PASS, PASS, "the same, passed by --fragments-early=pass") \
	REASON(FRAGMENT_TINY, DROP, "a first fragment that does not hold the whole TCP or UDP header") \
	REASON(FRAGMENT_OVERLAP, DROP, "a later fragment that overlaps the first one") \
	REASON(HEADERS_SPLIT, PASS, "headers that go beyond the first buffer of the frame") \
	REASON(SOURCE_DENIED, DROP, "the client's address may not begin a flow of this service") \
	REASON(ICMP_TO_CLIENT, FORWARD, "ICMP error about a request, to its client") \
	REASON(ICMP_TO_BACKEND, FORWARD, "ICMP error about a reply, to its backend") \
	REASON(ICMP_UNKNOWN, PASS, "an ICMP error about no flow") \
	REASON(ICMP_QUOTE, PASS, "an ICMP error that quotes too little, or neither TCP nor UDP") \
	REASON(TOO_BIG_ANSWERED, FORWARD, "packet and outer header exceed the MTU towards the backend: the sender was told") \
	REASON(TOO_BIG_RELAYED, FORWARD, "a link towards the backend is too narrow for a wrapped packet: its client was told") \
	REASON(CLIENT_UNRESOLVED, PASS, "no way known to the client that an ICMP error is for") \
	REASON(VIP_ECHO, FORWARD, "echo request to a service's address, answered") \
	REASON(NO_BACKEND_RESET, FORWARD, "the service has no backend that takes new flows: answered with a TCP reset") \
	REASON(NO_BACKEND_UNREACHABLE, FORWARD, "the service has no backend that takes new flows: answered with port unreachable") \
	REASON(LOCAL_BACKEND, PASS, "request for a backend that is this node itself") \
	REASON(NO_PORT, DROP, "for a virtual address, on a port that no service has") \
	REASON(SYN_CHALLENGED, FORWARD, "a SYN from an address that has not shown to be its sender's: it was asked to") \
	REASON(SYN_PROVEN, DROP, "the answer to that, with which the address has shown to be its sender's") \
	REASON(OTHER_DEVICE, DROP, "the way leads out by another device, and no program can send there on this platform")

#define FL_REASON_ENUM(name, kind, text) FL_REASON_##name,
enum fl_reason { FL_REASONS(FL_REASON_ENUM) FL_REASON_COUNT };
