// Tables that are read once for many questions.
// Imports platform/windows/recent.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Recent } from '../../../platform/windows/recent.js';

describe('what was read a moment ago', () => {
  it('serves who asks soon, and is read again later and for who wants it fresh', async () => {
    let reads = 0;
    const recent = new Recent(() => ++reads, 10_000);
    assert.deepEqual([recent.get(), recent.get(), recent.now(), recent.get()], [1, 1, 2, 2]);
    const short = new Recent(() => ++reads, 1);
    const first = short.get();
    await sleep(5);
    assert.equal(short.get(), first + 1);
  });

  it('is read again after a failure', () => {
    let fails = true;
    const recent = new Recent(() => {
      if (fails) throw new Error('no table');
      return 'table';
    }, 10_000);
    assert.throws(() => recent.get(), /no table/);
    fails = false;
    assert.equal(recent.get(), 'table');
  });
});
