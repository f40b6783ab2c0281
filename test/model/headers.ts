// "Every packet", steps 1 to 3, and "Headers" of docs/packet-walk.md: from a frame's bytes to what the rest of the model needs, or to the reason
// why it is none of a balancer's business.
// Imports the state's types alone; reads bytes by itself.

import { type Family, TCP, type Tuple, UDP } from './state.js';

export interface Headers {
  readonly family: Family;
  /** Offsets in the frame. */
  readonly ip: number;
  readonly transport: number;
  /** Where the IP packet ends; padding may follow. */
  readonly end: number;
  readonly hops: number;
  readonly tuple: Tuple;
  /** 0 for UDP and ICMP, which has no ports either. */
  readonly tcpFlags: number;
  /** Number of VLAN tags, whether the outer one has ethertype 0x88a8, their control information. */
  readonly tags: number;
  readonly serviceTag: boolean;
  readonly vlan: readonly [number, number];
  /** The packet is one; then neither ports nor flags were read. */
  readonly fragment?: Fragment;
}
export interface Fragment {
  /** In hex. */
  readonly id: string;
  /** Bytes of the datagram in front of it, and in it. */
  readonly offset: number;
  readonly bytes: number;
}
export type Refusal = 'malformed' | 'not_ip' | 'ip_headers' | 'protocol';

const isTag = (type: number): boolean => type === 0x8100 || type === 0x88a8;

/** What IP parsing finds. */
interface Network {
  readonly transport: number;
  readonly end: number;
  readonly protocol: number;
  readonly hops: number;
  readonly fragment?: Fragment;
}

export function readHeaders(frame: Buffer): Headers | Refusal {
  if (frame.length < 14) return 'malformed';
  let type = frame.readUInt16BE(12);
  const serviceTag = type === 0x88a8;
  const vlan: [number, number] = [0, 0];
  let ip = 14;
  let tags = 0;
  for (; tags < 2 && isTag(type); tags++, ip += 4) {
    if (frame.length < ip + 4) return 'malformed';
    vlan[tags] = frame.readUInt16BE(ip);
    type = frame.readUInt16BE(ip + 2);
  }
  if (type !== 0x0800 && type !== 0x86dd) return 'not_ip';
  const family = type === 0x0800 ? 4 : 6;
  const network = family === 4 ? readIpv4(frame, ip) : readIpv6(frame, ip);
  if (typeof network === 'string') return network;
  const { transport, end, protocol, hops, fragment } = network;
  const tcpFlags = fragment === undefined ? readTransport(frame.subarray(transport, end), protocol, family, false) : 0;
  if (typeof tcpFlags === 'string') return tcpFlags;
  const hasPorts = fragment === undefined && (protocol === TCP || protocol === UDP);
  const [source, size] = family === 4 ? [ip + 12, 4] : [ip + 8, 16];
  const tuple = {
    saddr: frame.toString('hex', source, source + size),
    daddr: frame.toString('hex', source + size, source + 2 * size),
    sport: hasPorts ? frame.readUInt16BE(transport) : 0,
    dport: hasPorts ? frame.readUInt16BE(transport + 2) : 0,
    protocol,
  };
  return { family, ip, transport, end, hops, tuple, tcpFlags, tags, serviceTag, vlan, ...(fragment && { fragment }) };
}

/** A first fragment read as if it were a whole packet. */
export function readFirst(frame: Buffer, headers: Headers): Headers | Refusal {
  const { family, transport, end, tuple } = headers;
  const tcpFlags = readTransport(frame.subarray(transport, end), tuple.protocol, family, true);
  if (typeof tcpFlags === 'string') return tcpFlags;
  const [sport, dport] = [frame.readUInt16BE(transport), frame.readUInt16BE(transport + 2)];
  return { ...headers, tcpFlags, tuple: { ...tuple, sport, dport } };
}

