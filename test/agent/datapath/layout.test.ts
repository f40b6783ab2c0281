// Compares the structures of agent/datapath/layout.ts with what clang makes of bpf/layout.h, through BTF.
// Imports agent/datapath and agent/model; runs clang and bpftool.
// A field moved, renamed or added on one side only fails here.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { probeClang } from '../../../agent/control/program/clang.js';
import { findSourceDirectory } from '../../../agent/control/program/sources.js';
import * as layout from '../../../agent/datapath/layout.js';
import { REASONS } from '../../../agent/model/reasons.js';
import { ACTIONS, BACKEND_STATES } from '../../../agent/model/service.js';

interface BtfType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly type_id?: number;
  readonly nr_elems?: number;
  readonly members?: readonly { readonly name: string; readonly type_id: number; readonly bits_offset: number }[];
  readonly values?: readonly { readonly name: string; readonly val: number }[];
}

const ENUMS = ['fl_action', 'fl_tcp_seen', 'fl_backend_state', 'fl_reason'];

/** BTF of all structures and enums of the headers: each is named by a variable, or clang would leave it out. */
async function readBtf(): Promise<BtfType[]> {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-btf-'));
  try {
    const text = readFileSync(join(findSourceDirectory(), 'layout.h'), 'utf8');
    const structs = [...text.matchAll(/^struct (\w+) \{/gm)].map((match) => match[1] as string);
    const variables = [...structs.map((name) => `struct ${name}`), ...ENUMS.map((name) => `enum ${name}`)];
    const source = [
      '#include <linux/types.h>',
      '#include "layout.h"',
      '#include "reasons.h"',
      ...variables.map((type, i) => `${type} v${i};`),
    ];
    writeFileSync(join(directory, 'layout.c'), `${source.join('\n')}\n`);
    const { includeDirectory } = await probeClang('clang');
    const include = [findSourceDirectory(), ...(includeDirectory === undefined ? [] : [includeDirectory])].flatMap((one) => ['-I', one]);
    const object = join(directory, 'layout.o');
    execFileSync('clang', ['-g', '-O2', '-target', 'bpf', ...include, '-c', join(directory, 'layout.c'), '-o', object]);
    return JSON.parse(execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', object], { encoding: 'utf8' })).types;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function sizeOf(types: readonly BtfType[], id: number): number {
  const type = types.find((candidate) => candidate.id === id);
  if (type?.kind === 'ARRAY') return sizeOf(types, type.type_id as number) * (type.nr_elems as number);
  return type?.size ?? sizeOf(types, type?.type_id as number);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

describe('the layout of the maps', () => {
  let types: BtfType[];
  before(async () => {
    types = await readBtf();
  });

  it('has every structure of bpf/layout.h', () => {
    const inC = types.filter((type) => type.kind === 'STRUCT').map((type) => type.name);
    assert.deepEqual(layout.STRUCTS.map((struct) => struct.name).sort(), inC.sort());
  });

  for (const struct of layout.STRUCTS) {
    it(`${struct.name}: names, offsets and sizes are those of the C structure`, () => {
      const inC = types.find((type) => type.kind === 'STRUCT' && type.name === struct.name);
      const members = (inC?.members ?? []).filter((member) => member.name !== 'pad');
      const expected = members.map((member) => `${member.name} at ${member.bits_offset / 8}, ${sizeOf(types, member.type_id)} bytes`);
      const ours = Object.entries(struct.fields).map(([name, field]) => `${snakeCase(name)} at ${field.offset}, ${field.type.size} bytes`);
      assert.deepEqual(ours, expected);
      assert.equal(struct.size, inC?.size);
    });
  }

  function enumValues(name: string): [string, number][] {
    const found = types.find((type) => type.kind === 'ENUM' && type.name === name);
    return (found?.values ?? []).map((value) => [value.name, value.val]);
  }

  it('actions, states, TCP bits and reasons have the numbers of the C enums', () => {
    const words = (prefix: string, list: readonly string[]) =>
      list.map((word, i) => [`${prefix}${word.toUpperCase().replace('-', '_')}`, i + 1]);
    assert.deepEqual(enumValues('fl_action'), [['FL_ACTION_NONE', 0], ...words('FL_ACTION_', ACTIONS)]);
    assert.deepEqual(enumValues('fl_backend_state'), [['FL_BACKEND_FREE', 0], ...words('FL_BACKEND_', BACKEND_STATES)]);
    assert.deepEqual(
      enumValues('fl_tcp_seen'),
      Object.entries(layout.TCP_SEEN).map(([name, bit]) => [`FL_SEEN_${name.toUpperCase()}`, bit]),
    );
    const reasons = REASONS.map((reason, i) => [`FL_REASON_${reason.name.toUpperCase()}`, i]);
    assert.deepEqual(enumValues('fl_reason'), [...reasons, ['FL_REASON_COUNT', REASONS.length]]);
  });

  it('reasons have the kinds and texts of bpf/reasons.h', () => {
    const text = readFileSync(join(findSourceDirectory(), 'reasons.h'), 'utf8');
    const inC = [...text.matchAll(/REASON\((\w+), (\w+), "([^"]*)"\)/g)].map(([, name = '', kind = '', what = '']) => ({
      name: name.toLowerCase(),
      kind: kind.toLowerCase(),
      text: what,
    }));
    assert.deepEqual(REASONS, inC);
  });

  it('constants are those of the header', () => {
    const text = readFileSync(join(findSourceDirectory(), 'layout.h'), 'utf8');
    assert.match(text, new RegExp(`#define FL_BACKEND_RESOLVED ${layout.BACKEND_RESOLVED}\\b`));
    assert.match(text, new RegExp(`#define FL_MAX_LB_ADDRESSES ${layout.MAX_LB_ADDRESSES}\\b`));
  });
});

describe('translation of structures', () => {
  it('ports and addresses stand in network order, all else in host order, padding is 0', () => {
    const key = layout.TUPLE4.encode({ saddr: '10.0.0.1', daddr: '40.1.1.1', sport: 0x1234, dport: 80, protocol: 'udp' });
    assert.equal(key.toString('hex'), '0a000001280101011234005011000000');
    const flow = layout.FLOW.encode({
      packets: 1,
      bytes: 2 ** 40,
      lastSeen: 3,
      created: 4,
      refreshed: 5,
      backendId: 6,
      serviceId: 7,
      backendGeneration: 0x0102,
      snatPort: 0x0304,
      action: 'dsr-l2',
      tcpSeen: 9,
    });
    assert.equal(
      flow.toString('hex'),
      `0100000000000000000000000001000003000000040000000500000006000000070000000201030403${'09'.padEnd(46, '0')}`,
    );
  });

  for (const struct of layout.STRUCTS) {
    it(`${struct.name}: what is decoded is encoded to the same bytes`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: struct.size, maxLength: struct.size }), (bytes) => {
          const buffer = Buffer.from(bytes);
          const fields = Object.entries<{ offset: number; type: { size: number } }>(struct.fields);
          for (const [name, field] of fields) {
            // Words have few numbers, and counters beyond 2^53 are not exact.
            if (name === 'protocol') buffer[field.offset] = (bytes[0] ?? 0) < 128 ? 6 : 17;
            if (name === 'action') buffer[field.offset] = (bytes[field.offset] ?? 0) % (ACTIONS.length + 1);
            if (name === 'state') buffer[field.offset] = (bytes[field.offset] ?? 0) % (BACKEND_STATES.length + 1);
            if (field.type.size === 8 && name !== 'backendId') buffer.writeUInt16LE(0, field.offset + 6);
          }
          const used = new Uint8Array(struct.size);
          for (const [, field] of fields) used.fill(1, field.offset, field.offset + field.type.size);
          for (const [i, isUsed] of used.entries()) if (isUsed === 0) buffer[i] = 0;
          const encode = struct.encode.bind(struct) as (values: unknown) => Buffer;
          assert.equal(encode(struct.decode(buffer)).toString('hex'), buffer.toString('hex'));
        }),
        { numRuns: 50 },
      );
    });
  }
});
