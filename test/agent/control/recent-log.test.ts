// What the agent told of itself, kept for the page.
// Imports agent/control.

import assert from 'node:assert/strict';
import { RecentLog } from '../../../agent/control/recent-log.js';

describe('the recent log', () => {
  it('keeps what is told with time and author, and hands all of it on', () => {
    const told: unknown[] = [];
    const recent = new RecentLog(() => 1_700_000_000_500);
    const log = recent.tap((...all) => void told.push(all));
    log('info', 'mode dsr (was snat)', { by: 'api' });
    log('debug', 'nobody looks at this', { by: 'api' });
    log('warning', 'put right: a link', { by: 7 });
    assert.equal(told.length, 3);
    assert.deepEqual(recent.after(0), [
      { number: 1, time: 1_700_000_000.5, level: 'info', text: 'mode dsr (was snat)', by: 'api' },
      { number: 2, time: 1_700_000_000.5, level: 'warning', text: 'put right: a link', by: undefined },
    ]);
    assert.deepEqual([recent.last, recent.after(1).length, recent.after(2).length], [2, 1, 0]);
  });

  it('forgets the oldest, and cuts what is long', () => {
    const recent = new RecentLog();
    const log = recent.tap(() => {});
    for (let i = 1; i <= 250; i++) log('info', `${i} ${'x'.repeat(10_000)}`);
    const kept = recent.after(0);
    assert.deepEqual([kept.length, kept[0]?.number, kept.at(-1)?.number], [100, 151, 250]);
    assert.ok(kept.every(({ text }) => text.length === 500 && text.endsWith('…')));
  });
});