function readIpv4(frame: Buffer, ip: number): Network | Refusal {
  if (frame.length < ip + 20) return 'malformed';
  const [first, total] = [frame.readUInt8(ip), frame.readUInt16BE(ip + 2)];
  const header = (first & 15) * 4;
  if (first >> 4 !== 4 || header < 20 || total < header || ip + total > frame.length) return 'malformed';
  const place = frame.readUInt16BE(ip + 6) & 0x3fff;
  const fragment = { id: frame.toString('hex', ip + 4, ip + 6), offset: (place & 0x1fff) * 8, bytes: total - header };
  return {
    transport: ip + header,
    end: ip + total,
    protocol: frame.readUInt8(ip + 9),
    hops: frame.readUInt8(ip + 8),
    ...(place === 0 ? {} : { fragment }),
  };
}

const [HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION] = [0, 43, 44, 60];
const isExtension = (next: number): boolean => next === HOP_BY_HOP || next === ROUTING || next === FRAGMENT || next === DESTINATION;
const MOST_HEADERS = 6;
const MOST_BYTES = 512;

function readIpv6(frame: Buffer, ip: number): Network | Refusal {
  if (frame.length < ip + 40) return 'malformed';
  const end = ip + 40 + frame.readUInt16BE(ip + 4);
  if (frame.readUInt8(ip) >> 4 !== 6 || end > frame.length) return 'malformed';
  const upper = walkExtensions(frame, ip, end);
  return typeof upper === 'string' ? upper : { ...upper, end, hops: frame.readUInt8(ip + 7) };
}

/** What extension headers lead to. */
export interface Upper {
  readonly transport: number;
  readonly protocol: number;
  readonly fragment?: Fragment;
}

/** The extension headers of the IPv6 header at `ip`, up to `end`. `furthest`: of the last place in the frame where one may begin. */
export function walkExtensions(frame: Buffer, ip: number, end: number, furthest = Number.POSITIVE_INFINITY): Upper | Refusal {
  let next = frame.readUInt8(ip + 6);
  let at = ip + 40;
  const bound = at + MOST_BYTES;
  let fragment: Fragment | undefined;
  for (let count = 0; isExtension(next) && !fragment?.offset; count++) {
    if (count === MOST_HEADERS) return 'ip_headers';
    if (at + 8 > end) return 'malformed';
    if (at > Math.min(bound, furthest)) return 'ip_headers';
    if (next === HOP_BY_HOP && count > 0) return 'malformed';
    if (next === ROUTING && frame.readUInt8(at + 3) !== 0) return 'ip_headers';
    if (next === FRAGMENT && (frame.readUInt16BE(at + 2) & 0xfff9) !== 0) {
      if (fragment !== undefined) return 'ip_headers';
      fragment = { id: frame.toString('hex', at + 4, at + 8), offset: frame.readUInt16BE(at + 2) & 0xfff8, bytes: end - at - 8 };
    }
    const length = next === FRAGMENT ? 8 : (frame.readUInt8(at + 1) + 1) * 8;
    next = frame.readUInt8(at);
    at += length;
  }
  if (at > end) return 'malformed';
  if (at > bound) return 'ip_headers';
  return { transport: at, protocol: next, ...(fragment && { fragment }) };
}

/** The TCP flags, or a refusal. `segment` ends where the IP packet ends; `first`: more of it comes in later fragments. */
function readTransport(segment: Buffer, protocol: number, family: Family, first: boolean): number | Refusal {
  if (protocol === TCP) {
    if (segment.length < 20) return 'malformed';
    const header = (segment.readUInt8(12) >> 4) * 4;
    return header < 20 || header > segment.length ? 'malformed' : segment.readUInt8(13);
  }
  if (protocol === (family === 4 ? 1 : 58)) return 0;
  if (protocol !== UDP) return 'protocol';
  if (segment.length < 8) return 'malformed';
  const length = segment.readUInt16BE(4);
  if (length < 8 || (length > segment.length && !first) || (family === 6 && segment.readUInt16BE(6) === 0)) return 'malformed';
  return 0;
}
