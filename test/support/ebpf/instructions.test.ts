// What each instruction of RFC 9669 does under the interpreter: written results for the edges, and arbitrary precision for random operands.
// Imports the assembler and fast-check.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { alu, alu32, atomic, callFunction, exit, jump, jump32, load, load64, loadSigned, mov, type Piece, raw, store } from './assemble.js';
import { ALU, type JUMP, toBigInt } from './word64.js';
import { runPieces } from './run-pieces.js';

const ALL = 0xffff_ffff_ffff_ffffn;
const LEAST = 0x8000_0000_0000_0000n;

/** r0 after the pieces, unsigned. */
const resultOf = (...pieces: Piece[]): bigint => toBigInt(runPieces([...pieces, exit()]).r0);
const binary = (name: keyof typeof ALU, a: bigint, b: bigint, wide: boolean, offset = 0): bigint =>
  resultOf(load64(0, a), load64(1, b), wide ? alu(name, 0, 'r1', offset) : alu32(name, 0, 'r1', offset));

type Operation = Exclude<keyof typeof ALU, 'end' | 'neg'>;

/** Name, operands, result of 64 bits, result of 32 bits; offset. */
const TABLE: readonly (readonly [Operation, bigint, bigint, bigint, bigint, number?])[] = [
  ['add', ALL, 1n, 0n, 0n],
  ['add', 0xffff_ffffn, 1n, 0x1_0000_0000n, 0n],
  ['sub', 0n, 1n, ALL, 0xffff_ffffn],
  ['sub', 0x1_0000_0000n, 1n, 0xffff_ffffn, 0xffff_ffffn],
  ['mul', ALL, ALL, 1n, 1n],
  ['mul', 0x1_0000_0001n, 0x1_0000_0001n, 0x2_0000_0001n, 1n],
  ['mul', 0xffff_ffffn, 0xffff_ffffn, 0xffff_fffe_0000_0001n, 1n],
  ['div', ALL, 2n, 0x7fff_ffff_ffff_ffffn, 0x7fff_ffffn],
  ['div', 7n, 0n, 0n, 0n],
  ['div', -7n & ALL, 2n, -3n & ALL, 0xffff_fffdn, 1],
  ['div', LEAST, ALL, LEAST, 0n, 1],
  ['div', 0x8000_0000n, ALL, -0x8000_0000n & ALL, 0x8000_0000n, 1],
  ['mod', 7n, 4n, 3n, 3n],
  ['mod', 0x7_0000_0007n, 0n, 0x7_0000_0007n, 7n],
  ['mod', -7n & ALL, 3n, -1n & ALL, 0xffff_ffffn, 1],
  ['mod', LEAST, ALL, 0n, 0n, 1],
  ['or', 0xf0f0_0000_0000_0000n, 0x0f0f_0000_0000_0001n, 0xffff_0000_0000_0001n, 1n],
  ['and', ALL, 0xff00_0000_00ffn, 0xff00_0000_00ffn, 0xffn],
  ['xor', ALL, 1n, ALL - 1n, 0xffff_fffen],
  ['lsh', 1n, 63n, LEAST, LEAST >> 32n],
  ['lsh', 1n, 64n, 1n, 1n],
  ['lsh', 0x8000_0001n, 33n, 0x2_0000_0000n, 2n],
  ['rsh', LEAST, 63n, 1n, 0n],
  ['rsh', 0x1_8000_0000n, 33n, 0n, 0x4000_0000n],
  ['rsh', ALL, 64n, ALL, 0xffff_ffffn],
  ['arsh', LEAST, 63n, ALL, 0n],
  ['arsh', LEAST, 4n, 0xf800_0000_0000_0000n, 0n],
  ['arsh', 0x8000_0000n, 36n, 0n, 0xf800_0000n],
  ['mov', 5n, ALL, ALL, 0xffff_ffffn],
  ['mov', 0n, 0x80n, 0xffff_ffff_ffff_ff80n, 0xffff_ff80n, 8],
  ['mov', 0n, 0x1_7fffn, 0x7fffn, 0x7fffn, 16],
];

