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
	FL_ACTION_DSR_IPIP6 = 4, /* an IPv4 packet in an outer IPv6 header (RFC 2473): the backend stands in lb6_backends */
	FL_ACTION_LOCAL = 5,    /* pass to the stack: the backend is this node */
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

/* Bits of flags of a backend. */
#define FL_BACKEND_RESOLVED 1 /* ifindex and both MACs are known */
#define FL_BACKEND_LOCAL 2    /* its address is this node's own: new flows to it pass to the stack */

#define FL_MAX_LB_ADDRESSES 4

/* Which clients must prove their address before they may open a TCP connection. */
enum fl_syn_challenge {
	FL_SYN_CHALLENGE_OFF = 0,
	FL_SYN_CHALLENGE_PRESSED = 1, /* all, while many connections begin */
	FL_SYN_CHALLENGE_ALWAYS = 2,
};

/* What a client gets when no backend can serve it. */
enum fl_no_backend {
	FL_NO_BACKEND_DROP = 0,
	FL_NO_BACKEND_RESET = 1,       /* TCP: RST; UDP: port unreachable */
	FL_NO_BACKEND_UNREACHABLE = 2, /* port unreachable */
};

struct fl_address6 {
	__be32 word[4];
};

/*
 * The front of a table of flows: one bucket in so many (flow-life.h). Where entries stand belongs to the layout: whoever changes the rule changes this file
 * too, so that no program adopts maps in which it would look elsewhere.
 */
#define FL_FRONT_SHARE 4

/* So many buckets lie in one page, or within a part of one: of a flow's two buckets behind the front the second is one of the first's neighbours there. */
#define FL_NEAR_BUCKETS 4

/*
 * A packet's tuple as it arrives on the wire: what ct4, ct6, snat4 and snat6 are searched by. In a packet's own tuple `claims` is 0;
 * in a slot it counts how often the slot was taken, and protocol and claims together are the word by which a CPU takes it
 * (balance/slots.h). Instead of a protocol, 0: the slot was never used; FL_SLOT_FREED: its entry was ended before somebody else took the
 * slot; FL_SLOT_YIELDED: so was its flow, which had not ended but gave way to another; FL_SLOT_BUSY: a CPU is writing it.
 */
#define FL_SLOT_YIELDED 253
#define FL_SLOT_FREED 254
#define FL_SLOT_BUSY 255

struct fl_tuple4 {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u8 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 claims[3];
} __attribute__((aligned(8)));

struct fl_tuple6 {
	struct fl_address6 saddr;
	struct fl_address6 daddr;
	__be16 sport;
	__be16 dport;
	__u8 protocol;
	__u8 claims[3];
} __attribute__((aligned(8)));

/*
 * A flow, client to backend. Counters count this direction, whole frames as received.
 * What decides over a packet comes first: behind a tuple of IPv6 it still stands in the slot's first cache line.
 */
struct fl_flow {
	__u32 last_seen;  /* ticks */
	__u32 refreshed;  /* ticks: when the client's link and the next hop were last looked at */
	__u32 backend_id; /* index into lb4_backends or lb6_backends: the flow's family, but for FL_ACTION_DSR_IPIP6 */
	__u32 reverse;    /* slot of the reverse entry in snat4 or snat6; 0 unless the action is SNAT */
	__u16 backend_generation; /* differs from the backend's: the backend is gone, the flow has ended */
	__u16 service_id;
	__be16 snat_port; /* 0 unless the action is SNAT */
	__u8 action;      /* enum fl_action */
	__u8 tcp_seen;    /* enum fl_tcp_seen, client to backend */
	__u64 packets;
	__u64 bytes;
	__u32 created; /* ticks */
	__u8 snat_source; /* index into snat_sources; 0: the source is the LB address towards the backend */
	__u8 pad[3];
};

/* Slots of ct4 and ct6: one cache line, and two. */
struct fl_slot4 {
	struct fl_tuple4 tuple; /* client to service */
	struct fl_flow flow;
};

struct fl_slot6 {
	struct fl_tuple6 tuple;
	struct fl_flow flow;
	__u8 pad[40];
};

