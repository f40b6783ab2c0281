// What the interpreter does not let pass: each test is one thing that a verifier would refuse, or memory that is not the program's.
// Imports the assembler.

import assert from 'node:assert/strict';
import {
  alu,
  alu32,
  assemble,
  atomic,
  callFunction,
  callHelper,
  exit,
  jump,
  load,
  load64,
  mov,
  type Piece,
  raw,
  store,
} from './assemble.js';
import { linuxProfile } from './linux.js';
import type { Runnable } from './machine.js';
import { Fault } from './memory.js';
import { type Given, makeMaps, PACKET, runObject, runPieces } from './run-pieces.js';

const [LOOKUP, ADJUST_HEAD] = [1, 65536];
const MAPS = makeMaps({ name: 'table', type: 'array', keySize: 4, valueSize: 8, maxEntries: 2 });
const table = load64(1, { kind: 'map', name: 'table' });
/** r2: the packet; r3: its end. */
const packet = [load(8, 2, 1, 0), load(8, 3, 1, 8)];
/** r0: the value at index 1. */
const lookedUp = [store(4, 10, -4, 1), table, mov(2, 'r10'), alu('add', 2, -4), callHelper(LOOKUP)];
const done = [mov(0, 0), exit()];

function refused(pieces: readonly Piece[], expected: RegExp, given: Given = {}): void {
  assert.throws(
    () => runPieces(pieces, { maps: MAPS, ...given }),
    (error: unknown) => error instanceof Fault && expected.test(error.message),
    String(expected),
  );
}

function passes(pieces: readonly Piece[], given: Given = {}): void {
  runPieces([...pieces, ...done], { maps: MAPS, ...given });
}

describe('the interpreter refuses, of memory,', () => {
  it('what is before or behind the packet, by a byte', () => {
    passes([...packet, load(1, 4, 2, 0), load(1, 4, 3, -1), load(8, 4, 2, PACKET.length - 8)]);
    refused([...packet, load(1, 4, 3, 0)], /^program\+2: read of 1 bytes at offset 320 of the packet, which reaches from 256 to 320$/);
    refused([...packet, load(2, 4, 3, -1)], /read of 2 bytes at offset 319 of the packet/);
    refused([...packet, load(1, 4, 2, -1)], /read of 1 bytes at offset 255 of the packet/);
    refused([...packet, store(4, 3, -3, 0)], /^program\+2: write of 4 bytes at offset 317 of the packet/);
  });

  it('a pointer that went astray by arithmetic, however far', () => {
    refused([...packet, alu('add', 2, 0x7fff_0000), load(1, 4, 2)], /outside|of the packet/);
    refused([...packet, alu('lsh', 2, 1), load(1, 4, 2)], /no pointer/);
    refused([...packet, alu32('add', 2, 0), load(1, 4, 2)], /which is no pointer/);
  });

  it('a number as a pointer', () => {
    refused([mov(1, 0), load(8, 0, 1)], /read of 8 bytes at 0x0000000000000000, which is no pointer/);
    refused([load64(1, 0x1234_5678_9abc_def0n), store(1, 1, 0, 0)], /write of 1 bytes at 0x123456789abcdef0, which is no pointer/);
  });

  it('what is below or above the stack of 512 bytes', () => {
    passes([store(8, 10, -512, 0), load(8, 0, 10, -512)]);
    refused([store(8, 10, -513, 0)], /write of 8 bytes at offset -1 of the stack, which reaches from 0 to 512/);
    refused([store(8, 10, -7, 0)], /of the stack/);
    refused([load(1, 0, 10, 0)], /of the stack/);
  });

  it('bytes of the stack that nobody wrote, also as the argument of a helper', () => {
    refused([load(1, 0, 10, -8)], /read of 1 bytes at offset 504 of the stack, of which byte 504 was never written/);
    refused([store(4, 10, -8, 0), load(8, 0, 10, -8)], /of which byte 508 was never written/);
    refused([store(2, 10, -4, 0), table, mov(2, 'r10'), alu('add', 2, -4), callHelper(LOOKUP)], /of which byte 510 was never written/);
  });

  it("a function's stack after its end", () => {
    const outlives = [callFunction(2), load(8, 0, 0, -8), exit(), store(8, 10, -8, 7), mov(0, 'r10'), exit()];
    refused(outlives, /^program\+1: .* of the stack, nothing of which may be accessed$/);
    const lends = [mov(1, 'r10'), callFunction(2), load(8, 0, 10, -8), exit(), store(8, 1, -8, 7), mov(0, 0), exit()];
    assert.equal(runPieces(lends).result, 7);
  });

  it('what is behind a value of a map, and a value that is not there', () => {
    passes([...lookedUp, store(8, 0, 0, 5), load(8, 1, 0)]);
    refused([...lookedUp, load(1, 1, 0, 8)], /read of 1 bytes at offset 8 of a value of map table, which reaches from 0 to 8/);
    refused([...lookedUp, store(4, 0, -1, 0)], /of a value of map table/);
    refused([store(4, 10, -4, 2), ...lookedUp.slice(1), load(1, 1, 0)], /at 0x0000000000000000, which is no pointer/);
  });

  it('a map itself', () => {
    refused([table, load(8, 0, 1)], /of map table, nothing of which may be accessed/);
  });

  it('to write the context, to read behind it, or parts of its pointers', () => {
    passes([load(4, 0, 1, 24)]);
    refused([store(4, 1, 24, 0)], /write of 4 bytes at offset 24 of the context, which is read-only/);
    refused([load(8, 0, 1, 28)], /of the context, which reaches from 0 to 32/);
    refused([load(4, 0, 1, 4)], /that is part of a pointer/);
    refused([load(8, 0, 1, 4)], /that is part of a pointer/);
  });

  it('pointers of 8 bytes in the context of Linux', () => {
    const profile = linuxProfile({ now: () => 0, nanoseconds: () => 0n });
    passes([load(4, 2, 1, 0), load(4, 3, 1, 4), load(1, 0, 3, -1)], { profile });
    refused([load(8, 2, 1, 0)], /that is part of a pointer/, { profile });
  });

  it('the packet by a pointer from before its beginning moved', () => {
    const moved = [mov(6, 'r1'), load(8, 7, 1, 0), mov(2, -14), callHelper(ADJUST_HEAD)];
    passes([...moved, load(8, 7, 6, 0), store(2, 7, 0, 1), load(1, 0, 7, 13)]);
    refused([...moved, load(1, 0, 7)], /of the packet, nothing of which may be accessed/);
  });

  it('to write constants', () => {
    const constant = load64(1, { kind: 'data', section: '.rodata', offset: 2 });
    const object = (...pieces: Piece[]): Runnable => ({ ...assemble(...pieces), data: new Map([['.rodata', Buffer.from([1, 2, 3, 4])]]) });
    assert.equal(runObject(object(constant, load(2, 0, 1), exit())).result, 0x0403);
    assert.throws(() => runObject(object(constant, store(1, 1, 0, 0))), /write of 1 bytes at offset 2 of \.rodata, which is read-only/);
    assert.throws(() => runObject(object(constant, load(4, 0, 1))), /of \.rodata, which reaches from 0 to 4/);
  });

  it('atomic instructions on addresses that are not aligned', () => {
    refused(
      [mov(1, 1), store(8, 10, -16, 0), store(8, 10, -8, 0), atomic('add', 8, 10, -12, 1)],
      /atomic access of 8 bytes .* not aligned/,
    );
  });
});

