// Splits a correct packet into fragments, as its sender would (RFC 791, section 3.2; RFC 8200, section 4.5).
// Imports test/support/packet alone; written from the RFCs, not from the data plane.
// Invariant: the fragments' payloads in their order are the packet's payload; lengths and IPv4 header checksums are right.

import { computeChecksum } from '../support/packet/checksum.js';
import type { Family } from './hosts.js';

export interface SplitOptions {
  /** Payload bytes behind the IP header in each fragment but the last, multiples of 8; the rest goes into the last. */
  readonly sizes: readonly number[];
  /** IPv6: the identification; IPv4's stands in the packet. Default 0x42420001. */
  readonly id?: number;
  /** Bytes in front of the IP header; default 14. */
  readonly link?: number;
  /** IPv6: extension headers behind the IP header that each fragment gets, in bytes (RFC 8200: those that routers look at). Default 0. */
  readonly perFragment?: number;
  /** IPv6: next header that the later fragments name; default: the first one's. */
  readonly laterNext?: number;
}

/** Where each fragment begins in the payload and ends. */
function cuts(length: number, sizes: readonly number[]): readonly (readonly [number, number])[] {
  const begins = [0];
  for (const size of sizes) begins.push((begins.at(-1) as number) + size);
  return begins.map((begin, i) => [begin, begins[i + 1] ?? length]);
}

function splitIpv4(frame: Buffer, { sizes, link = 14 }: SplitOptions): readonly Buffer[] {
  const header = ((frame[link] as number) & 15) * 4;
  const end = link + frame.readUInt16BE(link + 2);
  const payload = frame.subarray(link + header, end);
  return cuts(payload.length, sizes).map(([begin, stop]) => {
    const part = Buffer.concat([frame.subarray(0, link + header), payload.subarray(begin, stop)]);
    part.writeUInt16BE(header + stop - begin, link + 2);
    part.writeUInt16BE((stop < payload.length ? 0x2000 : 0) | (begin / 8), link + 6);
    part.writeUInt16BE(0, link + 10);
    part.writeUInt16BE(computeChecksum(part.subarray(link, link + header)), link + 10);
    return part;
  });
}

function splitIpv6(frame: Buffer, { sizes, id = 0x42420001, link = 14, perFragment = 0, laterNext }: SplitOptions): readonly Buffer[] {
  const head = link + 40 + perFragment;
  const payload = frame.subarray(head, link + 40 + frame.readUInt16BE(link + 4));
  const nextAt = perFragment === 0 ? link + 6 : link + 40;
  return cuts(payload.length, sizes).map(([begin, stop]) => {
    const front = Buffer.from(frame.subarray(0, head));
    const fragment = Buffer.alloc(8);
    fragment.writeUInt8(begin > 0 ? (laterNext ?? (front[nextAt] as number)) : (front[nextAt] as number), 0);
    fragment.writeUInt16BE(begin | (stop < payload.length ? 1 : 0), 2);
    fragment.writeUInt32BE(id, 4);
    front.writeUInt8(44, nextAt);
    front.writeUInt16BE(perFragment + 8 + stop - begin, link + 4);
    return Buffer.concat([front, fragment, payload.subarray(begin, stop)]);
  });
}

/** The frame's packet as fragments, each in a frame of its own. */
export function splitPacket(family: Family, frame: Buffer, options: SplitOptions): readonly Buffer[] {
  return family === 4 ? splitIpv4(frame, options) : splitIpv6(frame, options);
}