/*
 * The link by which a client's packets came, and its replies go: index into devices (0: the device that the reply comes in by),
 * number of VLAN tags, and whether the outer one is a service tag (IEEE 802.1ad, ethertype 0x88a8).
 */
#define FL_LINK_DEVICE 0x0f
#define FL_LINK_TAGS_SHIFT 4
#define FL_LINK_SERVICE_TAG 0x40

#define FL_BACKEND_ID_BITS 24 /* --max-backends is 2^24 at most */

/*
 * Slots of snat4 and snat6: what a reply is translated back to. One cache line, and two; of two the first says whether a new flow may
 * have the slot.
 */
struct fl_reverse4 {
	struct fl_tuple4 tuple; /* backend to LB address */
	__u64 backend_id : FL_BACKEND_ID_BITS; /* the flow's */
	__u64 packets : 40;
	__u32 last_seen; /* ticks: the last reply, or the flow's beginning */
	__u32 flow;      /* slot of the flow in ct4 */
	__be16 client_port;
	__be16 service_port;
	__be16 vlan[2]; /* tag control information of the client's frame, outer tag first */
	__u64 bytes;
	__be32 client_addr;
	__be32 service_addr;
	__u8 client_mac[6]; /* source MAC of the request's frame */
	__u8 link;          /* FL_LINK_... */
	__u8 tcp_seen;      /* enum fl_tcp_seen, backend to client */
};

struct fl_reverse6 {
	struct fl_tuple6 tuple;
	__u64 backend_id : FL_BACKEND_ID_BITS;
	__u64 packets : 40;
	__u32 last_seen;
	__u32 flow;
	__be16 client_port;
	__be16 service_port;
	__be16 vlan[2];
	__u64 bytes;
	struct fl_address6 client_addr;
	struct fl_address6 service_addr;
	__u8 client_mac[6];
	__u8 link;
	__u8 tcp_seen;
	__u8 pad[16];
};

/* Value of devices, index 1 to FL_MAX_DEVICES - 1: the devices that the program is attached to. */
#define FL_MAX_DEVICES 16

struct fl_device {
	__u32 ifindex; /* 0: no device */
	__u8 mac[6];
	__u8 pad[2];
};

/* Value of vips: one bit for each hash of a service's address (vip_bit); a packet to an address without its bit is for no service. */
#define FL_VIP_WORDS 1024

struct fl_vip_word {
	__u64 bits;
};

/* Key of lb4_services: the addresses and ports that a service answers at. One address and one port have host_bits and last_port 0. */
struct fl_frontend4 {
	__be32 address; /* the first of a prefix */
	__be16 port;    /* the first of a range; 0: every port, and last_port is 65535 */
	__u8 protocol;
	__u8 host_bits;   /* low bits of the address that may be anything */
	__be16 last_port; /* of a range */
	__u8 pad[2];
};

/* Key of lb6_services. */
struct fl_frontend6 {
	struct fl_address6 address;
	__be16 port;
	__u8 protocol;
	__u8 host_bits;
	__be16 last_port;
	__u8 pad[2];
};

/*
 * Key of lb4_spans, a trie by longest prefix: what more than one address or more than one port belongs to. Its value is a frontend.
 * Three kinds of entry, told apart by what the bits in front hold:
 * - protocol, host_bits 0, an address, bits of a port: a block of a range's ports; the value is the frontend with that range.
 * - protocol, host_bits 0, bits of an address: services stand on this prefix; the value has its address and host_bits, last_port 0.
 *   With those as a key (protocol, host_bits, address, bits of a port) follows what ranges it has.
 * - protocol 0, host_bits 0, an address or bits of one: a virtual address, or a prefix of them.
 */
struct fl_span4 {
	__u32 length; /* bits that count, from `protocol` on */
	__u8 protocol;
	__u8 host_bits;
	__u16 zero;
	__be32 address;
	__be16 port;
	__u8 pad[2];
};

