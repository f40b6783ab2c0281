import assert from 'node:assert/strict';
import fc from 'fast-check';
import { judge, UNKNOWN, type Verdict } from '../../../agent/health/threshold.js';

const judged = (results: readonly boolean[], counts: { rise: number; fall: number }, from: Verdict = UNKNOWN) =>
  results.reduce((verdict, passed) => judge(verdict, passed, counts), from);

describe('up and down', () => {
  it('need so many results in a row, but what is unknown is up at the first that passes', () => {
    const counts = { rise: 2, fall: 3 };
    assert.equal(judged([true], counts).state, 'up');
    assert.equal(judged([false, false], counts).state, 'unknown');
    assert.equal(judged([false, false, false], counts).state, 'down');
    assert.equal(judged([true, false, false, true, false, false], counts).state, 'up');
    assert.equal(judged([true, false, false, false], counts).state, 'down');
    assert.equal(judged([false, false, false, true], counts).state, 'down');
    assert.equal(judged([false, false, false, true, false, true, true], counts).state, 'up');
  });

  it('change only when the last results agree', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 50 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 5 }),
        (results, rise, fall) => {
          let verdict = UNKNOWN;
          results.forEach((passed, index) => {
            const next = judge(verdict, passed, { rise, fall });
            if (next.state !== verdict.state) {
              assert.equal(next.state, passed ? 'up' : 'down');
              const needed = verdict.state === 'unknown' && passed ? 1 : passed ? rise : fall;
              assert.ok(index + 1 >= needed && results.slice(index + 1 - needed, index + 1).every((one) => one === passed));
            }
            verdict = next;
          });
        },
      ),
    );
  });
});
