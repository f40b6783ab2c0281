// One packet of the packet tests' world: the fields that a test may change, and the frame with the others as the sender would set them.
// Imports test/support/packet and hosts.ts.
// Invariant: the frame is correct in all that the change does not name.

import {
  buildFrame,
  ethernet,
  type Ipv4Fields,
  type Ipv6Fields,
  ipv4,
  ipv6,
  type Layer,
  type TcpFlag,
  tcp,
  udp,
  type VlanFields,
  vlan,
} from '../support/packet/build.js';
import { type Family, HOSTS } from './hosts.js';

export type Protocol = 'tcp' | 'udp';
export const ETHERNET_HEADER = 14;

/** What a test may change in an IP header. Names are IPv4's where both families have the field under different names. */
export interface IpChange {
  readonly src?: string;
  readonly dst?: string;
  /** IPv6: hop limit. */
  readonly ttl?: number;
  /** IPv6: traffic class. */
  readonly tos?: number;
  readonly version?: number;
  /** Of the packet with this header, in bytes, as the header says it: the total length, or 40 more than the payload length. */
  readonly length?: number;
  /** The protocol or next header that the header names. */
  readonly protocol?: number;
  readonly v4?: Partial<Ipv4Fields>;
  readonly v6?: Partial<Ipv6Fields>;
}

/** What a test may change in a packet; the rest is as the sender would send it. */
export interface Change {
  readonly flags?: readonly TcpFlag[];
  readonly ip?: IpChange;
  /** VLAN tags, the outer one first. */
  readonly tags?: readonly VlanFields[];
  /** IPv6 extension headers, or whatever else stands between the IP header and the transport's. */
  readonly extensions?: readonly Layer[];
  /** TCP or UDP checksum instead of the right one. */
  readonly checksum?: number;
  readonly payload?: Buffer | string;
  /** TCP options. */
  readonly options?: Buffer;
  readonly srcPort?: number;
  readonly dstPort?: number;
  /** Bytes of the frame behind the IP packet. */
  readonly padding?: number;
  readonly dstMac?: string;
  readonly srcMac?: string;
}

/** Between whom a packet goes. */
export interface Ends {
  readonly srcMac: string;
  readonly dstMac: string;
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
  readonly ttl: number;
}

type Given<Fields> = { readonly [Name in keyof Fields]: Fields[Name] | undefined };
/** Without the fields that are undefined, which would otherwise hide a default. */
const given = <Fields extends object>(fields: Given<Fields>): Partial<Fields> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<Fields>;

/** An IP header of the family; the names of IpChange. */
export function ipLayer(family: Family, change: IpChange & { readonly src: string; readonly dst: string }): Layer {
  const { src, dst, ttl, tos, version, length, protocol, v4, v6 } = change;
  if (family === 4) return ipv4({ src, dst, ...given<Partial<Ipv4Fields>>({ ttl, tos, version, protocol, totalLength: length }), ...v4 });
  const payloadLength = length === undefined ? undefined : length - HOSTS[6].IP_HEADER;
  const named = { hopLimit: ttl, trafficClass: tos, version, nextHeader: protocol, payloadLength };
  return ipv6({ src, dst, ...given<Partial<Ipv6Fields>>(named), ...v6 });
}

/** Fields by which a packet is known again: those that nobody on the way changes. */
const MARKS = { v4: { id: 0x4242 }, v6: { flowLabel: 0x24242 } };

/** `outer`: headers around the packet's own IP header. */
export function buildPacket(family: Family, ends: Ends, protocol: Protocol, change: Change, outer: readonly Layer[] = []): Buffer {
  const { src, dst, ttl } = ends;
  const ip = { src, dst, ttl, ...change.ip, v4: { ...MARKS.v4, ...change.ip?.v4 }, v6: { ...MARKS.v6, ...change.ip?.v6 } };
  const ports = { src: change.srcPort ?? ends.sport, dst: change.dstPort ?? ends.dport, ...given({ checksum: change.checksum }) };
  const segment = { ...ports, ...given({ options: change.options }), flags: change.flags ?? ['ack'], seq: 0x01020304, ack: 0x0a0b0c0d };
  const built = buildFrame(
    ethernet({ dst: change.dstMac ?? ends.dstMac, src: change.srcMac ?? ends.srcMac }),
    ...(change.tags ?? []).map(vlan),
    ...outer,
    ipLayer(family, ip),
    ...(change.extensions ?? []),
    protocol === 'tcp' ? tcp(segment) : udp(ports),
    Buffer.from(change.payload ?? ''),
  );
  return Buffer.concat([built, Buffer.alloc(change.padding ?? 0)]);
}
