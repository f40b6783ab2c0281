// The structures of bpf/layout.h, byte for byte. A test compiles that header and compares names, offsets and sizes through BTF.
// Imports agent/model and struct.ts. Ports, addresses and MACs decode to host-order numbers and canonical text.
// Invariant: bpf/layout.h is the original; a change there is made here too.

import { MAX_SNAP } from '../model/events.js';
import { PERMITS } from '../model/source-ranges.js';
import { ACTIONS, BACKEND_STATES, PROTOCOLS, type Protocol } from '../model/service.js';
import { type Decoded, type FieldType, field, Struct, T } from './struct.js';

/** Bits of tcpSeen (enum fl_tcp_seen). */
export const TCP_SEEN = { syn: 1, other: 2, fin: 4, rst: 8 } as const;

/** Bits of a backend's flags: ifindex and both MACs are known; its address is this node's own. */
export const BACKEND_RESOLVED = 1;
export const BACKEND_LOCAL = 2;

export const MAX_LB_ADDRESSES = 4;

/** IP protocol numbers (IANA). */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17 };

/** Instead of a protocol: the slot's entry was ended, or its flow gave way to another, or a CPU is writing it; 0: it was never used. */
export const SLOT_YIELDED = 253;
export const SLOT_FREED = 254;
export const SLOT_BUSY = 255;

const protocol: FieldType<Protocol> = {
  size: 1,
  // The data plane writes no other number into a slot in use.
  read: (buffer, at) => PROTOCOLS.find((name) => PROTOCOL_NUMBERS[name] === buffer.readUInt8(at)) ?? 'tcp',
  write: (buffer, at, value) => void buffer.writeUInt8(PROTOCOL_NUMBERS[value], at),
};
const action = T.wordOf(ACTIONS);
const backendState = T.wordOf(BACKEND_STATES);

/** An address of IPv6, where it stands alone. */
export const ADDRESS6 = new Struct('fl_address6', 16, { word: field(0, T.address6) });

/** A packet's tuple as it arrives on the wire. */
export const TUPLE4 = new Struct('fl_tuple4', 16, {
  saddr: field(0, T.address4),
  daddr: field(4, T.address4),
  sport: field(8, T.be16),
  dport: field(10, T.be16),
  protocol: field(12, protocol),
});
export const TUPLE6 = new Struct('fl_tuple6', 40, {
  saddr: field(0, T.address6),
  daddr: field(16, T.address6),
  sport: field(32, T.be16),
  dport: field(34, T.be16),
  protocol: field(36, protocol),
});
export type Tuple = Decoded<typeof TUPLE4>;

/** A flow, client to backend. Times are ticks. */
export const FLOW = new Struct('fl_flow', 48, {
  lastSeen: field(0, T.u32),
  refreshed: field(4, T.u32),
  backendId: field(8, T.u32),
  reverse: field(12, T.u32),
  backendGeneration: field(16, T.u16),
  serviceId: field(18, T.u16),
  snatPort: field(20, T.be16),
  action: field(22, action),
  tcpSeen: field(23, T.u8),
  packets: field(24, T.u64),
  bytes: field(32, T.u64),
  created: field(40, T.u32),
  snatSource: field(44, T.u8),
});
export type Flow = Decoded<typeof FLOW>;

/** Slots of ct4 and ct6. */
export const SLOT4 = new Struct('fl_slot4', 64, { tuple: field(0, T.structOf(TUPLE4)), flow: field(16, T.structOf(FLOW)) });
export const SLOT6 = new Struct('fl_slot6', 128, { tuple: field(0, T.structOf(TUPLE6)), flow: field(40, T.structOf(FLOW)) });
export type FlowSlot = Decoded<typeof SLOT4>;

export const BACKEND_ID_BITS = 24;

/** Slots of snat4 and snat6: what a reply is translated back to. */
export const REVERSE4 = new Struct('fl_reverse4', 64, {
  tuple: field(0, T.structOf(TUPLE4)),
  backendId: field(16, T.u24),
  packets: field(19, T.u40),
  lastSeen: field(24, T.u32),
  flow: field(28, T.u32),
  clientPort: field(32, T.be16),
  servicePort: field(34, T.be16),
  vlan: field(36, T.arrayOf(T.be16, 2)),
  bytes: field(40, T.u64),
  clientAddr: field(48, T.address4),
  serviceAddr: field(52, T.address4),
  clientMac: field(56, T.mac),
  link: field(62, T.u8),
  tcpSeen: field(63, T.u8),
});
export const REVERSE6 = new Struct('fl_reverse6', 128, {
  tuple: field(0, T.structOf(TUPLE6)),
  backendId: field(40, T.u24),
  packets: field(43, T.u40),
  lastSeen: field(48, T.u32),
  flow: field(52, T.u32),
  clientPort: field(56, T.be16),
  servicePort: field(58, T.be16),
  vlan: field(60, T.arrayOf(T.be16, 2)),
  bytes: field(64, T.u64),
  clientAddr: field(72, T.address6),
  serviceAddr: field(88, T.address6),
  clientMac: field(104, T.mac),
  link: field(110, T.u8),
  tcpSeen: field(111, T.u8),
});
export type Reverse = Decoded<typeof REVERSE4>;

