// "Numbers" of docs/packet-walk.md: where entries stand, which ports a flow tries, the bit of an address, the flow label.
// Imports the state's types alone; the agent has its own copy of some of these, which is not used here.

import type { Settings, Tuple } from './state.js';

const FACTOR_1 = 0xff51afd7ed558ccdn;
const FACTOR_2 = 0xc4ceb9fe1a85ec53n;
const GOLDEN = 0x9e3779b1;
const WAYS = 8;
const PROBES = 32;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

/** A hash's halves, each 32 bits. */
export interface Hash {
  readonly low: number;
  readonly high: number;
}

const scratch = Buffer.alloc(40);

export function hashTuple(tuple: Tuple, seed: bigint): Hash {
  let at = scratch.write(tuple.saddr, 0, 'hex');
  at += scratch.write(tuple.daddr, at, 'hex');
  scratch.writeUInt16BE(tuple.sport, at);
  scratch.writeUInt16BE(tuple.dport, at + 2);
  scratch.writeUInt32LE(tuple.protocol, at + 4);
  let hash = seed;
  for (let word = 0; word < at + 8; word += 8) {
    hash = wrap((hash ^ scratch.readBigUInt64LE(word)) * FACTOR_1);
    hash ^= hash >> 32n;
  }
  hash = wrap(hash * FACTOR_2);
  hash = wrap((hash ^ (hash >> 29n)) * FACTOR_1);
  hash ^= hash >> 32n;
  return { low: Number(hash & 0xffffffffn), high: Number(hash >> 32n) };
}

/** 0 to n-1 from 32 random bits; n is at most 2^21, so the product is exact. */
const scale = (bits: number, n: number): number => Math.floor((bits * n) / 0x1_0000_0000);

/** The slots that a flow may stand in, in the order in which they are tried. */
export function flowPlaces({ low, high }: Hash, slots: number): readonly number[] {
  const buckets = slots / WAYS;
  const rest = Math.floor((buckets - Math.floor(buckets / 4)) / 4) * 4;
  const front = buckets - rest;
  const behind = scale(high, rest);
  // One of the other three of its four.
  const other = behind ^ (1 + Math.floor(((Math.floor(low / 8) % 256) * 3) / 256));
  const [a, b, c] = [scale(low, front), front + behind, front + other];
  const places: number[] = [];
  for (const [bucket, from] of [
    [a, 0],
    [b, 0],
    [c, 0],
    [b, 4],
  ] as const)
    for (let i = from; i < from + 4; i++) places.push(bucket * WAYS + ((low + i) % WAYS));
  return places;
}

/** The only slot that a reverse entry may stand in. */
export function replyPlace(tuple: Tuple, settings: Settings, slots: number): number {
  return scale(hashTuple(tuple, settings.slotSeed).low, slots);
}

/** SNAT ports in the order in which a flow tries them. */
export function* snatPorts(hash: Hash, [first, last]: readonly [number, number]): Generator<number> {
  for (let i = 0; i < PROBES; i++) yield first + scale((hash.high + Math.imul(i, 0x9e3779b9)) >>> 0, last - first + 1);
}

/** The exclusive or of an address's 32-bit words. */
function foldAddress(address: string): number {
  const bytes = Buffer.from(address, 'hex');
  let folded = 0;
  for (let at = 0; at < bytes.length; at += 4) folded ^= bytes.readUInt32LE(at);
  return folded;
}

/** Which of the 65536 bits of vips an address has. */
export const vipBit = (address: string): number => Math.imul(foldAddress(address), GOLDEN) >>> 16;

/** Of the outer IPv6 header, 20 bits. */
export function flowLabel({ saddr, sport, dport }: Tuple): number {
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(sport, 0);
  ports.writeUInt16BE(dport, 2);
  return Math.imul(foldAddress(saddr) ^ ports.readUInt32LE(0), GOLDEN) >>> 12;
}
