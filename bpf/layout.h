/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What stands in the maps, byte for byte: shared by the data plane and the agent.
 * agent/datapath/layout.ts reads and writes these structures; a test compares the two through BTF.
 * Addresses, ports and MACs stand as on the wire (network byte order, __be32 and __be16); all else is host order.
 * A "tick" is the unit of fl_now(): config.ticks_per_second of them make a second, and they wrap at 2^32.
 * The agent hashes this file: a change here is a new map layout and makes the agent rebuild its maps.
 */
#pragma once

/* What a flow does with its packets, fixed when the flow begins (design: the action belongs to the flow). */
enum fl_action {
	FL_ACTION_NONE = 0,
	FL_ACTION_SNAT = 1,     /* rewrite destination and source; the reply returns through this node */
	FL_ACTION_DSR_IPIP = 2, /* wrap in an outer IP header (RFC 2003) */
	FL_ACTION_DSR_L2 = 3,   /* change the MAC addresses alone */
};

/* What has been seen of a TCP connection in one direction; bits of tcp_seen. */
enum fl_tcp_seen {
	FL_SEEN_SYN = 1,
	FL_SEEN_OTHER = 2, /* any segment that is not a plain SYN: the connection went beyond its first packet */
	FL_SEEN_FIN = 4,
	FL_SEEN_RST = 8,
};

enum fl_backend_state {
	FL_BACKEND_FREE = 0, /* no backend in this slot */
	FL_BACKEND_ACTIVE = 1,
	FL_BACKEND_TERMINATING = 2, /* keeps its flows, gets no new one */
	FL_BACKEND_QUARANTINED = 3,
	FL_BACKEND_MAINTENANCE = 4,
};

#define FL_BACKEND_RESOLVED 1 /* bit of fl_backend4.flags: ifindex and both MACs are known */

#define FL_MAX_LB_ADDRESSES 4

/* Key of ct4 and snat4: the packet's tuple as it arrives on the wire. */
struct fl_tuple4 {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u8 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 pad[3];   /* always 0 */
};

/*
 * Value of ct4 and ct6: one flow, client to backend. Counters count this direction, whole frames as received.
 * 64 bytes, as fl_reverse4: with the kernel's 48 bytes and the key's 16 an entry of ct4 and snat4 is two cache lines, not parts of three.
 */
struct fl_flow {
	__u64 packets;
	__u64 bytes;
	__u32 last_seen;  /* ticks */
	__u32 created;    /* ticks */
	__u32 refreshed;  /* ticks: when the reverse entry and the next hop were last looked at */
	__u32 backend_id; /* index into lb4_backends */
	__u32 service_id;
	__u16 backend_generation; /* differs from the backend's: the backend is gone, the flow has ended */
	__be16 snat_port;         /* 0 unless the action is SNAT */
	__u8 action;              /* enum fl_action */
	__u8 tcp_seen;            /* enum fl_tcp_seen, client to backend */
	__u8 pad[22];
};

/* Value of snat4, key: the reply's tuple (backend to LB address). What the reply is translated back to. */
struct fl_reverse4 {
	__u64 packets;
	__u64 bytes;
	__be32 client_addr;
	__be32 service_addr;
	__be16 client_port;
	__be16 service_port;
	__u32 last_seen; /* ticks */
	__u32 ifindex;   /* device that the request came in by */
	__u32 service_id;
	__u8 client_mac[6]; /* source MAC of the request's frame */
	__u8 lb_mac[6];     /* destination MAC of the request's frame */
	__u8 tcp_seen;      /* enum fl_tcp_seen, backend to client */
	__u8 pad[11];
};

/* Key of lb4_services. */
struct fl_frontend4 {
	__be32 address;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

/* Value of lb4_services and lb6_services. */
struct fl_service {
	__u32 id;            /* 1 to 65535; index into lb_maglev */
	__u32 backend_count; /* backends that get new flows; 0: nothing can serve */
	__u32 maglev_digest; /* of the backends and weights that the Maglev table was built from */
	__u8 action;         /* enum fl_action, for new flows */
	__u8 pad[3];
};

/* Value of lb4_backends, an array; the index is the backend id. */
struct fl_backend4 {
	__u8 dst_mac[6]; /* next hop */
	__be16 port;
	__u8 src_mac[6]; /* of the device that leads there */
	__u16 generation; /* grows each time the slot gets another backend; never 0 for a slot in use */
	__u32 ifindex;
	__u32 next_hop_at; /* ticks: when the data plane last asked the FIB; 0: never */
	__be32 address;
	__be32 source; /* LB address towards this backend: SNAT source, outer source of DSR */
	__u16 mtu;     /* of the device that leads there, bytes of IP packet */
	__u16 weight;
	__u8 state; /* enum fl_backend_state */
	__u8 flags;
	__u8 pad[2];
	__u32 service_id;
};

/* Value of an inner map of lb_maglev: table entries 2*i and 2*i+1 (two to an entry, as array values take 8 bytes). */
struct fl_maglev_pair {
	__u32 backend_id[2];
};

/* Value of metrics (per CPU), index: enum fl_reason. */
struct fl_counter {
	__u64 packets;
	__u64 bytes;
};

/* Value of flow_limit (per CPU): new flows in the current window of one second. */
struct fl_window {
	__u32 began; /* ticks */
	__u32 count;
};

/* Value of config, one entry: the settings of the running program. The specialised build has the same as macros. */
struct fl_config {
	__u32 layout; /* first 4 bytes of the SHA-256 of this file and the map sizes, as the agent computes it */
	__u32 ticks_per_second;
	__u32 maglev_size; /* a prime */
	__u32 new_flow_rate; /* new entries a second and CPU; 0: no bound */
	__u32 timeout_syn;   /* ticks, as all timeouts */
	__u32 timeout_established;
	__u32 timeout_closing;
	__u32 timeout_udp;
	__u16 snat_port_min; /* host order, inclusive */
	__u16 snat_port_max;
	__u32 hash_seed;
	__be32 lb4_address[FL_MAX_LB_ADDRESSES]; /* addresses of this node that replies come to; 0: unused */
};
