// The history that a page opens with.
// Imports agent/api.

import assert from 'node:assert/strict';
import { HISTORY, History } from '../../../../agent/api/live/history.js';

const NONE = { forward: 0, pass: 0, drop: 0 };

describe('the history of traffic', () => {
  const add = (history: History, from: number, to: number, step: number) => {
    for (let at = from; at <= to; at += step) history.add({ at, packets: NONE, bits: NONE });
  };

  it('is of the last ten minutes, whatever the pace', () => {
    const history = new History();
    add(history, 0, 1000, 10);
    assert.deepEqual([history.points[0]?.at, history.points.at(-1)?.at], [1000 - HISTORY, 1000]);
    add(history, 5000, 5001, 1);
    assert.deepEqual(
      history.points.map(({ at }) => at),
      [5000, 5001],
    );
  });

  it('has a bound also when points come faster than they should', () => {
    const history = new History();
    add(history, 0, 100, 0.1);
    assert.equal(history.points.length, 600);
    assert.ok(Math.abs((history.points.at(-1)?.at ?? 0) - 100) < 0.2);
  });
});
