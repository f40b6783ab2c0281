// Each rule of the profile check, by a program that breaks it and no other; and what each leaves alone.
// Imports the snippet compiler. Needs clang.

import assert from 'node:assert/strict';
import { alu, assemble, exit, mov, type Piece, raw, store } from './assemble.js';
import { compileSnippet } from './compile-snippet.js';
import { examineFunction } from './dataflow.js';
import { decode } from './instructions.js';
import { checkWindowsProfile, type WindowsFlavour } from './profile-check.js';

const PLAIN = 'SEC("xdp") int program(struct ctx *ctx) { return ctx->ifindex == 7 ? 1 : 2; }';
/** A program whose body is this. */
const body = (text: string, before = '') => `${before}\nSEC("xdp") int program(struct ctx *ctx) { ${text} }`;
const faultsOf = (source: string, flavour: WindowsFlavour = 'native', options?: readonly string[]) =>
  checkWindowsProfile(compileSnippet(source, options), flavour);
const map = (members: string) => `struct { ${members} } m SEC(".maps");`;
const ARRAY = '__uint(max_entries, 1); __type(key, u32); __type(value, u32);';
const find = 'u32 key = 0; u64 *value = lookup(&table, &key); if (!value) return 2;';

/** Title, what is said (each line), source, and what differs from a native object with types. */
const BROKEN: readonly (readonly [
  string,
  readonly RegExp[],
  string,
  { readonly flavour?: WindowsFlavour; readonly options?: readonly string[] }?,
])[] = [
  [
    'a helper that is not there',
    [/^program\+\d+: calls helper 44, which is not there$/],
    body('return ((int (*)(void *, int))44)(ctx, 0);'),
  ],
  ["the process's helper", [/calls helper 19,/], body('return ((int (*)(void))19)();')],
  [
    'csum_diff',
    [/calls helper 10, csum_diff, which sums otherwise/],
    body('return ((int (*)(void *, int, void *, int, int))10)(0, 0, 0, 0, 0);'),
  ],
  ["a map type of Linux'", [/^map m: there is no type 27$/], map(`__uint(type, 27); __uint(max_entries, 4096);`) + PLAIN],
  ['flags of a map', [/^map m: flags 0x400, of which there are none$/], map(`__uint(type, 2); __uint(map_flags, 1024); ${ARRAY}`) + PLAIN],
  [
    'flags of an inner map',
    [/^map m's inner: flags 0x400/],
    `struct inner { __uint(type, 2); __uint(map_flags, 1024); ${ARRAY} }; ${map('__uint(type, 7); __uint(max_entries, 2); __type(key, u32); __array(values, struct inner);')}${PLAIN}`,
  ],
  ['what nobody reads of a map', [/^map m: 'numa_node' is not read$/], map(`__uint(type, 2); __uint(numa_node, 1); ${ARRAY}`) + PLAIN],
  [
    'a function of another object',
    [/^program\+\d+: relocation of type 10 to elsewhere, which is neither/],
    body('return elsewhere(ctx);', 'int elsewhere(void *);'),
  ],
  ['a variable of another object', [/relocation of type 1 to elsewhere/], body('return elsewhere;', 'extern int elsewhere;')],
  ["a section of Linux'", [/^section xdp\.frags: no program type of that name; xdp is$/], PLAIN.replace('"xdp"', '"xdp.frags"')],
  ['another program type', [/^section tc:/], PLAIN.replace('"xdp"', '"tc"')],
  ['no program at all', [/^no program$/], 'NOINLINE int function(struct ctx *ctx) { return 1; }'],
  [
    'maps of the old kind',
    [/^section maps: maps are declared in \.maps$/],
    `struct { u32 type, key, value, max; } old SEC("maps") = { 2, 4, 4, 1 };${PLAIN}`,
  ],
  ['a variable', [/^section \.bss: there are no global variables$/], body('return count++;', 'static volatile int count;')],
  [
    'a table of constants',
    [/^section \.rodata: there are no global variables$/],
    body('return numbers[ctx->ifindex & 7];', 'static const volatile int numbers[8] = { 9, 4, 7, 1, 3, 5, 8, 2 };'),
  ],
  ['no types', [/^no section \.BTF/], PLAIN, { options: [] }],
  [
    'an atomic instruction, just in time',
    [/^program\+\d+: an atomic instruction, which the just-in-time compiler has not$/],
    body(`${find} __sync_fetch_and_add(value, 1); return 1;`),
    { flavour: 'jit' },
  ],
  [
    'an instruction of version 4',
    [/^program\+0: opcode 0x6 \(offset 0\) is none of -mcpu=v1 to v3$/],
    body('asm volatile(".8byte 0x6"); return 1;'),
  ],
  ['a sign-extending load', [/opcode 0x91 /], body('asm volatile(".8byte 0x1a91"); return 1;')],
  ['a signed division', [/opcode 0x37 \(offset 1\)/], body('asm volatile(".8byte 0x0000000200010037"); return 1;')],
  ['a byte swap', [/opcode 0xd7 /], body('asm volatile(".8byte 0x00000010000000d7"); return 1;')],
  [
    'a function called without a relocation',
    [/^caller\+\d+: a call of a function without a relocation, as of static ones$/],
    body(
      'return caller(ctx);',
      'static __attribute__((noinline)) int quiet(u32 n) { return *(volatile u32 *)&n; } NOINLINE int caller(struct ctx *ctx) { return quiet(ctx->queue) + 1; }',
    ),
  ],
  [
    'a function that calls itself',
    [/^again: calls itself, perhaps by others$/],
    body('return again(ctx, 3);', 'NOINLINE int again(struct ctx *ctx, int n) { return n ? again(ctx, n - 1) + again(ctx, n - 2) : 1; }'),
  ],
  [
    'nine frames',
    [/^program: calls go 9 functions deep, 8 may be$/],
    body(
      'return f8(ctx) + 1;',
      `NOINLINE int f1(struct ctx *ctx) { return ctx->queue; }${[1, 2, 3, 4, 5, 6, 7].map((n) => `NOINLINE int f${n + 1}(struct ctx *ctx) { return f${n}(ctx) + ${n}; }`).join('')}`,
    ),
  ],
  [
    "a remainder that moves a pointer into a map's value",
    [/^program\+\d+: a remainder moves a pointer into a map's value, whose bound is then lost$/],
    body(`${find} return value[ctx->queue % 251];`),
  ],
  [
    'such a remainder that was on the stack, as what it is multiplied to',
    [/a remainder moves a pointer/],
    body(`${find} volatile u64 kept = ctx->queue % 83; return *(u32 *)((void *)value + kept * 24);`),
  ],
  [
    'half a pointer, as of a length that is computed in 32 bits, also in a function',
    [/^length\+\d+: a 32-bit instruction takes half of a pointer$/],
    body('return length(ctx);', 'NOINLINE int length(struct ctx *ctx) { return (u32)(ctx->data_end - ctx->data); }'),
  ],
  [
    "a remainder that moves a map's value in another function",
    [/^inside\+\d+: a remainder moves a pointer/],
    body(`${find} return inside(value, ctx->queue);`, 'NOINLINE u32 inside(u64 *value, u32 hash) { return value[hash % 83]; }'),
  ],
];

describe('the profile check', function () {
  this.timeout(60_000);

  for (const [title, wanted, source, { flavour, options } = {}] of BROKEN) {
    it(`finds ${title}`, () => {
      const faults = faultsOf(source, flavour, options);
      assert.equal(faults.length, wanted.length, faults.join('\n'));
      for (const [i, pattern] of wanted.entries()) assert.match(faults[i] as string, pattern);
    });
  }

  const SOUND: readonly (readonly [string, string])[] = [
    ['a plain program', PLAIN],
    ['atomic instructions in a native driver', body(`${find} return __sync_val_compare_and_swap(value, 1, 2);`)],
    [
      'a remainder as the key of an array',
      body('u32 key = ctx->queue % 251; u64 *value = lookup(&table, &key); return value ? *value : 2;'),
    ],
    [
      'a remainder that is compared with its bound',
      body(`${find} u32 at = ctx->queue % 251; asm volatile("" : "+r"(at)); if (at > 250) return 2; return value[at];`),
    ],
    ['a mask instead of a remainder', body(`${find} return value[ctx->queue % 128];`)],
    [
      'eight frames',
      body(
        'return f7(ctx) + 1;',
        `NOINLINE int f1(struct ctx *ctx) { return ctx->queue; }${[1, 2, 3, 4, 5, 6].map((n) => `NOINLINE int f${n + 1}(struct ctx *ctx) { return f${n}(ctx) + ${n}; }`).join('')}`,
      ),
    ],
    [
      'a map of maps',
      `struct inner { __uint(type, 2); ${ARRAY} }; ${map('__uint(type, 7); __uint(max_entries, 2); __type(key, u32); __array(values, struct inner);')}${PLAIN}`,
    ],
  ];
  for (const [title, source] of SOUND) {
    it(`lets pass ${title}`, () => assert.deepEqual(faultsOf(source), []));
  }

  it('knows how far down its stack a function reaches, by accesses and by what it passes on', () => {
    const bytes = (...pieces: readonly Piece[]) => {
      const object = assemble(...pieces, mov(0, 1), exit());
      return examineFunction(object, decode(object), { start: 0, end: object.code.length / 8 }).stackBytes;
    };
    assert.equal(bytes(), 0);
    assert.equal(bytes(store(8, 10, -520, 0)), 520);
    assert.equal(bytes(mov(1, 'r10'), alu('add', 1, -24)), 24);
    assert.equal(bytes(mov(1, 'r10'), alu('add', 1, -16), store(4, 1, -20, 0)), 36);
  });

  it('knows a remainder by the instruction that newer compilers use', () => {
    const looked = [mov(1, 5), raw(0x85, 0, 0, 0, 1), mov(1, 77)];
    const object = assemble(...looked, alu('mod', 1, 251), alu('lsh', 1, 3), alu('add', 0, 'r1'), exit());
    const facts = examineFunction(object, decode(object), { start: 0, end: object.code.length / 8 });
    assert.deepEqual(facts.moduloOnValue, [looked.length + 2]);
  });

  it('finds more than 512 bytes of stack', () => {
    const object = compileSnippet(PLAIN);
    const deep = assemble(store(8, 10, -520, 0), mov(0, 1), exit());
    const faults = (pieces: typeof deep) => checkWindowsProfile({ ...object, ...pieces }, 'native');
    assert.deepEqual(faults(deep), ['program: 520 bytes of stack, there are 512']);
    assert.deepEqual(faults(assemble(store(8, 10, -512, 0), mov(0, 1), exit())), []);
  });
});