describe('the interpreter refuses, of the program,', () => {
  it('to read a register that nobody has set', () => {
    refused([mov(0, 'r6'), exit()], /^program\+0: reads r6, which nobody has set$/);
    refused([exit()], /ends without a result in r0/);
    refused([mov(7, 1), jump('eq', 7, 'r8', 0)], /reads r8/);
    refused([mov(2, 1), raw(0xdb, 10, 2, -8, 0xf1)], /reads r0/);
  });

  it('to use the registers of arguments after a call, or those of the caller', () => {
    refused([...lookedUp, mov(0, 'r1')], /reads r1/);
    refused([mov(6, 1), callFunction(1), exit(), mov(0, 'r6'), exit()], /reads r6/);
    refused([mov(1, 1), callFunction(2), mov(0, 'r1'), exit(), mov(0, 0), exit()], /reads r1/);
  });

  it('a helper that is not there, or without its arguments', () => {
    refused([callHelper(44)], /calls helper 44, which eBPF for Windows has not/);
    refused([mov(1, 0), callHelper(LOOKUP)], /calls map_lookup_elem without an argument 2/);
  });

  it('a number as a map, and another pointer as the context', () => {
    refused([mov(1, 0), mov(2, 'r10'), callHelper(LOOKUP)], /argument 1 is 0x0+, which is no map/);
    refused([table, alu('add', 1, 8), mov(2, 'r10'), callHelper(LOOKUP)], /argument 1 is 0x\w+, which is no map/);
    refused([mov(1, 'r10'), mov(2, 0), callHelper(ADJUST_HEAD)], /not the context/);
    refused([alu('add', 1, 8), mov(2, 0), callHelper(ADJUST_HEAD)], /not the context/);
  });

  it('to move the stack', () => refused([alu('sub', 10, 8)], /writes r10/));

  it('an end that never comes', () => refused([raw(0x05, 0, 0, -1)], /does not end within 1000000 instructions/));

  it('calls that never come back', () => refused([callFunction(-1)], /calls go deeper than 8 functions/));

  it('to run out of its code, or into the middle of a 64-bit load', () => {
    refused([mov(0, 0)], /there is no instruction here/);
    refused([raw(0x05, 0, 0, 1), load64(0, 1n), exit()], /there is no instruction here/);
  });

  it('what is no instruction', () => {
    refused([mov(0, 0), raw(0xe7)], /opcode 0xe7 .* is no instruction/);
    refused([raw(0x30)], /opcode 0x30/);
    refused([raw(0x8d, 1)], /opcode 0x8d/);
    refused([mov(0, 0), raw(0xd4, 0, 0, 0, 24)], /opcode 0xd4 with immediate 24/);
  });
});