/* Key of lb6_spans. */
struct fl_span6 {
	__u32 length;
	__u8 protocol;
	__u8 host_bits;
	__u16 zero;
	struct fl_address6 address;
	__be16 port;
	__u8 pad[2];
};

#define FL_SPAN_FRONT_BITS 32 /* of a span in front of its address */
#define FL_SPANS_PER_SERVICE 32 /* at most: 30 blocks of a range, its prefix, its virtual address */

/* What the client's address is asked for when a flow begins; bits of flags of a service. */
#define FL_SERVICE_RANGES 1        /* the service has source ranges */
#define FL_SERVICE_ALLOWED_ALONE 2 /* an address in none of them is denied; without it, allowed */
#define FL_SERVICE_DENY_LIST 4     /* the ranges of all services (FL_RANGES_OF_ALL) have an entry of this family */

/* Value of lb4_services and lb6_services. */
struct fl_service {
	__u32 id;            /* 1 to 65535; index into lb_maglev */
	__u32 backend_count; /* backends that get new flows; 0: nothing can serve */
	__u32 maglev_digest; /* of the backends and weights that the Maglev table was built from */
	__u8 action;         /* enum fl_action, for new flows */
	__u8 flags;          /* FL_SERVICE_... */
	__u8 quic_id_bytes;  /* of the server ids in QUIC connection ids, 1 to FL_QUIC_ID_BYTES; 0: the service does not look at them */
	__u8 quic_config;    /* the three high bits of the connection ids' first octet, 0 to 6 */
	__u32 affinity_seconds; /* new flows of a client follow its last one for so long; 0: no session affinity */
};

/* Value of lb4_backends, an array; the index is the backend id. */
struct fl_backend4 {
	__u8 dst_mac[6]; /* next hop */
	__be16 port; /* 0: the port that the client used */
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
	__u32 id; /* its index: who has the entry need not keep it in mind to count */
};

/* Value of lb6_backends. */
struct fl_backend6 {
	__u8 dst_mac[6];
	__be16 port;
	__u8 src_mac[6];
	__u16 generation;
	__u32 ifindex;
	__u32 next_hop_at;
	struct fl_address6 address;
	struct fl_address6 source;
	__u16 mtu;
	__u16 weight;
	__u8 state;
	__u8 flags;
	__u8 pad[2];
	__u32 service_id;
	__u32 id; /* its index: who has the entry need not keep it in mind to count */
};

enum fl_permit {
	FL_PERMIT_ALLOW = 1,
	FL_PERMIT_DENY = 2,
};

#define FL_MAX_RANGES 1048576 /* of a family, of all services; a range takes memory when it comes */
#define FL_RANGES_OF_ALL 0 /* stands for all services where a range has a service's id */

/* Key of lb4_ranges, a trie: the longest prefix decides. A range's prefix_length is 32, for the service's id, and that of its address. */
struct fl_source_range4 {
	__u32 prefix_length;
	__u32 service_id;
	__be32 address; /* bits behind the prefix are 0 */
};

/* Key of lb6_ranges. */
struct fl_source_range6 {
	__u32 prefix_length;
	__u32 service_id;
	struct fl_address6 address;
};

/* Value of lb4_ranges and lb6_ranges. */
struct fl_range {
	__u8 permit; /* enum fl_permit */
	__u8 pad[3];
};

#define FL_FLOWS_PER_AFFINITY 4 /* the tables of affinity have an entry for so many slots of a flow table */

/* Key of lb4_affinity. */
struct fl_affinity_client4 {
	__be32 address;
	__u32 service_id;
};

/* Key of lb6_affinity. */
struct fl_affinity_client6 {
	struct fl_address6 address;
	__u32 service_id;
};

/* Value of lb4_affinity and lb6_affinity: where the client's last new flow went. */
struct fl_affinity {
	__u32 backend_id;
	__u32 last_used; /* ticks: when that flow began */
	__u16 backend_generation;
	__u8 pad[2];
};

/*
 * Value of an inner map of lb_maglev: a row of the table, its slots from FL_MAGLEV_ROW * i on. The agent writes a table in one call, which takes a
 * time for each entry of the map: in rows, some tens of microseconds. Of the last row, what lies behind the table's end is 0 and never read.
 */
