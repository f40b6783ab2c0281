// Hashes of tuples and addresses as bpf/hash.h computes them: where in the flow tables an entry stands.
// Imports layout.ts. For looking single flows up; the data plane does it for every packet.
// Invariant: the same numbers as the data plane's; a test asks the program itself.

import { FRONT_SHARE, NEAR_BUCKETS } from './layout.js';

const FACTOR_1 = 0xff51afd7ed558ccdn;
const FACTOR_2 = 0xc4ceb9fe1a85ec53n;
/** Of the last word: ports and protocol, without the count of claims. */
const PORTS_MASK = 0x000000ffffffffffn;
const GOLDEN_RATIO = 0x9e3779b1;

/** Slots of a bucket. */
const WAYS = 8;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** 64 bits of a tuple as it stands in a map (16 or 40 bytes). */
export function hashTuple(tuple: Buffer, seed: bigint): bigint {
  let hash = seed;
  for (let at = 0; at < tuple.length; at += 8) {
    const word = tuple.readBigUInt64LE(at);
    hash = u64((hash ^ (at + 8 === tuple.length ? word & PORTS_MASK : word)) * FACTOR_1);
    hash ^= hash >> 32n;
  }
  hash = u64(hash * FACTOR_2);
  hash = u64((hash ^ (hash >> 29n)) * FACTOR_1);
  return hash ^ (hash >> 32n);
}

/** 0 to n-1 from the low 32 bits of `random`. */
export function scaleHash(random: bigint, n: number): number {
  return Number((BigInt.asUintN(32, random) * BigInt(n)) >> 32n);
}

/**
 * The slots that a flow of this hash may stand in, the likeliest first: half of a bucket of the table's front, half of one behind it and half of one
 * near that, and the other half of the second. `slots`: entries of the flow table.
 */
export function flowCandidates(hash: bigint, slots: number): readonly number[] {
  const first = Number(hash & 7n);
  const buckets = Math.floor(slots / WAYS);
  const behind = wholeGroups(buckets - Math.floor(buckets / FRONT_SHARE));
  const front = buckets - behind;
  const second = scaleHash(hash >> 32n, behind);
  const third = second ^ (1 + ((Number((hash >> 3n) & 0xffn) * (NEAR_BUCKETS - 1)) >> 8));
  return [scaleHash(hash, front), front + second, front + third, front + second].flatMap((bucket, i) =>
    [0, 1, 2, 3].map((way) => bucket * WAYS + ((first + way + (i === 3 ? 4 : 0)) % WAYS)),
  );
}

/** Of so many buckets those that make whole groups of near ones. */
const wholeGroups = (buckets: number): number => buckets - (buckets % NEAR_BUCKETS);

/** Which bit of vips an address of 4 or 16 bytes in network order has, 0 to 65535. */
export function vipBit(address: Uint8Array): number {
  const bytes = Buffer.from(address);
  let folded = 0;
  for (let at = 0; at < bytes.length; at += 4) folded ^= bytes.readUInt32LE(at);
  return Math.imul(folded, GOLDEN_RATIO) >>> 16;
}