/** The same, in arbitrary precision. */
function expected(name: Operation, a: bigint, b: bigint, bits: 32 | 64): bigint {
  const [x, y] = [BigInt.asUintN(bits, a), BigInt.asUintN(bits, b)];
  const count = y % BigInt(bits);
  const results: Readonly<Record<Operation, () => bigint>> = {
    add: () => x + y,
    sub: () => x - y,
    mul: () => x * y,
    div: () => (y === 0n ? 0n : x / y),
    mod: () => (y === 0n ? x : x % y),
    or: () => x | y,
    and: () => x & y,
    xor: () => x ^ y,
    lsh: () => x << count,
    rsh: () => x >> count,
    arsh: () => BigInt.asIntN(bits, x) >> count,
    mov: () => y,
  };
  return BigInt.asUintN(bits, results[name]());
}

/** Edges as often as anything between. */
const operand = fc.oneof(
  fc.bigInt({ min: 0n, max: ALL }),
  fc.constantFrom(0n, 1n, 31n, 32n, 33n, 63n, 64n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n, LEAST - 1n, LEAST, ALL),
);

describe('the interpreter: arithmetic', () => {
  for (const [name, a, b, wide, narrow, offset] of TABLE) {
    const how = offset === undefined ? '' : ` (offset ${offset})`;
    it(`${name}${how} of 0x${a.toString(16)} and 0x${b.toString(16)}`, () => {
      assert.equal(binary(name, a, b, true, offset), wide, '64 bits');
      assert.equal(binary(name, a, b, false, offset), narrow, '32 bits');
    });
  }

  for (const name of (Object.keys(ALU) as (keyof typeof ALU)[]).filter((one): one is Operation => one !== 'end' && one !== 'neg')) {
    it(`${name}, of any two numbers`, () => {
      const property = fc.property(operand, operand, (a, b) => {
        assert.equal(binary(name, a, b, true), expected(name, a, b, 64));
        assert.equal(binary(name, a, b, false), expected(name, a, b, 32));
      });
      fc.assert(property, { numRuns: 300 });
    });
  }

  it('an immediate has its sign in 64 bits, and none in the upper half of 32', () => {
    assert.equal(resultOf(mov(0, -1)), ALL);
    assert.equal(resultOf(alu32('mov', 0, -1)), 0xffff_ffffn);
    assert.equal(resultOf(mov(0, 1), alu('add', 0, -2)), ALL);
    assert.equal(resultOf(load64(0, ALL), alu32('add', 0, 1)), 0n);
  });

  it('a move extends the sign of 8, 16 or 32 bits', () => {
    const moved = (bits: number) => resultOf(load64(1, 0x8000_8080n), alu('mov', 0, 'r1', bits));
    assert.deepEqual(
      [8, 16, 32].map(moved),
      [0x80n, 0x8080n, 0x8000_8080n].map((value, i) => BigInt.asUintN(64, BigInt.asIntN([8, 16, 32][i] as number, value))),
    );
  });

  it("negation is two's complement", () => {
    assert.equal(resultOf(mov(0, 1), alu('neg', 0)), ALL);
    assert.equal(resultOf(load64(0, LEAST), alu('neg', 0)), LEAST);
    assert.equal(resultOf(load64(0, ALL), alu32('neg', 0)), 1n);
  });

  it('bytes are put in order: to little endian cut, to big endian swapped, and swapped whatever the CPU', () => {
    const value = 0x0102_0304_0506_0708n;
    const end = (opcode: number, bits: number) => resultOf(load64(0, value), raw(opcode, 0, 0, 0, bits));
    assert.deepEqual(
      [16, 32, 64].map((bits) => end(0xd4, bits)),
      [0x0708n, 0x0506_0708n, value],
    );
    for (const opcode of [0xdc, 0xd7])
      assert.deepEqual(
        [16, 32, 64].map((bits) => end(opcode, bits)),
        [0x0807n, 0x0807_0605n, 0x0807_0605_0403_0201n],
      );
  });
});

