// Finds a payload that gives a packet a chosen checksum, for the corners of checksum arithmetic.
// Imports the checksum tools and world.ts.

import { PROTOCOL } from '../../support/packet/build.js';
import { computeTransportChecksum } from '../../support/packet/checksum.js';
import { ETHERNET_HEADER, type Protocol, type World } from '../world.js';

/** Two bytes with which `build`'s packet of this world has the TCP or UDP checksum `wanted` (as computed, before RFC 768's 0xffff). */
export function findPayload(world: World, protocol: Protocol, build: (payload: Buffer) => Buffer, wanted: number): Buffer {
  const frame = Buffer.from(build(Buffer.alloc(2)));
  const addresses = frame.subarray(ETHERNET_HEADER + (world.family === 4 ? 12 : 8), world.TRANSPORT);
  const [source, destination] = [addresses.subarray(0, addresses.length / 2), addresses.subarray(addresses.length / 2)];
  const segment = frame.subarray(world.TRANSPORT);
  segment.writeUInt16BE(0, protocol === 'tcp' ? 16 : 6);
  for (let word = 0; word <= 0xffff; word++) {
    segment.writeUInt16BE(word, segment.length - 2);
    if (computeTransportChecksum(source, destination, PROTOCOL[protocol], segment) === wanted) return Buffer.from(segment.subarray(-2));
  }
  throw new Error(`no payload gives the checksum ${wanted}`);
}
