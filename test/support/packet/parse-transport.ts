// Decodes what IP carries: TCP, UDP and the ICMP of both families.
// Imports its siblings alone. A checksum is judged only where all that it covers is there.

import { PROTOCOL, type Surroundings, TCP_FLAG } from './build.js';
import { computeChecksum, computeTransportChecksum } from './checksum.js';
import { type FieldList, hex } from './fields.js';

/** A segment as its IP header announces it. */
export interface Segment {
  readonly protocol: number;
  readonly data: Buffer;
  /** Addresses of the pseudo header; undefined: not to be known, so no checksum over them can be judged. */
  readonly ends: Surroundings | undefined;
  /** What of the segment is here: all, its beginning, or something behind the beginning. */
  readonly part: 'whole' | 'head' | 'later';
}

function withZero(data: Buffer, at: number): Buffer {
  const copy = Buffer.from(data);
  copy.writeUInt16BE(0, at);
  return copy;
}

function tcp(list: FieldList, name: string, data: Buffer, rightChecksum: number | undefined): void {
  const flags = data.readUInt8(13);
  const names = Object.entries(TCP_FLAG).filter(([, bit]) => flags & bit);
  list.add(`${name}.src`, data.readUInt16BE(0));
  list.add(`${name}.dst`, data.readUInt16BE(2));
  list.add(`${name}.seq`, data.readUInt32BE(4));
  list.add(`${name}.ack`, data.readUInt32BE(8));
  list.add(`${name}.offset`, hex(data.readUInt8(12), 2));
  list.add(`${name}.flags`, names.map(([flag]) => flag).join(' '));
  list.add(`${name}.window`, data.readUInt16BE(14));
  list.addChecksum(`${name}.checksum`, data.readUInt16BE(16), rightChecksum ?? data.readUInt16BE(16));
  list.add(`${name}.urgent`, data.readUInt16BE(18));
  list.rest(`${name}.payload`, data.subarray(20));
}

function udp(list: FieldList, name: string, data: Buffer, rightChecksum: number | undefined, mayBeNone: boolean): void {
  const checksum = data.readUInt16BE(6);
  list.add(`${name}.src`, data.readUInt16BE(0));
  list.add(`${name}.dst`, data.readUInt16BE(2));
  list.add(`${name}.length`, data.readUInt16BE(4));
  if (checksum === 0 && mayBeNone) list.add(`${name}.checksum`, 'none');
  else list.addChecksum(`${name}.checksum`, checksum, rightChecksum ?? checksum);
  list.rest(`${name}.payload`, data.subarray(8));
}

/** Adds the segment's fields, or nothing and false when it is none of these protocols, or too short. `quote` decodes what an error quotes. */
export function decodeTransport(list: FieldList, prefix: string, segment: Segment, quote: (data: Buffer) => void): boolean {
  const { protocol, data, ends, part } = segment;
  const v6 = ends?.source.length === 16;
  const sum = (at: number, covered = data) =>
    ends && computeTransportChecksum(ends.source, ends.destination, protocol, withZero(covered, at));
  if (part === 'head' && (protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp) && data.length >= 4) {
    const name = `${prefix}${protocol === PROTOCOL.tcp ? 'tcp' : 'udp'}`;
    list.add(`${name}.src`, data.readUInt16BE(0));
    list.add(`${name}.dst`, data.readUInt16BE(2));
    list.rest(`${name}.head`, data.subarray(4));
    return true;
  }
  if (part !== 'whole') return false;
  if (protocol === PROTOCOL.tcp && data.length >= 20) {
    tcp(list, `${prefix}tcp`, data, sum(16));
    return true;
  }
  if (protocol === PROTOCOL.udp && data.length >= 8) {
    const length = data.readUInt16BE(4);
    const right = sum(6, length >= 8 && length <= data.length ? data.subarray(0, length) : data);
    udp(list, `${prefix}udp`, data, right === 0 ? 0xffff : right, !v6);
    return true;
  }
  const mine = v6 || ends === undefined ? PROTOCOL.icmpv6 : PROTOCOL.icmp;
  if (protocol === mine && data.length >= 8) {
    const type = data.readUInt8(0);
    const found = data.readUInt16BE(2);
    list.add(`${prefix}icmp.type`, `${type}/${data.readUInt8(1)}`);
    list.addChecksum(`${prefix}icmp.checksum`, found, (mine === PROTOCOL.icmp ? computeChecksum(withZero(data, 2)) : sum(2)) ?? found);
    list.add(`${prefix}icmp.rest`, hex(data.readUInt32BE(4), 8));
    // RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem. RFC 4443: errors have types below 128.
    if (mine === PROTOCOL.icmp ? [3, 4, 5, 11, 12].includes(type) : type < 128) quote(data.subarray(8));
    else list.rest(`${prefix}icmp.payload`, data.subarray(8));
    return true;
  }
  return false;
}