type Condition = Exclude<keyof typeof JUMP, 'always' | 'call' | 'exit'>;
const CONDITIONS: Readonly<Record<Condition, (a: bigint, b: bigint, bits: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  set: (a, b) => (a & b) !== 0n,
  sgt: (a, b, bits) => BigInt.asIntN(bits, a) > BigInt.asIntN(bits, b),
  sge: (a, b, bits) => BigInt.asIntN(bits, a) >= BigInt.asIntN(bits, b),
  slt: (a, b, bits) => BigInt.asIntN(bits, a) < BigInt.asIntN(bits, b),
  sle: (a, b, bits) => BigInt.asIntN(bits, a) <= BigInt.asIntN(bits, b),
};

describe('the interpreter: jumps', () => {
  const jumps = (piece: Piece, a: bigint, b: bigint): boolean => resultOf(load64(1, a), load64(2, b), mov(0, 1), piece, mov(0, 0)) === 1n;

  for (const [name, holds] of Object.entries(CONDITIONS) as [Condition, (typeof CONDITIONS)[Condition]][]) {
    it(`${name}, of any two numbers`, () => {
      const equalOften = fc.oneof(
        fc.tuple(operand, operand),
        operand.map((a): [bigint, bigint] => [a, a]),
      );
      const property = fc.property(equalOften, ([a, b]) => {
        assert.equal(jumps(jump(name, 1, 'r2', 1), a, b), holds(a, b, 64), '64 bits');
        const [low, other] = [a & 0xffff_ffffn, b & 0xffff_ffffn];
        assert.equal(jumps(jump32(name, 1, 'r2', 1), a, b), holds(low, other, 32), '32 bits');
      });
      fc.assert(property, { numRuns: 300 });
    });
  }

  it('an immediate is compared with its sign', () => {
    assert.equal(jumps(jump('eq', 1, -1, 1), ALL, 0n), true);
    assert.equal(jumps(jump('eq', 1, -1, 1), 0xffff_ffffn, 0n), false);
    assert.equal(jumps(jump32('eq', 1, -1, 1), 0x5_ffff_ffffn, 0n), true);
    assert.equal(jumps(jump('gt', 1, -1, 1), ALL, 0n), false);
  });

  it('go by the offset, and long ones by the immediate', () => {
    assert.equal(resultOf(mov(0, 1), raw(0x05, 0, 0, 1), mov(0, 2)), 1n);
    assert.equal(resultOf(mov(0, 1), raw(0x06, 0, 0, 0, 1), mov(0, 2)), 1n);
  });

  it('a loop ends', () => {
    assert.equal(resultOf(mov(0, 0), mov(1, 100), alu('add', 0, 'r1'), alu('sub', 1, 1), jump('ne', 1, 0, -3)), 5050n);
  });

  it('a function gets its arguments and gives a result; the caller keeps r6 to r10', () => {
    const program = [
      mov(6, 5),
      mov(1, 3),
      callFunction(2),
      alu('add', 0, 'r6'),
      exit(),
      mov(6, 9),
      mov(0, 'r1'),
      alu('mul', 0, 'r6'),
      exit(),
    ];
    assert.equal(toBigInt(runPieces(program).r0), 32n);
  });
});