/** Value of devices; ifindex 0: no device. */
export const DEVICE = new Struct('fl_device', 12, { ifindex: field(0, T.u32), mac: field(4, T.mac) });
export const MAX_DEVICES = 16;

/** Value of vips. */
export const VIP_WORD = new Struct('fl_vip_word', 8, { bits: field(0, T.bits64) });
export const VIP_WORDS = 1024;

/** Key of lb4_services. One address and one port: hostBits and lastPort are 0. frontend-key.ts makes keys of frontends. */
export const FRONTEND4 = new Struct('fl_frontend4', 12, {
  address: field(0, T.address4),
  port: field(4, T.be16),
  protocol: field(6, protocol),
  hostBits: field(7, T.u8),
  lastPort: field(8, T.be16),
});

/** Key of lb6_services. */
export const FRONTEND6 = new Struct('fl_frontend6', 24, {
  address: field(0, T.address6),
  port: field(16, T.be16),
  protocol: field(18, protocol),
  hostBits: field(19, T.u8),
  lastPort: field(20, T.be16),
});

/** Keys of lb4_spans and lb6_spans; `length`: bits that count from `protocol` on, which is a number as 0 is none. */
export const SPAN4 = new Struct('fl_span4', 16, {
  length: field(0, T.u32),
  protocol: field(4, T.u8),
  hostBits: field(5, T.u8),
  zero: field(6, T.u16),
  address: field(8, T.address4),
  port: field(12, T.be16),
});
export const SPAN6 = new Struct('fl_span6', 28, {
  length: field(0, T.u32),
  protocol: field(4, T.u8),
  hostBits: field(5, T.u8),
  zero: field(6, T.u16),
  address: field(8, T.address6),
  port: field(24, T.be16),
});
/** Bits of a span in front of its address. */
export const SPAN_FRONT_BITS = 32;

/** Value of lb4_services and lb6_services. */
export const SERVICE = new Struct('fl_service', 20, {
  id: field(0, T.u32),
  backendCount: field(4, T.u32),
  maglevDigest: field(8, T.u32),
  action: field(12, action),
  flags: field(13, T.u8),
  quicIdBytes: field(14, T.u8),
  quicConfig: field(15, T.u8),
  affinitySeconds: field(16, T.u32),
});
/** Bits of a service's flags. */
export const SERVICE_FLAGS = { ranges: 1, allowedAlone: 2, denyList: 4 } as const;

/** Value of lb4_backends; state undefined: the slot is free. */
export const BACKEND4 = new Struct('fl_backend4', 48, {
  dstMac: field(0, T.mac),
  port: field(6, T.be16),
  srcMac: field(8, T.mac),
  generation: field(14, T.u16),
  ifindex: field(16, T.u32),
  nextHopAt: field(20, T.u32),
  address: field(24, T.address4),
  source: field(28, T.address4),
  mtu: field(32, T.u16),
  weight: field(34, T.u16),
  state: field(36, backendState),
  flags: field(37, T.u8),
  serviceId: field(40, T.u32),
  id: field(44, T.u32),
});

/** Value of lb6_backends. */
export const BACKEND6 = new Struct('fl_backend6', 72, {
  dstMac: field(0, T.mac),
  port: field(6, T.be16),
  srcMac: field(8, T.mac),
  generation: field(14, T.u16),
  ifindex: field(16, T.u32),
  nextHopAt: field(20, T.u32),
  address: field(24, T.address6),
  source: field(40, T.address6),
  mtu: field(56, T.u16),
  weight: field(58, T.u16),
  state: field(60, backendState),
  flags: field(61, T.u8),
  serviceId: field(64, T.u32),
  id: field(68, T.u32),
});

/** Key of lb4_ranges and lb6_ranges: a service's id (32 bits) and a prefix of source addresses; `prefixLength` counts both. */
export const SOURCE_RANGE4 = new Struct('fl_source_range4', 12, {
  prefixLength: field(0, T.u32),
  serviceId: field(4, T.u32),
  address: field(8, T.address4),
});
export const SOURCE_RANGE6 = new Struct('fl_source_range6', 24, {
  prefixLength: field(0, T.u32),
  serviceId: field(4, T.u32),
  address: field(8, T.address6),
});
/** Bits of a range's prefix that are the service's id. */
export const RANGE_ID_BITS = 32;
/** Stands for all services where a range has a service's id. */
export const RANGES_OF_ALL = 0;

