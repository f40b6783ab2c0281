// Address prefixes from text.
// Imports its siblings only.
// Invariant: what is returned has no bit set behind the prefix, and canonical address text.

import { formatAddress, parseAddressBytes } from './address.js';
import type { Prefix } from './events.js';
import { parseInteger, valueError } from './parse-value.js';

/** 'IP' (that address alone) or 'IP/LENGTH', of either family. */
export function parsePrefix(text: string, where?: string): Prefix {
  const slash = text.indexOf('/');
  const bytes = parseAddressBytes(slash < 0 ? text : text.slice(0, slash));
  if (bytes === undefined) throw valueError('address', text, 'not an address or ADDRESS/LENGTH', where, 'for example 20.1.1.0/24');
  const bits = bytes.length * 8;
  const length = slash < 0 ? bits : parseInteger(text.slice(slash + 1), { kind: 'prefix length', min: 0, max: bits }, where);
  return { address: formatAddress(bytes.map((byte, i) => byte & maskByte(length, i))), length };
}

/** Byte `i` of 16 that have their first `length` bits set. */
export function maskByte(length: number, i: number): number {
  return 0xff & ~(0xff >> Math.min(8, Math.max(0, length - 8 * i)));
}
