// ICMP errors of the packet tests' world: the kinds that each family has, and frames that quote a packet.
// Imports the packet builder and hosts. Numbers are of RFC 792, RFC 1191 and RFC 4443.

import { buildFrame, ethernet, icmp, icmpv6, vlan, type VlanFields } from '../support/packet/build.js';
import type { Family, Hosts } from './hosts.js';
import { ETHERNET_HEADER, type IpChange, ipLayer } from './packet.js';

export interface ErrorKind {
  readonly type: number;
  readonly code: number;
  /** The 4 bytes behind the checksum. */
  readonly rest?: number;
}

/** A packet that does not fit into the next link's MTU. */
export const tooBig = (family: Family, mtu: number): ErrorKind =>
  family === 4 ? { type: 3, code: 4, rest: mtu } : { type: 2, code: 0, rest: mtu };

export const PORT_UNREACHABLE: Readonly<Record<Family, ErrorKind>> = { 4: { type: 3, code: 3 }, 6: { type: 1, code: 4 } };

/** Every kind of error that is about a packet of a flow. */
export const ERROR_KINDS: Readonly<Record<Family, Readonly<Record<string, ErrorKind>>>> = {
  4: {
    'port unreachable': PORT_UNREACHABLE[4],
    'fragmentation needed': tooBig(4, 1400),
    'time exceeded': { type: 11, code: 0 },
    'parameter problem': { type: 12, code: 0, rest: 0x14000000 },
  },
  6: {
    'port unreachable': PORT_UNREACHABLE[6],
    'packet too big': tooBig(6, 1400),
    'time exceeded': { type: 3, code: 0 },
    'parameter problem': { type: 4, code: 1, rest: 40 },
  },
};

export interface ErrorEnds {
  readonly srcMac: string;
  readonly dstMac: string;
  readonly src: string;
  readonly dst: string;
  readonly ttl?: number;
  readonly ip?: IpChange;
  readonly tags?: readonly VlanFields[];
  /** ICMP checksum instead of the right one. */
  readonly checksum?: number;
  /** An outer IP header around all. */
  readonly outer?: { readonly src: string; readonly dst: string };
}

/** The frame of an ICMP error that quotes these bytes of an IP packet. */
export function errorFrame(family: Family, ends: ErrorEnds, kind: ErrorKind, quote: Buffer): Buffer {
  const { src, dst, ttl = 64, checksum } = ends;
  const message = { ...kind, ...(checksum === undefined ? {} : { checksum }) };
  return buildFrame(
    ethernet({ dst: ends.dstMac, src: ends.srcMac }),
    ...(ends.tags ?? []).map(vlan),
    ...(ends.outer === undefined ? [] : [ipLayer(family, { ...ends.outer, ttl: 64 })]),
    ipLayer(family, { src, dst, ttl, ...ends.ip }),
    family === 4 ? icmp(message) : icmpv6(message),
    quote,
  );
}

/** The IP packet in a frame without tags, at most `bytes` of it. */
export const quoteOf = (frame: Buffer, bytes = Number.POSITIVE_INFINITY): Buffer =>
  frame.subarray(ETHERNET_HEADER, ETHERNET_HEADER + bytes);

/** Bytes of a packet that an error of the LB's own quotes: what makes 576 bytes in IPv4, 1280 in IPv6. */
const QUOTED: Readonly<Record<Family, number>> = { 4: 548, 6: 1232 };

/** The error that the LB itself answers this frame with, from the address that it was for; MAC addresses and tags as they came, turned round. */
export function answerTo(world: Hosts, frame: Buffer, kind: ErrorKind): Buffer {
  let at = ETHERNET_HEADER;
  while ([0x8100, 0x88a8].includes(frame.readUInt16BE(at - 2))) at += 4;
  const length = world.family === 4 ? frame.readUInt16BE(at + 2) : frame.readUInt16BE(at + 4) + 40;
  const quote = frame.subarray(at, at + Math.min(length, QUOTED[world.family]));
  const built = buildFrame(
    ipLayer(world.family, { src: world.VIP.address, dst: world.CLIENT.address, ttl: 64, tos: 0xc0 }),
    world.family === 4 ? icmp(kind) : icmpv6(kind),
    quote,
  );
  return Buffer.concat([frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12, at), built]);
}
