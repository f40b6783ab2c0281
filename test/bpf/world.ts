// The small world of the packet tests: who has which address, and the packets that they send each other.
// Imports test/support/packet and types alone; nothing here comes from the product's own computations.
// Packets are correct; a case that needs a wrong one says so by the field that it overrides.

import type { Settings } from '../../agent/model/settings.js';
import { buildFrame, ethernet, type Ipv4Fields, ipv4, type Layer, type TcpFlag, tcp, udp } from '../support/packet/build.js';

/** Settings that a data plane is built with; each case starts from these. */
export interface PlaneSettings {
  /** Host order, inclusive. */
  readonly snatRange: readonly [number, number];
  readonly lbAddresses: readonly string[];
  readonly newFlowRate: number;
  readonly timeouts: Settings['timeouts'];
}

export const LB = { address: '20.1.1.1', mac: '02:00:00:00:00:01', second: '30.1.1.1' } as const;
export const CLIENT = { address: '20.1.1.100', mac: '02:00:00:00:01:00', port: 40000 } as const;
export const VIP = { address: '40.1.1.1', tcpPort: 80, udpPort: 53 } as const;
/** The backends' ports differ from the services', so that a port left alone is seen. */
export const BACKEND = {
  a: { id: 1, address: '20.1.1.10', mac: '02:00:00:00:00:10', port: 8080 },
  b: { id: 2, address: '20.1.1.20', mac: '02:00:00:00:00:20', port: 8081 },
  /** Of the UDP service. */
  dns: { id: 3, address: '20.1.1.10', mac: '02:00:00:00:00:10', port: 5353 },
} as const;
/** The device of the test's namespace, made with this ifindex; its address and MAC are the LB's. */
export const DEVICE = { name: 'lb0', index: 4242, address: LB.address, mac: LB.mac } as const;
/** What the FIB knows about backend a: another MAC than the backend entries of most cases have. */
export const FIB_NEIGHBOUR = { address: BACKEND.a.address, mac: '02:00:00:00:f1:b0' } as const;

/** ifindex of lo, by which test packets come in unless a case says otherwise. */
export const LOOPBACK = 1;
/** An ifindex by which no test packet comes in. */
export const OTHER_DEVICE = 77;
export const SNAT_PORT = 20500;

export const SETTINGS: PlaneSettings = {
  snatRange: [20000, 20999],
  lbAddresses: [LB.address],
  newFlowRate: 0,
  timeouts: { syn: 60, established: 21600, closing: 10, udp: 60 },
};
/** One port alone: the port of a new flow is known beforehand. */
export const ONE_PORT: PlaneSettings = { ...SETTINGS, snatRange: [SNAT_PORT, SNAT_PORT] };

/** What a test may change in a packet; the rest is as the sender would send it. */
export interface Change {
  readonly flags?: readonly TcpFlag[];
  readonly ip?: Partial<Ipv4Fields>;
  /** TCP or UDP checksum instead of the right one. */
  readonly checksum?: number;
  readonly payload?: Buffer | string;
  readonly options?: Buffer;
  readonly srcPort?: number;
  readonly dstPort?: number;
  /** Bytes of the frame behind the IP packet. */
  readonly padding?: number;
  readonly dstMac?: string;
  readonly srcMac?: string;
}

interface Ends {
  readonly srcMac: string;
  readonly dstMac: string;
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
  readonly ttl: number;
}

const sum = (checksum: number | undefined) => (checksum === undefined ? {} : { checksum });

function frame(ends: Ends, protocol: 'tcp' | 'udp', change: Change, outer: readonly Layer[] = []): Buffer {
  const ports = { src: change.srcPort ?? ends.sport, dst: change.dstPort ?? ends.dport, ...sum(change.checksum) };
  const options = change.options === undefined ? {} : { options: change.options };
  const built = buildFrame(
    ethernet({ dst: change.dstMac ?? ends.dstMac, src: change.srcMac ?? ends.srcMac }),
    ...outer,
    ipv4({ src: ends.src, dst: ends.dst, ttl: ends.ttl, id: 0x4242, ...change.ip }),
    protocol === 'tcp' ? tcp({ ...ports, ...options, flags: change.flags ?? ['ack'], seq: 0x01020304, ack: 0x0a0b0c0d }) : udp(ports),
    Buffer.from(change.payload ?? ''),
  );
  return Buffer.concat([built, Buffer.alloc(change.padding ?? 0)]);
}

type Protocol = 'tcp' | 'udp';
const servicePort = (protocol: Protocol) => (protocol === 'tcp' ? VIP.tcpPort : VIP.udpPort);
const backendOf = (protocol: Protocol) => (protocol === 'tcp' ? BACKEND.a : BACKEND.dns);

/** From the client to the service, as it reaches the LB. */
export function request(protocol: Protocol, change: Change = {}): Buffer {
  const ends = {
    srcMac: CLIENT.mac,
    dstMac: LB.mac,
    src: CLIENT.address,
    dst: VIP.address,
    sport: CLIENT.port,
    dport: servicePort(protocol),
    ttl: 64,
  };
  return frame(ends, protocol, change);
}

/** The same packet as it leaves the LB under SNAT. */
export function translatedRequest(
  protocol: Protocol,
  change: Change = {},
  backend: { address: string; mac: string; port: number } = backendOf(protocol),
): Buffer {
  const ends = {
    srcMac: LB.mac,
    dstMac: backend.mac,
    src: LB.address,
    dst: backend.address,
    sport: SNAT_PORT,
    dport: backend.port,
    ttl: 63,
  };
  return frame(ends, protocol, change);
}

/** From the backend to the LB's SNAT port. */
export function reply(protocol: Protocol, change: Change = {}): Buffer {
  const backend = backendOf(protocol);
  const ends = {
    srcMac: backend.mac,
    dstMac: LB.mac,
    src: backend.address,
    dst: LB.address,
    sport: backend.port,
    dport: SNAT_PORT,
    ttl: 64,
  };
  return frame(ends, protocol, change);
}

/** The same packet as it leaves the LB towards the client. */
export function translatedReply(protocol: Protocol, change: Change = {}): Buffer {
  const ends = {
    srcMac: LB.mac,
    dstMac: CLIENT.mac,
    src: VIP.address,
    dst: CLIENT.address,
    sport: servicePort(protocol),
    dport: CLIENT.port,
    ttl: 63,
  };
  return frame(ends, protocol, change);
}

/** The client's packet as it leaves the LB under DSR with L2 dispatch. */
export function steeredRequest(protocol: Protocol, change: Change = {}, mac: string = backendOf(protocol).mac): Buffer {
  return request(protocol, { dstMac: mac, srcMac: LB.mac, ...change, ip: { ttl: 63, ...change.ip } });
}

/** The client's packet as it leaves the LB wrapped in IPIP; `outer` are fields of the outer header. */
export function wrappedRequest(
  protocol: Protocol,
  change: Change = {},
  outer: Partial<Ipv4Fields> = {},
  backend: { address: string; mac: string } = backendOf(protocol),
): Buffer {
  const ends = {
    srcMac: LB.mac,
    dstMac: backend.mac,
    src: CLIENT.address,
    dst: VIP.address,
    sport: CLIENT.port,
    dport: servicePort(protocol),
    ttl: 63,
  };
  return frame(ends, protocol, change, [ipv4({ src: LB.address, dst: backend.address, ttl: 64, id: 0, ...outer })]);
}