#define FL_MAGLEV_ROW 64 /* slots; a power of two */
struct fl_maglev_row {
	__u32 backend_id[FL_MAGLEV_ROW];
};

/* Keys of frag4 and frag6: what names a fragmented datagram (RFC 791, RFC 8200 section 4.5). */
struct fl_fragment_key4 {
	__be32 saddr;
	__be32 daddr;
	__be16 id;
	__u8 protocol;
	__u8 pad;
};

struct fl_fragment_key6 {
	struct fl_address6 saddr;
	struct fl_address6 daddr;
	__be32 id;
};

/* Value of frag4 and frag6: what the later fragments lack, from the first one. */
struct fl_fragment {
	__be16 sport;
	__be16 dport;
	__u32 seen;      /* ticks: when the first fragment came */
	__u16 bytes;     /* of the datagram, in the first fragment: the next one begins there */
	__u8 protocol;   /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 tcp_flags;
};

/* Value of metrics (per CPU), index: enum fl_reason. */
struct fl_counter {
	__u64 packets;
	__u64 bytes;
};

/*
 * Value of backend_stats (per CPU), index: backend id; and of service_past, key: service id. Bytes are whole frames as received.
 * What is counted as sent on is what finish() counts under a reason that forwards, or FL_REASON_LOCAL_BACKEND: so the sums agree.
 */
struct fl_backend_stats {
	__u64 packets; /* sent on to the backend, ICMP errors about its replies among them */
	__u64 bytes;
	__u64 reply_packets; /* sent on to its clients, ICMP errors about their requests among them; under SNAT alone this node sees any */
	__u64 reply_bytes;
	__u64 new_flows; /* that got an entry */
};

/* Value of service_refused (per CPU), key: service id. Packets that would have begun a flow and did not, by the names of their reasons. */
struct fl_refusals {
	__u64 source_denied;
	__u64 no_backend;
	__u64 unresolved;
	__u64 snat_ports;
	__u64 new_flow_rate;
	__u64 flow_table;
};

/* Value of flow_limit and answer_limit (per CPU): new flows, or answers, in the current window of one second. */
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
	__u32 hash_seed;   /* of Maglev and SNAT ports: the same on every node */
	__u64 slot_seed;   /* of the flow tables: this machine's own, so that nobody outside can aim at a slot */
	__be32 lb4_address[FL_MAX_LB_ADDRESSES]; /* addresses of this node that replies come to; 0: unused */
	struct fl_address6 lb6_address[FL_MAX_LB_ADDRESSES];
	__u32 early_fragments_pass; /* 1: a later fragment that comes before its first passes; 0: it is dropped */
	__u32 answer_rate; /* packets that the program makes itself, a second and CPU; 0: none */
	__u16 mss_clamp;   /* largest MSS that a SYN may name, for IPv4; 20 less for IPv6; 0: any */
	__u8 vip_echo;     /* not 0: echo requests to a service's address are answered */
	__u8 no_backend;   /* enum fl_no_backend */
	__be32 ipip4_source;  /* outer IPv4 sources are the addresses of this prefix ... */
	__be32 ipip4_entropy; /* ... these are the bits behind it; 0: the outer source is the LB address towards the backend */
	__u8 snat4_sources; /* entries of snat_sources that new flows use; 0: the LB address towards the backend */
	__u8 snat6_sources;
	__u8 unknown_port_drops; /* 1: a packet to a virtual address on a port that no service has is dropped; 0: it passes */
	__u8 syn_challenge;      /* enum fl_syn_challenge */
};

/* Value of proven: an address, by the part of its hash that the index leaves, and when it proved to be its sender's. 0 and 0: none. */
struct fl_proven {
	__u32 hash;
	__u32 when; /* ticks */
};

/*
 * Value of snat_sources: the addresses that SNAT sends from, IPv4 in the first word. Those of IPv4 have the indices 1 to
 * FL_MAX_LB_ADDRESSES, those of IPv6 the ones that follow; index 0 is not used.
 */
