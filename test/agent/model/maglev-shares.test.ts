// Maglev's two promises for 100 equal backends at the size that a large service has: shares, and what moves when one leaves.
// Imports agent/model and fast-check. Measured when this was written: shares within 0.13 %, 0.48 to 0.66 % of the other entries move.
// Of some thousand sets one moves more than 1 %: two backends whose walks through the table keep step (docs/limits.md).

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { buildMaglevTable } from '../../../agent/model/maglev.js';

const [BACKENDS, SIZE, SETS] = [100, 65521, 40];
/** So many of the sets may move more than 1 %: none does, but for one in thousands, and a test must not fail by chance. */
const UNLUCKY = 2;

const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6().map((text) => `[${text}]`),
);
const keys = fc.uniqueArray(
  fc.tuple(address, fc.integer({ min: 1, max: 65535 })).map(([host, port]) => `${host}:${port}`),
  {
    minLength: BACKENDS,
    maxLength: BACKENDS,
  },
);
const build = (names: readonly string[]) =>
  buildMaglevTable(
    names.map((key) => ({ key, weight: 1 })),
    SIZE,
  );

describe('Maglev tables of 100 equal backends', function () {
  this.timeout(60_000);

  it('have shares within 2 %, and at most 1 % of the other entries move when one leaves', () => {
    const moved = fc.sample(fc.tuple(keys, fc.nat(BACKENDS - 1)), SETS).map(([names, gone]) => {
      const before = build(names);
      const shares = new Array<number>(BACKENDS).fill(0);
      for (const index of before) shares[index] = (shares[index] as number) + 1;
      for (const share of shares) assert.ok(Math.abs(share / (SIZE / BACKENDS) - 1) < 0.02, `${share} entries: ${names.join(' ')}`);
      const left = names.filter((_, i) => i !== gone);
      const after = build(left);
      let others = 0;
      for (const [slot, index] of before.entries()) if (index !== gone && left[after[slot] as number] !== names[index]) others++;
      return (100 * others) / (SIZE - (shares[gone] as number));
    });
    const beyond = moved.filter((percent) => percent > 1);
    assert.ok(beyond.length <= UNLUCKY, `more than 1 % moved in ${beyond.length} of ${SETS} sets: ${beyond.join(', ')}`);
  });
});
