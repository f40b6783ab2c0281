// Finds a payload that gives a packet a chosen checksum, for the corners of checksum arithmetic.
// Imports the checksum tools alone.

import { computeTransportChecksum } from '../../support/packet/checksum.js';
import { PROTOCOL } from '../../support/packet/build.js';

const TRANSPORT = 34; // behind Ethernet and an IPv4 header without options

/** Two bytes with which `build`'s packet, sent between `ends`, has the TCP or UDP checksum `wanted` (as computed, before RFC 768's 0xffff). */
export function findPayload(
  build: (payload: Buffer) => Buffer,
  protocol: number,
  ends: { readonly src: Buffer; readonly dst: Buffer },
  wanted: number,
): Buffer {
  const segment = Buffer.from(build(Buffer.alloc(2)).subarray(TRANSPORT));
  segment.writeUInt16BE(0, protocol === PROTOCOL.tcp ? 16 : 6);
  for (let word = 0; word <= 0xffff; word++) {
    segment.writeUInt16BE(word, segment.length - 2);
    if (computeTransportChecksum(ends.src, ends.dst, protocol, segment) === wanted) return Buffer.from(segment.subarray(-2));
  }
  throw new Error(`no payload gives the checksum ${wanted}`);
}
