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
import { EVENT_KINDS, MAX_SNAP, VERDICTS } from '../../../agent/model/events.js';
import { REASONS } from '../../../agent/model/reasons.js';
import { ACTIONS, BACKEND_STATES } from '../../../agent/model/service.js';
import { PERMITS } from '../../../agent/model/source-ranges.js';

interface BtfType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly type_id?: number;
  readonly nr_elems?: number;
  readonly members?: readonly {
    readonly name: string;
    readonly type_id: number;
    readonly bits_offset: number;
    readonly bitfield_size?: number;
  }[];
  readonly values?: readonly { readonly name: string; readonly val: number }[];
}

const ENUMS = ['fl_action', 'fl_tcp_seen', 'fl_backend_state', 'fl_reason', 'fl_event_kind', 'fl_verdict', 'fl_permit'];

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
      // Claims are the data plane's own count: a tuple is the same whatever they are.
      const members = (inC?.members ?? []).filter((member) => member.name !== 'pad' && member.name !== 'claims');
      // A bit field has its own size beside the member, 0 where it is none.
      const expected = members.map(({ name, type_id: type, bits_offset: bits, bitfield_size: field = 0 }) => {
        return `${name} at ${bits / 8}, ${field === 0 ? sizeOf(types, type) : field / 8} bytes`;
      });
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
    assert.deepEqual(enumValues('fl_event_kind'), words('FL_EVENT_', EVENT_KINDS));
    assert.deepEqual(enumValues('fl_verdict'), words('FL_VERDICT_', VERDICTS));
    assert.deepEqual(enumValues('fl_permit'), words('FL_PERMIT_', PERMITS));
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

  it('constants are those of the header, but for those that the data plane alone reads', () => {
    const text = readFileSync(join(findSourceDirectory(), 'layout.h'), 'utf8');
    const defined = [
      ...text.matchAll(/^#define (FL_(?!LINK_|SPANS_PER_SERVICE|FLOWS_PER_AFFINITY|MAX_RANGES)\w+) (0x[0-9a-f]+|\d+)\b/gm),
    ].map(([, name, value]) => [name, Number(value)]);
    assert.deepEqual(Object.fromEntries(defined), {
      FL_BACKEND_RESOLVED: layout.BACKEND_RESOLVED,
      FL_MAGLEV_ROW: layout.MAGLEV_ROW_SLOTS,
      FL_FRONT_SHARE: layout.FRONT_SHARE,
      FL_NEAR_BUCKETS: layout.NEAR_BUCKETS,
      FL_BACKEND_LOCAL: layout.BACKEND_LOCAL,
      FL_BACKEND_ID_BITS: layout.BACKEND_ID_BITS,
      FL_SPAN_FRONT_BITS: layout.SPAN_FRONT_BITS,
      FL_MAX_LB_ADDRESSES: layout.MAX_LB_ADDRESSES,
      FL_SLOT_YIELDED: layout.SLOT_YIELDED,
      FL_SLOT_FREED: layout.SLOT_FREED,
      FL_SLOT_BUSY: layout.SLOT_BUSY,
      FL_MAX_DEVICES: layout.MAX_DEVICES,
      FL_VIP_WORDS: layout.VIP_WORDS,
      FL_SERVICE_RANGES: layout.SERVICE_FLAGS.ranges,
      FL_SERVICE_ALLOWED_ALONE: layout.SERVICE_FLAGS.allowedAlone,
      FL_SERVICE_DENY_LIST: layout.SERVICE_FLAGS.denyList,
      FL_RANGES_OF_ALL: layout.RANGES_OF_ALL,
      FL_QUIC_ID_BYTES: layout.QUIC_ID_BYTES,
      FL_EVENT_BYTES: MAX_SNAP,
      FL_EVENT_NO_BACKEND: layout.NO_BACKEND,
      FL_EVENT_ANY_REASON: layout.ANY_REASON,
    });
    assert.ok(REASONS.length <= layout.ANY_REASON, 'a reason fits into its byte');
  });
});

interface Leaf {
  readonly offset: number;
  readonly type: { readonly size: number };
}

/** The fields of a structure, those of the structures in it in their place. */
function leavesOf(struct: { readonly fields: Readonly<Record<string, Leaf>> }): [string, Leaf][] {
  const inner = [layout.TUPLE4, layout.TUPLE6, layout.FLOW];
  return Object.entries(struct.fields).flatMap(([name, field]): [string, Leaf][] => {
    const nested = inner.find(({ size }) => size === field.type.size && (name === 'tuple' || name === 'flow'));
    if (nested === undefined) return [[name, field]];
    return leavesOf(nested).map(([leaf, { offset, type }]) => [leaf, { offset: field.offset + offset, type }]);
  });
}

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
      reverse: 10,
      snatSource: 11,
    });
    assert.equal(
      flow.toString('hex'),
      '0300000005000000060000000a000000020107000304030901000000000000000000000000010000040000000b'.padEnd(96, '0'),
    );
  });

  for (const struct of layout.STRUCTS) {
    it(`${struct.name}: what is decoded is encoded to the same bytes`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: struct.size, maxLength: struct.size }), (bytes) => {
          const buffer = Buffer.from(bytes);
          const fields = leavesOf(struct);
          for (const [name, field] of fields) {
            // Words have few numbers, and counters beyond 2^53 are not exact.
            if (name === 'protocol') buffer[field.offset] = (bytes[0] ?? 0) < 128 ? 6 : 17;
            if (name === 'action') buffer[field.offset] = (bytes[field.offset] ?? 0) % (ACTIONS.length + 1);
            if (name === 'permit') buffer[field.offset] = (bytes[field.offset] ?? 0) % (PERMITS.length + 1);
            if (name === 'state') buffer[field.offset] = (bytes[field.offset] ?? 0) % (BACKEND_STATES.length + 1);
            if (field.type.size === 8 && name !== 'bits' && name !== 'slotSeed') buffer.writeUInt16LE(0, field.offset + 6);
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
