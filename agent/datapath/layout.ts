// The structures of bpf/layout.h, byte for byte. A test compiles that header and compares names, offsets and sizes through BTF.
// Imports agent/model and struct.ts. Ports, addresses and MACs decode to host-order numbers and canonical text.
// Invariant: bpf/layout.h is the original; a change there is made here too.

import { ACTIONS, BACKEND_STATES, PROTOCOLS, type Protocol } from '../model/service.js';
import { type Decoded, type FieldType, field, Struct, T } from './struct.js';

/** Bits of tcpSeen (enum fl_tcp_seen). */
export const TCP_SEEN = { syn: 1, other: 2, fin: 4, rst: 8 } as const;

/** Bit of a backend's flags: ifindex and both MACs are known. */
export const BACKEND_RESOLVED = 1;

export const MAX_LB_ADDRESSES = 4;

/** IP protocol numbers (IANA). */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17 };

const protocol: FieldType<Protocol> = {
  size: 1,
  // The data plane writes no other number than these two.
  read: (buffer, at) => PROTOCOLS.find((name) => PROTOCOL_NUMBERS[name] === buffer.readUInt8(at)) ?? 'tcp',
  write: (buffer, at, value) => void buffer.writeUInt8(PROTOCOL_NUMBERS[value], at),
};
const action = T.wordOf(ACTIONS);
const backendState = T.wordOf(BACKEND_STATES);

/** Key of ct4 and snat4: the packet's tuple as it arrives on the wire. */
export const TUPLE4 = new Struct('fl_tuple4', 16, {
  saddr: field(0, T.address4),
  daddr: field(4, T.address4),
  sport: field(8, T.be16),
  dport: field(10, T.be16),
  protocol: field(12, protocol),
});
export type Tuple = Decoded<typeof TUPLE4>;

/** Value of ct4: client to backend. Times are ticks. */
export const FLOW = new Struct('fl_flow', 64, {
  packets: field(0, T.u64),
  bytes: field(8, T.u64),
  lastSeen: field(16, T.u32),
  created: field(20, T.u32),
  refreshed: field(24, T.u32),
  backendId: field(28, T.u32),
  serviceId: field(32, T.u32),
  backendGeneration: field(36, T.u16),
  snatPort: field(38, T.be16),
  action: field(40, action),
  tcpSeen: field(41, T.u8),
});
export type Flow = Decoded<typeof FLOW>;

/** Value of snat4: what a reply is translated back to. */
export const REVERSE4 = new Struct('fl_reverse4', 64, {
  packets: field(0, T.u64),
  bytes: field(8, T.u64),
  clientAddr: field(16, T.address4),
  serviceAddr: field(20, T.address4),
  clientPort: field(24, T.be16),
  servicePort: field(26, T.be16),
  lastSeen: field(28, T.u32),
  ifindex: field(32, T.u32),
  serviceId: field(36, T.u32),
  clientMac: field(40, T.mac),
  lbMac: field(46, T.mac),
  tcpSeen: field(52, T.u8),
});
export type Reverse = Decoded<typeof REVERSE4>;

/** Key of lb4_services. */
export const FRONTEND4 = new Struct('fl_frontend4', 8, {
  address: field(0, T.address4),
  port: field(4, T.be16),
  protocol: field(6, protocol),
});

/** Value of lb4_services. */
export const SERVICE = new Struct('fl_service', 16, {
  id: field(0, T.u32),
  backendCount: field(4, T.u32),
  maglevDigest: field(8, T.u32),
  action: field(12, action),
});

/** Value of lb4_backends; state undefined: the slot is free. */
export const BACKEND4 = new Struct('fl_backend4', 44, {
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
});

/** Value of an inner map of lb_maglev: two entries of the table. */
export const MAGLEV_PAIR = new Struct('fl_maglev_pair', 8, { backendId: field(0, T.arrayOf(T.u32, 2)) });

/** Value of metrics, per CPU. */
export const COUNTER = new Struct('fl_counter', 16, { packets: field(0, T.u64), bytes: field(8, T.u64) });

/** Value of flow_limit, per CPU. */
export const WINDOW = new Struct('fl_window', 8, { began: field(0, T.u32), count: field(4, T.u32) });

/** Value of config. Timeouts are ticks, ports host order and inclusive. */
export const CONFIG = new Struct('fl_config', 56, {
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
  lb4Address: field(40, T.arrayOf(T.address4, MAX_LB_ADDRESSES)),
});
/** The settings of the running program. `lb4Address`: four addresses, '0.0.0.0' where unused. */
export type Config = Decoded<typeof CONFIG>;

/** Every structure of bpf/layout.h. */
export const STRUCTS = [TUPLE4, FLOW, REVERSE4, FRONTEND4, SERVICE, BACKEND4, MAGLEV_PAIR, COUNTER, WINDOW, CONFIG] as const;

/** Key of an array map: a 32-bit index. */
export function encodeIndex(index: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index, 0);
  return key;
}
