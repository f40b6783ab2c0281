// What a frontend covers: one address or a prefix, one port or a range; and when two frontends contradict each other.
// Imports its siblings only.
// Invariant: of two frontends that do not conflict, the data plane's order says for every packet which one it belongs to.

import { addressBytes } from './address.js';
import { maskByte } from './parse-prefix.js';
import type { Frontend } from './service.js';

/** The ports of a frontend for every port. */
export const EVERY_PORT = { port: 0, lastPort: 65535 } as const;

/** The frontend in its one form: a range of one port is that port, a prefix of one address that address. */
export function buildFrontend({ address, port, protocol, lastPort, prefixLength }: Frontend): Frontend {
  const range = lastPort === undefined || lastPort === port ? {} : { lastPort };
  const prefix = prefixLength === undefined || prefixLength === addressBytes(address).length * 8 ? {} : { prefixLength };
  return { address, port, protocol, ...range, ...prefix };
}

export function isEveryPort({ port, lastPort }: Frontend): boolean {
  return port === EVERY_PORT.port && lastPort === EVERY_PORT.lastPort;
}

/** Whether the address is the frontend's, or lies in its prefix. */
export function coversAddress({ address, prefixLength }: Frontend, other: string): boolean {
  if (prefixLength === undefined) return address === other;
  const [bytes, others] = [addressBytes(address), addressBytes(other)];
  return bytes.length === others.length && bytes.every((byte, i) => byte === ((others[i] ?? 0) & maskByte(prefixLength, i)));
}

/** Whether the prefix begins at its address; true for one address. */
export function isFirstAddress(frontend: Frontend): boolean {
  return coversAddress(frontend, frontend.address);
}

/** How many low bits of the address may be anything. */
export function hostBitsOf({ address, prefixLength }: Frontend): number {
  return prefixLength === undefined ? 0 : addressBytes(address).length * 8 - prefixLength;
}

/**
 * Whether both claim the same packets with the same right. An exact port goes before a range, a range before every port, a longer
 * prefix before a shorter one: those stand side by side. Two ranges of one address must not meet, even one within the other.
 */
export function conflicts(one: Frontend, other: Frontend): boolean {
  if (one.address !== other.address || one.prefixLength !== other.prefixLength || one.protocol !== other.protocol) return false;
  if ((one.lastPort === undefined) !== (other.lastPort === undefined) || isEveryPort(one) !== isEveryPort(other)) return false;
  return one.port <= (other.lastPort ?? other.port) && other.port <= (one.lastPort ?? one.port);
}

export interface PortBlock {
  readonly port: number;
  /** How many of its 16 bits are the same in all ports of the block. */
  readonly bits: number;
}

/** The fewest blocks of ports with common first bits that a range splits into: at most 30. */
export function* portBlocks(first: number, last: number): Generator<PortBlock> {
  for (let port = first; port <= last; ) {
    let size = port === 0 ? 65536 : port & -port;
    while (port + size - 1 > last) size /= 2;
    yield { port, bits: 16 - Math.log2(size) };
    port += size;
  }
}

/** Addresses of a prefix that are counted one by one; a larger prefix is too many. */
export const MAX_LISTED_ADDRESSES = 4096;

/** Every address of the frontend as bytes in network order, or undefined when there are more than MAX_LISTED_ADDRESSES. */
export function listAddresses(frontend: Frontend): readonly Uint8Array[] | undefined {
  const bits = hostBitsOf(frontend);
  if (2 ** bits > MAX_LISTED_ADDRESSES) return undefined;
  const first = addressBytes(frontend.address);
  return Array.from({ length: 2 ** bits }, (_, i) => {
    const bytes = Uint8Array.from(first);
    for (const [at, more] of [i & 0xff, i >> 8].entries()) bytes[bytes.length - 1 - at] = (bytes[bytes.length - 1 - at] ?? 0) | more;
    return bytes;
  });
}
