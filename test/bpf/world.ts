// The small world of the packet tests, once for each address family: its hosts, and the packets that they send each other.
// Imports hosts.ts, packet.ts and types alone; nothing here comes from the product's own computations.
// Packets are correct; a case that needs a wrong one says so by the field that it overrides.

import { isIPv6 } from 'node:net';
import type { Settings } from '../../agent/model/settings.js';
import { type Backend, type Family, HOSTS, type Hosts } from './hosts.js';
import { buildPacket, type Change, type Ends, ETHERNET_HEADER, type IpChange, ipLayer, type Protocol } from './packet.js';

export { type Change, ETHERNET_HEADER, type IpChange, type Protocol } from './packet.js';

/** Settings that a data plane is built with; each case starts from these. */
export interface PlaneSettings {
  /** Host order, inclusive. */
  readonly snatRange: readonly [number, number];
  readonly lbAddresses: readonly string[];
  readonly newFlowRate: number;
  readonly timeouts: Settings['timeouts'];
  /** Default: drop. */
  readonly earlyFragments?: Settings['earlyFragments'];
  readonly answerRate: number;
  readonly mssClamp: number;
  readonly vipEcho: boolean;
  readonly noBackend: Settings['noBackend'];
  readonly synChallenge?: Settings['synChallenge'];
  readonly ipipSource?: Settings['ipipSource'];
  readonly snatAddresses?: readonly string[];
  /** Default: pass. */
  readonly vipUnknownPort?: Settings['vipUnknownPort'];
}

/** The device of the test's namespace, made with this ifindex; it has the LB's addresses and MAC. */
export const DEVICE = { name: 'lb0', index: 4242, mac: HOSTS[4].LB.mac } as const;
/** ifindex of lo, by which test packets come in unless a case says otherwise. */
export const LOOPBACK = 1;
/** An ifindex by which no test packet comes in. */
export const OTHER_DEVICE = 77;
export const SNAT_PORT = 20500;

type To = Pick<Backend, 'address' | 'mac' | 'port'>;

export interface World extends Hosts {
  readonly SETTINGS: PlaneSettings;
  /** One port alone: the port of a new flow is known beforehand. */
  readonly ONE_PORT: PlaneSettings;
  /** Offset of the TCP or UDP header in a frame without tags, options and extension headers. */
  readonly TRANSPORT: number;
  /** Bytes of a frame without payload, options, tags and extension headers. */
  bare(protocol: Protocol): number;
  /** The backend that the service of this protocol has alone. */
  backendOf(protocol: Protocol): Backend;
  /** From the client to the service, as it reaches the LB. */
  request(protocol: Protocol, change?: Change): Buffer;
  /** The same packet as it leaves the LB under SNAT. */
  translatedRequest(protocol: Protocol, change?: Change, backend?: To): Buffer;
  /** From the backend to the LB's SNAT port. */
  reply(protocol: Protocol, change?: Change): Buffer;
  /** The same packet as it leaves the LB towards the client. */
  translatedReply(protocol: Protocol, change?: Change): Buffer;
  /** The client's packet as it leaves the LB under DSR with L2 dispatch. */
  steeredRequest(protocol: Protocol, change?: Change, mac?: string): Buffer;
  /**
   * The client's packet as it leaves the LB in an outer header of the backend's family (RFC 2003, RFC 2473); `outer` are
   * fields of that header. Its flow label is nobody's expectation: compare by takeOuterFlowLabel.
   */
  wrappedRequest(protocol: Protocol, change?: Change, outer?: IpChange, backend?: Pick<Backend, 'address' | 'mac'>): Buffer;
}

function buildWorld(hosts: Hosts): World {
  const { family, LB, CLIENT, VIP, BACKEND, IP_HEADER } = hosts;
  const servicePort = (protocol: Protocol) => (protocol === 'tcp' ? VIP.tcpPort : VIP.udpPort);
  const backendOf = (protocol: Protocol) => (protocol === 'tcp' ? BACKEND.a : BACKEND.dns);
  const asked = (protocol: Protocol): Ends => ({
    srcMac: CLIENT.mac,
    dstMac: LB.mac,
    src: CLIENT.address,
    dst: VIP.address,
    sport: CLIENT.port,
    dport: servicePort(protocol),
    ttl: 64,
  });
  const left = { srcMac: LB.mac, ttl: 63 };
  const SETTINGS: PlaneSettings = {
    snatRange: [20000, 20999],
    lbAddresses: [LB.address],
    newFlowRate: 0,
    timeouts: { syn: 60, established: 21600, closing: 10, udp: 60 },
    answerRate: 10,
    mssClamp: 0,
    vipEcho: true,
    noBackend: 'drop',
  };
  return {
    ...hosts,
    SETTINGS,
    ONE_PORT: { ...SETTINGS, snatRange: [SNAT_PORT, SNAT_PORT] },
    TRANSPORT: ETHERNET_HEADER + IP_HEADER,
    bare: (protocol) => ETHERNET_HEADER + IP_HEADER + (protocol === 'tcp' ? 20 : 8),
    backendOf,
    request: (protocol, change = {}) => buildPacket(family, asked(protocol), protocol, change),
    translatedRequest(protocol, change = {}, backend = backendOf(protocol)) {
      const ends = { ...left, dstMac: backend.mac, src: LB.address, dst: backend.address, sport: SNAT_PORT, dport: backend.port };
      return buildPacket(family, ends, protocol, change);
    },
    reply(protocol, change = {}) {
      const { address, mac, port } = backendOf(protocol);
      const ends = { srcMac: mac, dstMac: LB.mac, src: address, dst: LB.address, sport: port, dport: SNAT_PORT, ttl: 64 };
      return buildPacket(family, ends, protocol, change);
    },
    translatedReply(protocol, change = {}) {
      const ends = { ...left, dstMac: CLIENT.mac, src: VIP.address, dst: CLIENT.address, dport: CLIENT.port };
      return buildPacket(family, { ...ends, sport: servicePort(protocol) }, protocol, change);
    },
    steeredRequest(protocol, change = {}, mac = backendOf(protocol).mac) {
      return buildPacket(family, { ...asked(protocol), ...left, dstMac: mac }, protocol, change);
    },
    wrappedRequest(protocol, change = {}, outer = {}, backend = backendOf(protocol)) {
      const outerFamily = isIPv6(backend.address) ? 6 : 4;
      const header = ipLayer(outerFamily, { src: HOSTS[outerFamily].LB.address, dst: backend.address, ttl: 64, ...outer });
      return buildPacket(family, { ...asked(protocol), ...left, dstMac: backend.mac }, protocol, change, [header]);
    },
  };
}

export const WORLDS: Readonly<Record<Family, World>> = { 4: buildWorld(HOSTS[4]), 6: buildWorld(HOSTS[6]) };