/** Value of lb4_ranges and lb6_ranges; undefined: another program has written it. */
export const RANGE = new Struct('fl_range', 4, { permit: field(0, T.wordOf(PERMITS)) });

/** Key of lb4_affinity and lb6_affinity. */
export const AFFINITY_CLIENT4 = new Struct('fl_affinity_client4', 8, { address: field(0, T.address4), serviceId: field(4, T.u32) });
export const AFFINITY_CLIENT6 = new Struct('fl_affinity_client6', 20, { address: field(0, T.address6), serviceId: field(16, T.u32) });

/** Value of lb4_affinity and lb6_affinity: where the client's last new flow went. */
export const AFFINITY = new Struct('fl_affinity', 12, {
  backendId: field(0, T.u32),
  lastUsed: field(4, T.u32),
  backendGeneration: field(8, T.u16),
});

/** Slots of a Maglev table that are one value of its map. */
export const MAGLEV_ROW_SLOTS = 64;

/** FL_FRONT_SHARE: flows stand in one bucket in so many, the first ones of their table, as long as there is room. */
export const FRONT_SHARE = 4;
/** FL_NEAR_BUCKETS: so many buckets behind the front lie near each other. */
export const NEAR_BUCKETS = 4;

/** Value of an inner map of lb_maglev: a row of the table. */
export const MAGLEV_ROW = new Struct('fl_maglev_row', 256, { backendId: field(0, T.arrayOf(T.u32, MAGLEV_ROW_SLOTS)) });

/** Values of an inner map for a table of so many slots. */
export const maglevRows = (slots: number): number => Math.ceil(slots / MAGLEV_ROW_SLOTS);

/** Keys of frag4 and frag6: what names a fragmented datagram. */
export const FRAGMENT_KEY4 = new Struct('fl_fragment_key4', 12, {
  saddr: field(0, T.address4),
  daddr: field(4, T.address4),
  id: field(8, T.be16),
  protocol: field(10, protocol),
});
export const FRAGMENT_KEY6 = new Struct('fl_fragment_key6', 36, {
  saddr: field(0, T.address6),
  daddr: field(16, T.address6),
  id: field(32, T.bytes(4)),
});

/** Value of frag4 and frag6: what the first fragment tells of the later ones. */
export const FRAGMENT = new Struct('fl_fragment', 12, {
  sport: field(0, T.be16),
  dport: field(2, T.be16),
  seen: field(4, T.u32),
  bytes: field(8, T.u16),
  protocol: field(10, protocol),
  tcpFlags: field(11, T.u8),
});

/** Value of metrics, per CPU. */
export const COUNTER = new Struct('fl_counter', 16, { packets: field(0, T.u64), bytes: field(8, T.u64) });

/** Value of backend_stats, per CPU, and of service_past. */
export const BACKEND_STATS = new Struct('fl_backend_stats', 40, {
  packets: field(0, T.u64),
  bytes: field(8, T.u64),
  replyPackets: field(16, T.u64),
  replyBytes: field(24, T.u64),
  newFlows: field(32, T.u64),
});
export type BackendStats = Decoded<typeof BACKEND_STATS>;

/** Value of service_refused, per CPU. */
export const REFUSALS = new Struct('fl_refusals', 48, {
  sourceDenied: field(0, T.u64),
  noBackend: field(8, T.u64),
  unresolved: field(16, T.u64),
  snatPorts: field(24, T.u64),
  newFlowRate: field(32, T.u64),
  flowTable: field(40, T.u64),
});
export type Refusals = Decoded<typeof REFUSALS>;

/** Value of flow_limit and answer_limit, per CPU. */
export const WINDOW = new Struct('fl_window', 8, { began: field(0, T.u32), count: field(4, T.u32) });