describe('the interpreter: memory', () => {
  const patterns: readonly (readonly [1 | 2 | 4 | 8, bigint, bigint])[] = [
    [1, 0x88n, 0xffff_ffff_ffff_ff88n],
    [2, 0x7788n, 0x7788n],
    [4, 0x8566_7788n, 0xffff_ffff_8566_7788n],
  ];
  const written = load64(1, 0x1122_3344_8566_7788n);

  for (const [size, zero, sign] of patterns) {
    it(`${size} bytes are loaded with zeros or the sign in front`, () => {
      const all = [written, store(8, 10, -8, 'r1')];
      assert.equal(resultOf(...all, load(size, 0, 10, -8)), zero);
      assert.equal(resultOf(...all, loadSigned(size, 0, 10, -8)), sign);
    });
  }

  it('stores write their bytes and no other', () => {
    const stored = (...stores: Piece[]) => resultOf(store(8, 10, -8, 0), ...stores, load(8, 0, 10, -8));
    assert.equal(stored(store(1, 10, -7, -1)), 0xff00n);
    assert.equal(stored(written, store(2, 10, -6, 'r1')), 0x7788_0000n);
    assert.equal(stored(written, store(4, 10, -4, 'r1')), 0x8566_7788_0000_0000n);
    assert.equal(stored(store(4, 10, -8, -2)), 0xffff_fffen);
    assert.equal(stored(store(8, 10, -8, -2)), ALL - 1n);
    assert.equal(stored(written, store(8, 10, -8, 'r1')), 0x1122_3344_8566_7788n);
  });

  it('unaligned accesses are like others', () => {
    assert.equal(resultOf(store(8, 10, -16, 0), store(8, 10, -8, 0), written, store(8, 10, -13, 'r1'), load(4, 0, 10, -12)), 0x44_8566_77n);
  });

  const DOUBLE = 0x1_0000_0000n;
  /** Memory and r0 (the register fetched) after an atomic instruction on `before` with `value`. */
  function atomically(
    what: Parameters<typeof atomic>[0],
    size: 4 | 8,
    before: bigint,
    value: bigint,
    fetch: boolean,
    r0 = 0n,
  ): [bigint, bigint] {
    const around = [load64(1, before), store(8, 10, -8, 'r1'), load64(2, value), load64(0, r0), atomic(what, size, 10, -8, 2, fetch)];
    const fetched = what === 'compareExchange' ? [] : [mov(0, 'r2')];
    return [resultOf(...around, load(8, 0, 10, -8)), resultOf(...around, ...fetched)];
  }

  it('atomic instructions change memory, and fetch what stood there', () => {
    assert.deepEqual(atomically('add', 8, 0xffff_ffffn, 1n, true), [DOUBLE, 0xffff_ffffn]);
    assert.deepEqual(atomically('add', 8, 5n, ALL, false), [4n, ALL]);
    assert.deepEqual(atomically('add', 4, 0x7_ffff_ffffn, 1n, true), [0x7_0000_0000n, 0xffff_ffffn]);
    assert.deepEqual(atomically('or', 8, 0x10n, 0x01n, true), [0x11n, 0x10n]);
    assert.deepEqual(atomically('and', 8, 0x13n, 0x11n, true), [0x11n, 0x13n]);
    assert.deepEqual(atomically('xor', 4, 0x13n, 0x11n, true), [0x02n, 0x13n]);
    assert.deepEqual(atomically('exchange', 8, 3n, DOUBLE, false), [DOUBLE, 3n]);
    assert.deepEqual(atomically('exchange', 4, 0x7_0000_0003n, 0x9_0000_0004n, false), [0x7_0000_0004n, 3n]);
  });

  it('compare and exchange writes only where the expected stands', () => {
    assert.deepEqual(atomically('compareExchange', 8, 3n, 4n, false, 3n), [4n, 3n]);
    assert.deepEqual(atomically('compareExchange', 8, 3n + DOUBLE, 4n, false, 3n), [3n + DOUBLE, 3n + DOUBLE]);
    assert.deepEqual(atomically('compareExchange', 4, 3n + DOUBLE, 4n, false, 3n), [4n + DOUBLE, 3n]);
    assert.deepEqual(atomically('compareExchange', 4, 2n, 4n, false, 3n), [2n, 2n]);
  });
});
