// ICMP messages that are no errors: echo requests to virtual addresses, and what is like them.
// Imports fast-check, test/bpf's hosts and packets.

import { buildFrame, destinationOptions, ethernet, icmp, icmpv6, vlan } from '../support/packet/build.js';
import { HOSTS } from '../bpf/hosts.js';
import { ipLayer } from '../bpf/packet.js';
import type { Shape } from './frames.js';
import type { Family } from './state.js';

/** Most are echo requests; the others are echo replies, other messages, and a request with a code. */
const KINDS = {
  4: [...Array.from({ length: 12 }, () => [8, 0] as const), [0, 0], [13, 0], [9, 0], [8, 1]],
  6: [...Array.from({ length: 12 }, () => [128, 0] as const), [129, 0], [135, 0], [143, 0], [128, 1]],
} as const;

/** `kind`: by number; `dst`: to whom. */
export function buildPing(family: Family, kind: number, src: string, dst: string, shape: Shape): Buffer {
  const { CLIENT, LB } = HOSTS[family];
  const [type, code] = KINDS[family][kind % KINDS[family].length] as readonly [number, number];
  const message = { type, code, rest: 0x00070001, ...(shape.checksum === 'right' ? {} : { checksum: 0xbeef }) };
  const options = family === 4 ? { v4: { options: Buffer.alloc(4 * Math.min(shape.between.length, 10), 1) } } : {};
  return buildFrame(
    ethernet({ dst: kind % 31 === 0 ? '33:33:00:00:00:01' : LB.mac, src: CLIENT.mac }),
    ...shape.tags.map(vlan),
    ipLayer(family, { src: kind % 29 === 0 ? HOSTS[family].UNSPECIFIED : src, dst, ttl: shape.hops, tos: shape.tos, ...options }),
    ...(family === 6 && shape.between.length > 0 ? [destinationOptions({ options: Buffer.alloc(6) })] : []),
    family === 4 ? icmp(message) : icmpv6(message),
    Buffer.alloc(shape.payload, 0x5a),
    Buffer.alloc(0),
  );
}
