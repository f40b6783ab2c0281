// Maglev tables, the hash under them, and the digest of what a table was built from.
// Imports agent/model.
// The golden values hold across releases: nodes of two releases must agree on a table.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { digestBackends } from '../../../agent/model/digest.js';
import { hashText } from '../../../agent/model/hash.js';
import { buildMaglevTable, type MaglevBackend } from '../../../agent/model/maglev.js';
import { refusal } from './refuse.js';

function equalBackends(count: number): MaglevBackend[] {
  return Array.from({ length: count }, (_, i) => ({ key: `20.1.${i >> 8}.${i & 255}:80`, weight: 1 }));
}

/** Entries of each backend. */
function shares(table: Uint32Array, count: number): number[] {
  const entries = new Array<number>(count).fill(0);
  for (const index of table) entries[index] = (entries[index] as number) + 1;
  return entries;
}

/** Share of the entries that named another backend than `gone` and name another one now. `keep` maps new indices to old ones. */
function moved(before: Uint32Array, after: Uint32Array, gone: number, keep: readonly number[]): number {
  let others = 0;
  let changed = 0;
  for (const [slot, index] of before.entries()) {
    if (index === gone) continue;
    others++;
    if (keep[after[slot] as number] !== index) changed++;
  }
  return changed / others;
}

const backendSet = fc.uniqueArray(
  fc.record({ key: fc.string({ minLength: 1, maxLength: 12 }), weight: fc.integer({ min: 0, max: 1000 }) }),
  {
    minLength: 1,
    maxLength: 30,
    selector: (backend) => backend.key,
  },
);

describe('Maglev tables', () => {
  it('100 equal backends have shares within 2 % of each other at 65521 entries', () => {
    const entries = shares(buildMaglevTable(equalBackends(100), 65521), 100);
    assert.equal(
      entries.reduce((sum, value) => sum + value, 0),
      65521,
    );
    for (const value of entries) assert.ok(Math.abs(value / 655.21 - 1) < 0.02, `${value} entries`);
  });

  it('at most 1 % of the other entries move when one of 100 backends leaves', () => {
    const backends = equalBackends(100);
    const before = buildMaglevTable(backends, 65521);
    for (const gone of [0, 17, 50, 99]) {
      const rest = backends.filter((_, i) => i !== gone);
      const keep = backends.map((_, i) => i).filter((i) => i !== gone);
      const part = moved(before, buildMaglevTable(rest, 65521), gone, keep);
      assert.ok(part <= 0.01, `${(part * 100).toFixed(2)} % moved when backend ${gone} left`);
    }
  });

  it('shares are in proportion to the weights', () => {
    const weights = [1, 2, 3, 10, 100, 1000, 0, 7, 700];
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const backends = weights.map((weight, i) => ({ key: `20.1.1.${i}:80`, weight }));
    const entries = shares(buildMaglevTable(backends, 65521), weights.length);
    for (const [i, weight] of weights.entries()) {
      const due = (65521 * weight) / total;
      assert.ok(
        Math.abs((entries[i] as number) - due) <= Math.max(1, due * 0.02),
        `weight ${weight}: ${entries[i]} entries, due ${due.toFixed(1)}`,
      );
    }
  });

  it('every entry names a backend with a weight above 0', () => {
    fc.assert(
      fc.property(backendSet, fc.constantFrom(251, 1021), (backends, size) => {
        fc.pre(backends.some((backend) => backend.weight > 0));
        const table = buildMaglevTable(backends, size);
        assert.equal(table.length, size);
        for (const index of table) assert.ok((backends[index]?.weight ?? 0) > 0);
      }),
    );
  });

  it('the order in which backends are given changes nothing', () => {
    const shuffled = backendSet.chain((set) => fc.tuple(fc.constant(set), fc.shuffledSubarray(set, { minLength: set.length })));
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        fc.pre(one.some((backend) => backend.weight > 0));
        const keys = (backends: MaglevBackend[]) => Array.from(buildMaglevTable(backends, 251), (index) => backends[index]?.key);
        assert.deepEqual(keys(one), keys(other));
      }),
    );
  });

  it('multiplying all weights changes nothing', () => {
    const backends = equalBackends(7).map((backend, i) => ({ ...backend, weight: i + 1 }));
    const tenfold = backends.map((backend) => ({ ...backend, weight: backend.weight * 10 }));
    assert.deepEqual(buildMaglevTable(backends, 1021), buildMaglevTable(tenfold, 1021));
  });

  it('the table of this release is the table of the next: nodes of both agree', () => {
    const table = buildMaglevTable(equalBackends(5), 251);
    assert.equal(digestOf(table), '40114498');
  });

  it('refuses to build a table of nothing', () => {
    const text = 'FL_E_VALUE Maglev table of 0 backends: there is nothing to choose from | give at least one backend a weight above 0';
    assert.equal(
      refusal(() => buildMaglevTable([], 251)),
      text,
    );
    assert.equal(
      refusal(() => buildMaglevTable([{ key: 'a', weight: 0 }], 251)),
      text,
    );
  });

  it('refuses more backends than entries', () => {
    assert.equal(
      refusal(() => buildMaglevTable(equalBackends(252), 251)),
      "FL_E_LIMIT 252 backends: more than the Maglev table's 251 entries | start the agent with a larger --maglev-size",
    );
    assert.equal(new Set(buildMaglevTable(equalBackends(251), 251)).size, 251);
  });
});

function digestOf(table: Uint32Array): string {
  return hashText(table.join(','), 0).toString(16);
}

describe('the hash', () => {
  // Reference values of MurmurHash3_x86_32.
  const known: [string, number, number][] = [
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0, 0xba6bd213],
    ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0, 0xc0363e43],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ];
  for (const [text, seed, expected] of known) {
    it(`MurmurHash3 of ${JSON.stringify(text)} with seed ${seed}`, () => assert.equal(hashText(text, seed), expected));
  }
});

describe('the digest of backends', () => {
  const backends = [
    { key: '20.1.1.10:80', weight: 1, backendId: 4 },
    { key: '20.1.1.20:80', weight: 2, backendId: 5 },
  ];
  const digest = digestBackends(backends, 16381);

  it('does not depend on the order', () => assert.equal(digestBackends([...backends].reverse(), 16381), digest));

  it('changes with a weight, an id, a key, the size', () => {
    const [first, second] = backends as [(typeof backends)[0], (typeof backends)[0]];
    assert.notEqual(digestBackends([first, { ...second, weight: 3 }], 16381), digest);
    assert.notEqual(digestBackends([first, { ...second, backendId: 6 }], 16381), digest);
    assert.notEqual(digestBackends([first, { ...second, key: '20.1.1.21:80' }], 16381), digest);
    assert.notEqual(digestBackends(backends, 251), digest);
    assert.notEqual(digestBackends([first], 16381), digest);
  });

  it('is the same in every release, as running maps hold it', () => assert.equal(digest, 1524779204));

  it('is a 32-bit number and never 0', () => {
    fc.assert(
      fc.property(backendSet, (set) => {
        const value = digestBackends(
          set.map((backend, backendId) => ({ ...backend, backendId })),
          251,
        );
        assert.ok(Number.isInteger(value) && value > 0 && value <= 0xffffffff);
      }),
    );
  });
});
