// "Checksums" of docs/packet-walk.md by whole sums: what a checksum must become, from all bytes that it covers before and after.
// Imports the state's types alone. The data plane computes by increments; this does not, so both cannot be wrong in the same way.

import { type Family, UDP } from './state.js';
import type { Headers } from './headers.js';

const MODULUS = 0xffff;

/** The sum of 16-bit words from `from` to `to`, an odd last byte padded with 0; not folded. */
function sumWords(frame: Buffer, from: number, to: number): number {
  let sum = 0;
  let at = from;
  for (; at + 1 < to; at += 2) sum += frame.readUInt16BE(at);
  return at < to ? sum + (frame.readUInt8(at) << 8) : sum;
}

/** Of an IPv4 header with options, its checksum included; modulo 0xffff, 0 when it is right. */
export function headerSum(frame: Buffer, ip: number): number {
  return sumWords(frame, ip, ip + (frame.readUInt8(ip) & 15) * 4) % MODULUS;
}

/** Of TCP or UDP with its pseudo header, as headerSum(). */
export function transportSum(frame: Buffer, { family, ip, transport, end, tuple }: Headers): number {
  const [from, to] = family === 4 ? [ip + 12, ip + 20] : [ip + 8, ip + 40];
  return (sumWords(frame, from, to) + tuple.protocol + (end - transport) + sumWords(frame, transport, end)) % MODULUS;
}

/** Of an ICMP message, as headerSum(); over IPv6 with its pseudo header. */
export function messageSum(frame: Buffer, headers: Headers): number {
  return headers.family === 6 ? transportSum(frame, headers) : sumWords(frame, headers.transport, headers.end) % MODULUS;
}

/** Writes the checksum at `at` that makes `sum()` what it was: `before`. */
function restoreSum(frame: Buffer, at: number, before: number, sum: () => number): number {
  frame.writeUInt16BE(0, at);
  const check = (before - sum() + MODULUS) % MODULUS;
  frame.writeUInt16BE(check, at);
  return check;
}

/** Applies `change` to the IP header (of either family) and lets its checksum follow. */
export function changeHeader(frame: Buffer, family: Family, ip: number, change: () => void): void {
  const before = family === 4 ? headerSum(frame, ip) : 0;
  change();
  if (family === 6) return;
  restoreSum(frame, ip + 10, before, () => headerSum(frame, ip));
}

/** Applies `change` to an ICMP message (over IPv6 to its addresses too) and lets the message's checksum follow. */
export function changeMessage(frame: Buffer, headers: Headers, change: () => void): void {
  const before = messageSum(frame, headers);
  change();
  restoreSum(frame, headers.transport + 2, before, () => messageSum(frame, headers));
}

/** Where the TCP or UDP checksum stands. */
export const checksumAt = ({ transport, tuple }: Headers): number => transport + (tuple.protocol === UDP ? 6 : 16);

/** Applies `change` to whatever the TCP or UDP checksum covers and lets it follow. */
export function changeTransport(frame: Buffer, headers: Headers, change: () => void): void {
  const isUdp = headers.tuple.protocol === UDP;
  const at = checksumAt(headers);
  const none = isUdp && frame.readUInt16BE(at) === 0;
  const before = transportSum(frame, headers);
  change();
  if (none) return;
  const check = restoreSum(frame, at, before, () => transportSum(frame, headers));
  if (isUdp && check === 0) frame.writeUInt16BE(0xffff, at);
}
