// Maps as a program sees them under the interpreter, and whoever holds a BpfMap of the same at the same time.
// Imports the assembler and platform/fake's maps.

import assert from 'node:assert/strict';
import { FakeKernel, type FakeMapSpec } from '../../../platform/fake/index.js';
import { FakeMap } from '../../../platform/fake/map.js';
import { openFakeRing } from '../../../platform/fake/ring.js';
import { alu, callHelper, exit, jump, load, load64, mov, type Piece, store } from './assemble.js';
import { runPieces } from './run-pieces.js';

const [LOOKUP, UPDATE, DELETE, OUTPUT] = [1, 2, 3, 11];
const [ANY, ABSENT, PRESENT] = [0, 1, 2];
const [ENOENT, E2BIG, EAGAIN, EEXIST, EINVAL] = [-2, -7, -11, -17, -22];

const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);

/** A map `m` with a handle, and programs that use it. */
function world(given: Partial<FakeMapSpec> = {}) {
  const kernel = new FakeKernel({ cpus: 1 });
  const object = kernel.addMap({ name: 'm', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 2, ...given });
  const map = new FakeMap(kernel, object);
  const run = (...pieces: Piece[]): number => runPieces([...pieces, exit()], { maps: new Map([['m', object]]) }).result;
  const table = load64(1, { kind: 'map', name: 'm' });
  /** Keys of 4 bytes; prefixes with 4 more. */
  const key = (first: number, second?: number) => [
    store(4, 10, -16, first),
    ...(second === undefined ? [] : [store(4, 10, -12, second)]),
    table,
    mov(2, 'r10'),
    alu('add', 2, -16),
  ];
  const value = [mov(3, 'r10'), alu('add', 3, -8)];
  return {
    kernel,
    map,
    object,
    run,
    lookup: (first: number, second?: number) =>
      run(...key(first, second), callHelper(LOOKUP), jump('ne', 0, 0, 2), mov(0, -1), exit(), load(4, 0, 0)),
    update: (first: number, content: number, flags = ANY) =>
      run(store(8, 10, -8, content), ...key(first), ...value, mov(4, flags), callHelper(UPDATE)),
    remove: (first: number) => run(...key(first), callHelper(DELETE)),
    /** Adds to the value in place. */
    add: (first: number, more: number) =>
      run(...key(first), callHelper(LOOKUP), load(8, 1, 0), alu('add', 1, more), store(8, 0, 0, 'r1'), mov(0, 0)),
    output: (bytes: number) =>
      run(
        store(8, 10, -8, 0x77),
        load64(1, { kind: 'map', name: 'm' }),
        mov(2, 'r10'),
        alu('add', 2, -8),
        mov(3, bytes),
        mov(4, 0),
        callHelper(OUTPUT),
      ),
  };
}

describe("the interpreter's maps", () => {
  it('a hash: what either side writes the other reads, in place', () => {
    const { map, lookup, update, add, remove } = world();
    assert.equal(lookup(7), -1);
    map.update(u32(7), u64(40));
    assert.equal(lookup(7), 40);
    add(7, 2);
    assert.deepEqual(map.lookup(u32(7)), u64(42));
    assert.equal(update(8, 5), 0);
    assert.deepEqual(map.lookup(u32(8)), u64(5));
    assert.equal(remove(7), 0);
    assert.equal(remove(7), ENOENT);
    assert.equal(map.lookup(u32(7)), undefined);
  });

  it("a hash refuses as the kernel's does", () => {
    const { update } = world();
    assert.equal(update(1, 5, PRESENT), ENOENT);
    assert.equal(update(1, 5, ABSENT), 0);
    assert.equal(update(1, 6, ABSENT), EEXIST);
    assert.equal(update(1, 6, 3), EINVAL);
    assert.equal(update(2, 5), 0);
    assert.equal(update(3, 5), E2BIG);
  });

  it('an LRU hash makes room', () => {
    const { map, update, lookup } = world({ type: 'lru_hash' });
    assert.deepEqual([update(1, 5), update(2, 6), update(3, 7)], [0, 0, 0]);
    assert.deepEqual([lookup(1), lookup(2), lookup(3)], [-1, 6, 7]);
    assert.equal(map.lookup(u32(1)), undefined);
  });

  it('an array has all its entries, zero at first, and no other', () => {
    const { map, update, lookup, add, remove } = world({ type: 'array' });
    assert.deepEqual([lookup(1), lookup(2)], [0, -1]);
    add(1, 3);
    assert.deepEqual(map.lookup(u32(1)), u64(3));
    assert.deepEqual([update(1, 9), update(1, 9, ABSENT), update(2, 9), remove(1)], [0, EEXIST, E2BIG, EINVAL]);
    assert.deepEqual(map.lookup(u32(1)), u64(9));
  });

  it('a per-CPU array gives the value of its one CPU', () => {
    const { map, add, lookup } = world({ type: 'percpu_array', valueSize: 12 });
    add(0, 4);
    assert.equal(lookup(0), 4);
    assert.equal(map.lookup(u32(0))?.length, 16);
  });

  it('a trie finds the longest prefix, in the order of bits', () => {
    const { map, lookup } = world({ type: 'lpm_trie', keySize: 8, maxEntries: 9 });
    const prefix = (length: number, ...bytes: number[]) => Buffer.concat([u32(length), Buffer.from(bytes)]);
    map.update(prefix(8, 10, 0, 0, 0), u64(8));
    map.update(prefix(15, 10, 2, 0, 0), u64(15));
    map.update(prefix(32, 10, 2, 0, 1), u64(32));
    const find = (...bytes: number[]) => lookup(32, Buffer.from(bytes).readInt32LE());
    assert.deepEqual([find(10, 2, 0, 1), find(10, 2, 0, 2), find(10, 3, 9, 9), find(10, 4, 0, 1), find(11, 2, 0, 1)], [32, 15, 15, 8, -1]);
    assert.equal(lookup(14, Buffer.from([10, 2, 0, 1]).readInt32LE()), 8, 'no prefix longer than the key');
    map.update(prefix(0, 0, 0, 0, 0), u64(1));
    assert.equal(find(11, 2, 0, 1), 1);
  });

  it('a map of maps gives the inner map, to look up in', async () => {
    const { kernel, map, run } = world({ type: 'array_of_maps', valueSize: 4 });
    const inner = new FakeMap(kernel, kernel.addMap({ name: 'inner', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 }));
    inner.update(u32(0), u64(99));
    const through = (index: number): number =>
      run(
        store(4, 10, -4, index),
        load64(1, { kind: 'map', name: 'm' }),
        mov(2, 'r10'),
        alu('add', 2, -4),
        callHelper(LOOKUP),
        jump('ne', 0, 0, 2),
        mov(0, -1),
        exit(),
        mov(1, 'r0'),
        store(4, 10, -4, 0),
        mov(2, 'r10'),
        alu('add', 2, -4),
        callHelper(LOOKUP),
        load(4, 0, 0),
      );
    assert.equal(through(1), -1);
    await map.setInner([{ key: u32(1), inner }]);
    assert.equal(through(1), 99);
    assert.equal(through(2), -1);
  });

  it('a ring buffer takes records until it is full', () => {
    const { map, output } = world({ type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 32 });
    assert.deepEqual([output(8), output(8)], [0, EAGAIN]);
    assert.deepEqual(openFakeRing(map).take(9), [u64(0x77)]);
    assert.equal(output(5), 0);
  });
});
