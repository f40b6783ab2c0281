// Builds the frames that the benchmark sends: Ethernet, IPv4 or IPv6, TCP, with right checksums.
// Imports bench/family.ts.
// Invariant: every frame of a family is LAYOUTS[family].bytes long, so the wrapper restores all of them by one copy.

import type { Family } from '../agent/model/address.js';
import { LAYOUTS } from './family.js';

export const TCP_SYN = 0x02;
export const TCP_ACK = 0x10;

const IP_AT = 14;
const TCP_BYTES = 20;
const TCP = 6;
const HOPS = 64;

/** Addresses are 4 or 16 bytes, both of one family; MAC addresses are 6 bytes. */
export interface FrameSpec {
  readonly destinationMac: Uint8Array;
  readonly sourceMac: Uint8Array;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP flags octet. A SYN has no payload. */
  readonly flags: number;
}

/** RFC 1071, over network-order 16-bit words; `start` is a sum to go on from. */
export function sumWords(bytes: Buffer, from: number, to: number, start: number): number {
  let sum = start;
  for (let at = from; at < to; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** What an IP header has in front of its addresses; `length`: of what follows it. */
const WRITE_HEADER: Readonly<Record<Family, (frame: Buffer, length: number) => void>> = {
  4: (frame, length) => {
    frame.writeUInt16BE(0x4500, IP_AT);
    frame.writeUInt16BE(LAYOUTS[4].ipBytes + length, IP_AT + 2);
    frame.writeUInt16BE(0x4000, IP_AT + 6); // DF, as TCP sets it
    frame.writeUInt16BE((HOPS << 8) | TCP, IP_AT + 8);
    frame.writeUInt16BE(~sumWords(frame, IP_AT, LAYOUTS[4].tcpAt, 0) & 0xffff, IP_AT + 10);
  },
  6: (frame, length) => {
    frame.writeUInt16BE(0x6000, IP_AT);
    frame.writeUInt16BE(length, IP_AT + 4);
    frame.writeUInt16BE((TCP << 8) | HOPS, IP_AT + 6);
  },
};

export function buildFrame(spec: FrameSpec): Buffer {
  const family = spec.source.length === LAYOUTS[4].addressBytes ? 4 : 6;
  const { bytes, etherType, addressBytes, sourceAt, tcpAt, payloadBytes } = LAYOUTS[family];
  const frame = Buffer.alloc(bytes);
  const length = TCP_BYTES + (spec.flags & TCP_SYN ? 0 : payloadBytes);
  frame.set(spec.destinationMac, 0);
  frame.set(spec.sourceMac, 6);
  frame.writeUInt16BE(etherType, 12);
  frame.set(spec.source, sourceAt);
  frame.set(spec.destination, sourceAt + addressBytes);
  WRITE_HEADER[family](frame, length);
  frame.writeUInt16BE(spec.sourcePort, tcpAt);
  frame.writeUInt16BE(spec.destinationPort, tcpAt + 2);
  frame.writeUInt16BE((5 << 12) | spec.flags, tcpAt + 12);
  frame.writeUInt16BE(0xffff, tcpAt + 14); // window
  const pseudo = sumWords(frame, sourceAt, tcpAt, TCP + length);
  frame.writeUInt16BE(~sumWords(frame, tcpAt, tcpAt + length, pseudo) & 0xffff, tcpAt + 16);
  return frame;
}

/** The answer that the receiver of `frame` would send, with these flags. */
export function buildReply(frame: Buffer, flags: number): Buffer {
  const { sourceAt, addressBytes, tcpAt } = LAYOUTS[frame.readUInt16BE(12) === LAYOUTS[4].etherType ? 4 : 6];
  const middle = sourceAt + addressBytes;
  return buildFrame({
    destinationMac: frame.subarray(6, 12),
    sourceMac: frame.subarray(0, 6),
    source: frame.subarray(middle, middle + addressBytes),
    destination: frame.subarray(sourceAt, middle),
    sourcePort: frame.readUInt16BE(tcpAt + 2),
    destinationPort: frame.readUInt16BE(tcpAt),
    flags,
  });
}
