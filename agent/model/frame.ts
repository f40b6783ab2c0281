// Ethernet frames of TCP and UDP: made for a test run of the program, and read again behind it.
// Imports only its siblings. RFC 791, 8200, 9293, 768; RFC 2003 and 2473 for packets in packets.
// Invariant: what is made has right lengths and checksums, so that the program has no other reason to refuse it.

import { addressBytes, familyOf, formatAddress } from './address.js';
import { formatMac, macBytes } from './mac.js';
import type { Protocol } from './service.js';

/** A flow as its client's packets have it, real or not. */
export interface FlowTuple {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly protocol: Protocol;
}

export interface FrameView extends FlowTuple {
  readonly sourceMac: string;
  readonly destinationMac: string;
  /** Time to live, or hop limit, of the packet (of the inner one where it is wrapped). */
  readonly hops: number;
  /** Of the whole frame. */
  readonly bytes: number;
  /** Addresses of the header in front of the packet; undefined: there is none. */
  readonly outer: { readonly source: string; readonly destination: string } | undefined;
}

export interface FrameRequest {
  readonly flow: FlowTuple;
  readonly kind: 'SYN' | 'ACK' | 'datagram';
  readonly sourceMac: string;
  readonly destinationMac: string;
  /** Behind the header of TCP or UDP; default none. */
  readonly payload?: Buffer;
}

const ETHERNET = 14;
const HOPS = 64;
const TCP = { length: 20, number: 6, flags: { SYN: 0x02, ACK: 0x10, datagram: 0 } } as const;
const UDP = { length: 8, number: 17 } as const;
const ETHERTYPES = { 4: 0x0800, 6: 0x86dd } as const;
const VLAN_TYPES: readonly number[] = [0x8100, 0x88a8];
const IP_IN_IP = 4;
const IPV6_IN_IP = 41;
/** A short header with a connection id's first octet (RFC 9000, section 17.3.1), and behind its server id what packets have at least (RFC 9001). */
const QUIC = { short: 0x40, configShift: 5, rest: 28 } as const;

/** Bytes of an IP packet of this flow without payload. */
export function leastBytes({ destination, protocol }: Pick<FlowTuple, 'destination' | 'protocol'>): number {
  return (familyOf(destination) === 4 ? 20 : 40) + (protocol === 'tcp' ? TCP.length : UDP.length);
}

/** The beginning of a QUIC packet whose connection id is of this configuration and names this server (hex). */
export function quicPayload(config: number, serverId: string): Buffer {
  return Buffer.concat([Buffer.from([QUIC.short, config << QUIC.configShift]), Buffer.from(serverId, 'hex'), Buffer.alloc(QUIC.rest)]);
}

/** A frame of the flow's client. */
export function makeFrame({ flow, kind, sourceMac, destinationMac, payload = Buffer.alloc(0) }: FrameRequest): Buffer {
  const family = familyOf(flow.destination);
  const header = flow.protocol === 'tcp' ? tcpHeader(flow, TCP.flags[kind]) : udpHeader(flow, payload.length);
  const l4 = Buffer.concat([header, payload]);
  const addresses = Buffer.concat([addressBytes(flow.source), addressBytes(flow.destination)]);
  const number = flow.protocol === 'tcp' ? TCP.number : UDP.number;
  const pseudo = Buffer.alloc(4);
  pseudo.writeUInt16BE(number, 0);
  pseudo.writeUInt16BE(l4.length, 2);
  // A computed 0 is written as its other form, as 0 means "none" in UDP (RFC 768).
  l4.writeUInt16BE(checksum(Buffer.concat([addresses, pseudo, l4])) || 0xffff, flow.protocol === 'tcp' ? 16 : 6);
  const ip = family === 4 ? ipv4Header(addresses, number, l4.length) : ipv6Header(addresses, number, l4.length);
  const ethernet = Buffer.alloc(ETHERNET);
  ethernet.set(macBytes(destinationMac), 0);
  ethernet.set(macBytes(sourceMac), 6);
  ethernet.writeUInt16BE(ETHERTYPES[family], 12);
  return Buffer.concat([ethernet, ip, l4]);
}

function tcpHeader(flow: FlowTuple, flags: number): Buffer {
  const header = Buffer.alloc(TCP.length);
  header.writeUInt16BE(flow.sourcePort, 0);
  header.writeUInt16BE(flow.destinationPort, 2);
  header.writeUInt8((TCP.length / 4) << 4, 12);
  header.writeUInt8(flags, 13);
  header.writeUInt16BE(0xffff, 14);
  return header;
}

function udpHeader(flow: FlowTuple, payload: number): Buffer {
  const header = Buffer.alloc(UDP.length);
  header.writeUInt16BE(flow.sourcePort, 0);
  header.writeUInt16BE(flow.destinationPort, 2);
  header.writeUInt16BE(UDP.length + payload, 4);
  return header;
}

function ipv4Header(addresses: Buffer, protocol: number, payload: number): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(header.length + payload, 2);
  header.writeUInt16BE(0x4000, 6); // don't fragment
  header.writeUInt8(HOPS, 8);
  header.writeUInt8(protocol, 9);
  header.set(addresses, 12);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function ipv6Header(addresses: Buffer, protocol: number, payload: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(payload, 4);
  header.writeUInt8(protocol, 6);
  header.writeUInt8(HOPS, 7);
  return Buffer.concat([header, addresses]);
}

/** The Internet checksum (RFC 1071) of these bytes, whose own field is 0. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  if (bytes.length % 2 === 1) sum += (bytes.at(-1) as number) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

interface IpHeader {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly hops: number;
  /** Where its payload begins. */
  readonly end: number;
}

/** What the frame holds; undefined when that is neither TCP nor UDP, or the frame is cut short. */
export function readFrame(frame: Buffer): FrameView | undefined {
  let at = ETHERNET;
  while (frame.length >= at + 4 && VLAN_TYPES.includes(frame.readUInt16BE(at - 2))) at += 4;
  const first = readIp(frame, at);
  const wrapped = first?.protocol === IP_IN_IP || first?.protocol === IPV6_IN_IP;
  const ip = first !== undefined && wrapped ? readIp(frame, first.end) : first;
  if (first === undefined || ip === undefined || frame.length < ip.end + UDP.length) return undefined;
  if (ip.protocol !== TCP.number && ip.protocol !== UDP.number) return undefined;
  return {
    source: ip.source,
    sourcePort: frame.readUInt16BE(ip.end),
    destination: ip.destination,
    destinationPort: frame.readUInt16BE(ip.end + 2),
    protocol: ip.protocol === TCP.number ? 'tcp' : 'udp',
    sourceMac: formatMac(frame.subarray(6, 12)),
    destinationMac: formatMac(frame.subarray(0, 6)),
    hops: ip.hops,
    bytes: frame.length,
    outer: wrapped ? { source: first.source, destination: first.destination } : undefined,
  };
}

function readIp(frame: Buffer, at: number): IpHeader | undefined {
  const version = (frame[at] ?? 0) >> 4;
  const address = (from: number, size: number): string => formatAddress(frame.subarray(at + from, at + from + size));
  if (version === 4 && frame.length >= at + 20) {
    const end = at + ((frame[at] as number) & 15) * 4;
    return { source: address(12, 4), destination: address(16, 4), protocol: frame.readUInt8(at + 9), hops: frame.readUInt8(at + 8), end };
  }
  if (version !== 6 || frame.length < at + 40) return undefined;
  return {
    source: address(8, 16),
    destination: address(24, 16),
    protocol: frame.readUInt8(at + 6),
    hops: frame.readUInt8(at + 7),
    end: at + 40,
  };
}
