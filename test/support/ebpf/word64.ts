// Arithmetic of BPF registers (RFC 9669, section 4.1 and 4.2), on 64-bit words in two halves, as BigInt would be ten times slower.
// Imports types alone.
// Invariant: halves are signed 32-bit integers. Division by zero gives 0, remainder by zero the dividend, shifts use the low bits of their count.

import type { Word } from './memory.js';

/** The operations' codes: the upper four bits of the opcode. */
export const ALU = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
  end: 0xd0,
} as const;

/** The conditions of jumps. */
export const JUMP = {
  always: 0x00,
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  call: 0x80,
  exit: 0x90,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
} as const;

const BITS = 0xffff_ffff_ffff_ffffn;

export function toBigInt({ lo, hi }: Word): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** Modulo 2^64. */
export function fromBigInt(value: bigint): Word {
  return { lo: Number(value & 0xffff_ffffn) | 0, hi: Number((value >> 32n) & 0xffff_ffffn) | 0 };
}

/** A number of up to 53 bits with its sign. */
export function fromNumber(value: number): Word {
  return { lo: value | 0, hi: Math.floor(value / 0x1_0000_0000) | 0 };
}

/** Sign-extends the lowest 8, 16 or 32 bits to 32. */
export function signExtend32(value: number, bits: number): number {
  return (value << (32 - bits)) >> (32 - bits);
}

/** A 32-bit operation; undefined: there is no such. `offset`: the instruction's, which makes division signed (1) or a move sign-extending (8, 16). */
export function alu32(code: number, offset: number, a: number, b: number): number | undefined {
  switch (code) {
    case ALU.add:
      return (a + b) | 0;
    case ALU.sub:
      return (a - b) | 0;
    case ALU.mul:
      return Math.imul(a, b);
    case ALU.div:
      if (b === 0) return 0;
      return offset === 1 ? (a / b) | 0 : ((a >>> 0) / (b >>> 0)) | 0;
    case ALU.mod:
      if (b === 0) return a;
      return offset === 1 ? (a % b) | 0 : ((a >>> 0) % (b >>> 0)) | 0;
    case ALU.or:
      return a | b;
    case ALU.and:
      return a & b;
    case ALU.xor:
      return a ^ b;
    case ALU.lsh:
      return a << b;
    case ALU.rsh:
      return (a >>> b) | 0;
    case ALU.arsh:
      return a >> b;
    case ALU.neg:
      return -a | 0;
    case ALU.mov:
      return offset === 0 ? b : signExtend32(b, offset);
    default:
      return undefined;
  }
}

function divide(code: number, signed: boolean, a: Word, b: Word): Word {
  const [big, by] = [toBigInt(a), toBigInt(b)];
  if (by === 0n) return code === ALU.div ? { lo: 0, hi: 0 } : a;
  const [x, y] = signed ? [BigInt.asIntN(64, big), BigInt.asIntN(64, by)] : [big, by];
  return fromBigInt((code === ALU.div ? x / y : x % y) & BITS);
}

/** The upper 32 bits of the product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const [al, ah, bl, bh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = ah * bl + ((al * bl) >>> 16);
  const low = (middle & 0xffff) + al * bh;
  return (ah * bh + Math.floor(middle / 0x10000) + Math.floor(low / 0x10000)) | 0;
}

function shift(code: number, { lo, hi }: Word, count: number): Word {
  const by = count & 63;
  if (by === 0) return { lo, hi };
  if (code === ALU.lsh) return by >= 32 ? { lo: 0, hi: lo << (by - 32) } : { lo: lo << by, hi: (hi << by) | (lo >>> (32 - by)) };
  const fill = code === ALU.arsh ? hi >> 31 : 0;
  const down = (value: number, n: number) => (code === ALU.arsh ? value >> n : (value >>> n) | 0);
  return by >= 32 ? { lo: down(hi, by - 32), hi: fill } : { lo: (lo >>> by) | (hi << (32 - by)), hi: down(hi, by) };
}

/** As alu32(); a sign-extending move has 32 as well. */
export function alu64(code: number, offset: number, a: Word, b: Word): Word | undefined {
  switch (code) {
    case ALU.add: {
      const lo = (a.lo >>> 0) + (b.lo >>> 0);
      return { lo: lo | 0, hi: (a.hi + b.hi + (lo > 0xffff_ffff ? 1 : 0)) | 0 };
    }
    case ALU.sub:
      return { lo: (a.lo - b.lo) | 0, hi: (a.hi - b.hi - (a.lo >>> 0 < b.lo >>> 0 ? 1 : 0)) | 0 };
    case ALU.mul:
      return { lo: Math.imul(a.lo, b.lo), hi: (mulHigh(a.lo, b.lo) + Math.imul(a.lo, b.hi) + Math.imul(a.hi, b.lo)) | 0 };
    case ALU.div:
    case ALU.mod:
      return divide(code, offset === 1, a, b);
    case ALU.or:
      return { lo: a.lo | b.lo, hi: a.hi | b.hi };
    case ALU.and:
      return { lo: a.lo & b.lo, hi: a.hi & b.hi };
    case ALU.xor:
      return { lo: a.lo ^ b.lo, hi: a.hi ^ b.hi };
    case ALU.lsh:
    case ALU.rsh:
    case ALU.arsh:
      return shift(code, a, b.lo);
    case ALU.neg:
      return alu64(ALU.sub, 0, { lo: 0, hi: 0 }, a);
    case ALU.mov: {
      if (offset === 0) return b;
      const lo = signExtend32(b.lo, offset);
      return { lo, hi: lo >> 31 };
    }
    default:
      return undefined;
  }
}

const swap16 = (value: number) => ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
const swap32 = (value: number) => (swap16(value) << 16) | swap16(value >>> 16);

/** The byte order instructions: truncates to `bits`, and swaps the bytes if so. Undefined: no such width. */
export function byteOrder({ lo, hi }: Word, bits: number, swaps: boolean): Word | undefined {
  if (bits === 16) return { lo: swaps ? swap16(lo) : lo & 0xffff, hi: 0 };
  if (bits === 32) return { lo: swaps ? swap32(lo) : lo, hi: 0 };
  if (bits === 64) return swaps ? { lo: swap32(hi), hi: swap32(lo) } : { lo, hi };
  return undefined;
}

function below(a: Word, b: Word, signed: boolean): boolean {
  if (a.hi !== b.hi) return signed ? a.hi < b.hi : a.hi >>> 0 < b.hi >>> 0;
  return a.lo >>> 0 < b.lo >>> 0;
}

/** Whether a jump with this condition is taken; undefined: there is no such. For 32-bit jumps give words that are sign-extended. */
export function holds(code: number, a: Word, b: Word): boolean | undefined {
  switch (code) {
    case JUMP.eq:
      return a.lo === b.lo && a.hi === b.hi;
    case JUMP.ne:
      return a.lo !== b.lo || a.hi !== b.hi;
    case JUMP.set:
      return ((a.lo & b.lo) | (a.hi & b.hi)) !== 0;
    case JUMP.gt:
      return below(b, a, false);
    case JUMP.ge:
      return !below(a, b, false);
    case JUMP.lt:
      return below(a, b, false);
    case JUMP.le:
      return !below(b, a, false);
    case JUMP.sgt:
      return below(b, a, true);
    case JUMP.sge:
      return !below(a, b, true);
    case JUMP.slt:
      return below(a, b, true);
    case JUMP.sle:
      return !below(b, a, true);
    default:
      return undefined;
  }
}
