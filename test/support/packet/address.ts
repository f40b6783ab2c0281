// Addresses as a person writes them, to bytes and back, for packet tests.
// Imports node:net alone; deliberately not the product's own parser, which these tests must not trust.

import { isIPv4, isIPv6 } from 'node:net';

/** Bytes in network order of '20.1.1.1' (4) or '2001:db8::1' (16). */
export function addressBytes(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (!isIPv6(text)) throw new TypeError(`not an address: ${text}`);
  const [head, tail] = text.split('::') as [string, string | undefined];
  const words = (part: string | undefined) => (part ? part.split(':') : []);
  const before = words(head);
  const after = words(tail);
  const all = tail === undefined ? before : [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
  const bytes = Buffer.alloc(16);
  all.forEach((word, i) => {
    bytes.writeUInt16BE(Number.parseInt(word, 16), i * 2);
  });
  return bytes;
}

/** The reverse; 16-byte addresses uncompressed. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.');
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16)).join(':');
}

/** Six bytes of '02:00:00:00:00:01'. */
export function macBytes(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll(':', ''), 'hex');
  if (bytes.length !== 6) throw new TypeError(`not a MAC address: ${text}`);
  return bytes;
}

export function macText(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