#define FL_SNAT_SOURCES (1 + 2 * FL_MAX_LB_ADDRESSES)

struct fl_snat_source {
	struct fl_address6 address;
};

/* Key of quic_servers: a server id of a service; its value is the backend id. */
#define FL_QUIC_ID_BYTES 8

struct fl_quic_server {
	__u32 service_id;
	__u32 bytes; /* of `id` that count; the others are 0 */
	__u8 id[FL_QUIC_ID_BYTES];
};

/* Value of quic_servers. */
struct fl_quic_backend {
	__u32 backend_id;
};

#define FL_EVENT_BYTES 256 /* of a packet in an event, at most; a multiple of 8 */
#define FL_EVENT_NO_BACKEND 0xffffffff
#define FL_EVENT_ANY_REASON 0xff
#define FL_EVENT_BIT(kind) (1 << ((kind) - 1)) /* of fl_event_filter.kinds */

enum fl_event_kind {
	FL_EVENT_NEW_FLOW = 1,
	FL_EVENT_DROP = 2,
	FL_EVENT_SAMPLE = 3,
};

/* What became of a packet, the same on every platform. */
enum fl_verdict {
	FL_VERDICT_PASS = 1,
	FL_VERDICT_DROP = 2,
	FL_VERDICT_TX = 3,       /* back out by the device that it came in by */
	FL_VERDICT_REDIRECT = 4, /* out by another */
};

/* Value of event_filter, one entry: which packets become events. An address that is not asked for has family 0. */
struct fl_event_filter {
	__u32 kinds;      /* FL_EVENT_BIT of each kind that is wanted; 0: events are off */
	__u32 watch;      /* number of the watch, never 0: stands in its events, so that those of an earlier one are known */
	__u32 sample;     /* one packet of so many becomes a sampled event, per CPU */
	__u32 rate;       /* events a second and CPU; 0: no bound */
	__u32 service_id; /* 0: any */
	__u16 snap;       /* bytes of packet, at most FL_EVENT_BYTES */
	__u8 reason;      /* enum fl_reason, or FL_EVENT_ANY_REASON */
	__u8 family;      /* 0, 4 or 6 */
	__be32 address[4]; /* of source or destination; IPv4 in the first word; no bit outside the mask is set */
	__be32 mask[4];
};

/* A record of the ring buffer `events`, cut behind the `captured` bytes of packet. The tuple is that of the packet as it came in. */
struct fl_event {
	__u64 time;  /* fl_nanoseconds() when its verdict was known */
	__u32 watch; /* fl_event_filter.watch; 0 in event_scratch: nothing is noted */
	__u32 service_id; /* 0: of no service, or of none that the tuple shows */
	__u32 backend_id; /* FL_EVENT_NO_BACKEND: none, or not known */
	__u32 ifindex;    /* device that it came in by */
	__u32 packet_bytes; /* length of the frame as it came in */
	__u16 captured;     /* bytes in `packet` */
	__u8 kind;          /* enum fl_event_kind */
	__u8 reason;        /* enum fl_reason */
	__be32 saddr[4]; /* IPv4 in the first word, the others 0 */
	__be32 daddr[4];
	__be16 sport; /* 0 where there are none */
	__be16 dport;
	__u8 protocol; /* IP protocol number, IPv6: of the first next header */
	__u8 family;   /* 4, 6, or 0: not IP */
	__u8 verdict;  /* enum fl_verdict */
	__u8 pad;
	__u8 packet[FL_EVENT_BYTES];
};

/* Value of event_count (per CPU). `limited` and `lost` only grow. */
struct fl_event_count {
	__u64 began;   /* fl_nanoseconds() of the window of one second that the rate counts in */
	__u64 limited; /* events left out because of the rate */
	__u64 lost;    /* events left out because the ring was full */
	__u32 sent;    /* in the window */
	__u32 since_sample; /* packets that were not sampled since the last one that was */
	__u32 watch;        /* that `began`, `sent` and `since_sample` belong to */
	__u8 pad[4];
};