/** Value of config. Timeouts are ticks, ports host order and inclusive. */
export const CONFIG = new Struct('fl_config', 152, {
  layout: field(0, T.u32),
  ticksPerSecond: field(4, T.u32),
  maglevSize: field(8, T.u32),
  newFlowRate: field(12, T.u32),
  timeoutSyn: field(16, T.u32),
  timeoutEstablished: field(20, T.u32),
  timeoutClosing: field(24, T.u32),
  timeoutUdp: field(28, T.u32),
  snatPortMin: field(32, T.u16),
  snatPortMax: field(34, T.u16),
  hashSeed: field(36, T.u32),
  slotSeed: field(40, T.bits64),
  lb4Address: field(48, T.arrayOf(T.address4, MAX_LB_ADDRESSES)),
  lb6Address: field(64, T.arrayOf(T.address6, MAX_LB_ADDRESSES)),
  earlyFragmentsPass: field(128, T.u32),
  answerRate: field(132, T.u32),
  mssClamp: field(136, T.u16),
  vipEcho: field(138, T.u8),
  noBackend: field(139, T.u8),
  ipip4Source: field(140, T.address4),
  ipip4Entropy: field(144, T.address4),
  snat4Sources: field(148, T.u8),
  snat6Sources: field(149, T.u8),
  unknownPortDrops: field(150, T.u8),
  synChallenge: field(151, T.u8),
});
/** The settings of the running program. `lb4Address`, `lb6Address`: four addresses each, '0.0.0.0' and '::' where unused. */
export type Config = Decoded<typeof CONFIG>;

/** Value of proven. */
export const PROVEN = new Struct('fl_proven', 8, { hash: field(0, T.u32), when: field(4, T.u32) });

/** Value of snat_sources: IPv4 has the first 4 bytes. Indices of IPv4 are 1 to MAX_LB_ADDRESSES, those of IPv6 follow. */
export const SNAT_SOURCE = new Struct('fl_snat_source', 16, { address: field(0, T.bytes(16)) });

/** Key and value of quic_servers; of the id the bytes behind its length are 0. */
export const QUIC_ID_BYTES = 8;
export const QUIC_SERVER = new Struct('fl_quic_server', 16, {
  serviceId: field(0, T.u32),
  bytes: field(4, T.u32),
  id: field(8, T.bytes(QUIC_ID_BYTES)),
});
export const QUIC_BACKEND = new Struct('fl_quic_backend', 4, { backendId: field(0, T.u32) });

/** What stands for "none" and "any" in events. */
export const NO_BACKEND = 0xffff_ffff;
export const ANY_REASON = 0xff;

/** Value of event_filter. Addresses are bytes in network order, IPv4 the first four. */
export const EVENT_FILTER = new Struct('fl_event_filter', 56, {
  kinds: field(0, T.u32),
  watch: field(4, T.u32),
  sample: field(8, T.u32),
  rate: field(12, T.u32),
  serviceId: field(16, T.u32),
  snap: field(20, T.u16),
  reason: field(22, T.u8),
  family: field(23, T.u8),
  address: field(24, T.bytes(16)),
  mask: field(40, T.bytes(16)),
});

/** A record of the ring buffer events. */
export const EVENT = new Struct('fl_event', 328, {
  time: field(0, T.u64),
  watch: field(8, T.u32),
  serviceId: field(12, T.u32),
  backendId: field(16, T.u32),
  ifindex: field(20, T.u32),
  packetBytes: field(24, T.u32),
  captured: field(28, T.u16),
  kind: field(30, T.u8),
  reason: field(31, T.u8),
  saddr: field(32, T.bytes(16)),
  daddr: field(48, T.bytes(16)),
  sport: field(64, T.be16),
  dport: field(66, T.be16),
  protocol: field(68, T.u8),
  family: field(69, T.u8),
  verdict: field(70, T.u8),
  packet: field(72, T.bytes(MAX_SNAP)),
});

/** Value of event_count, per CPU. */
export const EVENT_COUNT = new Struct('fl_event_count', 40, {
  began: field(0, T.u64),
  limited: field(8, T.u64),
  lost: field(16, T.u64),
  sent: field(24, T.u32),
  sinceSample: field(28, T.u32),
  watch: field(32, T.u32),
});

/** Every structure of bpf/layout.h. */
export const STRUCTS = [
  ADDRESS6,
  TUPLE4,
  TUPLE6,
  FLOW,
  SLOT4,
  SLOT6,
  REVERSE4,
  REVERSE6,
  DEVICE,
  VIP_WORD,
  FRONTEND4,
  FRONTEND6,
  SPAN4,
  SPAN6,
  SERVICE,
  BACKEND4,
  BACKEND6,
  SOURCE_RANGE4,
  SOURCE_RANGE6,
  RANGE,
  AFFINITY_CLIENT4,
  AFFINITY_CLIENT6,
  AFFINITY,
  MAGLEV_ROW,
  FRAGMENT_KEY4,
  FRAGMENT_KEY6,
  FRAGMENT,
  COUNTER,
  BACKEND_STATS,
  REFUSALS,
  WINDOW,
  CONFIG,
  PROVEN,
  SNAT_SOURCE,
  QUIC_SERVER,
  QUIC_BACKEND,
  EVENT_FILTER,
  EVENT,
  EVENT_COUNT,
] as const;

/** Key of an array map: a 32-bit index. */
export function encodeIndex(index: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index, 0);
  return key;
}
