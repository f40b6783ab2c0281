// What is read from an object: maps and their types, functions, calls and constants, as clang wrote them; and that such an object runs.
// Imports the snippet compiler and the interpreter. Needs clang.

import assert from 'node:assert/strict';
import { compileSnippet } from './compile-snippet.js';
import { parseElf } from './elf.js';
import { Machine } from './machine.js';
import { parseObject, programsOf } from './object.js';
import { INGRESS, makeMaps, PACKET, WINDOWS } from './run-pieces.js';

const SOURCE = `
typedef struct { u32 a; unsigned char b[6]; } pair;
struct inner { __uint(type, 2); __uint(max_entries, 5); __type(key, u32); __type(value, const pair); };
struct { __uint(type, 7); __uint(max_entries, 3); __type(key, u32); __array(values, struct inner); } outer SEC(".maps");
struct { __uint(type, 1); __uint(max_entries, 9); __uint(key_size, 12); __uint(value_size, 20); __uint(map_flags, 1); __uint(pinning, 1); } sized SEC(".maps");
static const volatile int numbers[4] = { 10, 20, 30, 40 };
static __attribute__((noinline)) int quiet(u32 n) { return numbers[n & 3]; }
NOINLINE int loud(struct ctx *ctx) { u32 key = ctx->ifindex; u64 *value = lookup(&table, &key); return value ? (int)*value + quiet(key) : -1; }
SEC("xdp") int program(struct ctx *ctx) { return loud(ctx) + quiet(ctx->ifindex + 1); }
SEC("xdp/second") int second(struct ctx *ctx) { return 5; }
`;

describe('a BPF object', () => {
  let object: ReturnType<typeof compileSnippet>;
  before(() => {
    object = compileSnippet(SOURCE);
  });

  it('tells its maps with sizes, flags, pinning and inner maps', () => {
    const plain = { flags: 0, pinned: false, inner: undefined, unknown: [] };
    const inner = { ...plain, name: "outer's inner", type: 2, keySize: 4, valueSize: 12, maxEntries: 5 };
    const byName = [...object.maps].sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(byName, [
      { ...plain, name: 'outer', type: 7, keySize: 4, valueSize: 4, maxEntries: 3, inner },
      { ...plain, name: 'sized', type: 1, keySize: 12, valueSize: 20, maxEntries: 9, flags: 1, pinned: true },
      { ...plain, name: 'table', type: 2, keySize: 4, valueSize: 2008, maxEntries: 4 },
    ]);
  });

  it('tells its programs and functions', () => {
    assert.deepEqual(
      programsOf(object)
        .map(({ name, section }) => `${section} ${name}`)
        .sort(),
      ['xdp program', 'xdp/second second'],
    );
    assert.deepEqual(object.functions.map(({ name }) => name).sort(), ['loud', 'program', 'quiet', 'second']);
    for (const { start, end } of object.functions) assert.ok(end > start && object.code.readUInt8((end - 1) * 8) === 0x95);
  });

  it('runs: a call by relocation and one without, a map, and constants', () => {
    const maps = makeMaps({ name: 'table', type: 'array', keySize: 4, valueSize: 2008, maxEntries: 9 });
    const value = maps.get('table')?.take(Buffer.from(Uint32Array.of(INGRESS).buffer))?.value;
    value?.writeUInt32LE(1000);
    const entry = programsOf(object).find(({ name }) => name === 'program')?.start as number;
    const { result } = new Machine(object, WINDOWS).run({ packet: PACKET, ingressIfindex: INGRESS, entry, maps });
    assert.equal(result, 1000 + 40 + 10);
  });

  it('is refused when it is something else, and says what', () => {
    assert.throws(() => parseObject(Buffer.from('#!/bin/sh\n'.repeat(20))), /not an ELF file/);
    const elf = Buffer.alloc(64);
    elf.writeUInt32BE(0x7f454c46);
    assert.throws(() => parseElf(elf), /not a 64-bit little-endian ELF file/);
    elf.set([2, 1], 4);
    elf.writeUInt16LE(62, 18);
    assert.throws(() => parseElf(elf), /for machine 62, not for BPF/);
    elf.writeUInt16LE(247, 18);
    assert.throws(() => parseElf(elf), /section/);
  });
});
