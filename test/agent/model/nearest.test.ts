// The nearest word, for "did you mean".
// Imports agent/model.
// The words are those of the prompt.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { editDistance, nearestWord } from '../../../agent/model/nearest.js';

const WORDS = ['service', 'backend', 'mode', 'neighbor', 'status', 'unload', 'cls', 'help', 'exit'];

describe('the nearest word', () => {
  const cases: [string, string | undefined][] = [
    ['servce', 'service'],
    ['sevrice', 'service'],
    ['backends', 'backend'],
    ['mdoe', 'mode'],
    ['STATUS', 'status'],
    ['neighbour', 'neighbor'],
    ['hlep', 'help'],
    ['x', undefined],
    ['', undefined],
    ['frobnicate', undefined],
    ['s'.repeat(1000), undefined],
  ];
  for (const [word, expected] of cases) {
    it(`${JSON.stringify(word.slice(0, 20))} -> ${expected ?? 'none'}`, () => assert.equal(nearestWord(word, WORDS), expected));
  }

  it('counts one for each insertion, deletion, change and swap', () => {
    assert.equal(editDistance('kitten', 'sitting'), 3);
    assert.equal(editDistance('ab', 'ba'), 1);
    assert.equal(editDistance('', 'abc'), 3);
  });

  it('is symmetric, 0 for equal words alone, and never above the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        assert.equal(distance, editDistance(b, a));
        assert.equal(distance === 0, a === b);
        assert.ok(distance <= Math.max(a.length, b.length));
      }),
    );
  });
});
