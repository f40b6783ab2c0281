// The small parts of the control plane: SNAT range, writer, slots, transaction, steps.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { rebuildState } from '../../../agent/control/state/rebuild-state.js';
import { Slots } from '../../../agent/control/apply/slots.js';
import { chooseSnatRange, warnOfOverlap } from '../../../agent/control/start/snat-range.js';
import { StepReporter } from '../../../agent/control/start/step-reporter.js';
import type { StepReport } from '../../../agent/control/start/steps.js';
import { Transaction } from '../../../agent/control/apply/transaction.js';
import { Warnings } from '../../../agent/control/warnings.js';
import { Writer } from '../../../agent/control/writer.js';
import { FairleadError } from '../../../agent/model/errors.js';

describe('the SNAT range', () => {
  const cases: readonly [string, [number, number], [number, number]][] = [
    ['below the ports of a default Linux', [32768, 60999], [1024, 32767]],
    ['above, where there is more room', [1024, 20000], [20001, 65535]],
    ['below, when the node has all above', [40000, 65535], [1024, 39999]],
    ['everything, when the node leaves nothing', [1, 65535], [1024, 65535]],
    ['above ports that begin below 1024', [500, 30000], [30001, 65535]],
  ];
  for (const [name, local, expected] of cases) it(name, () => assert.deepEqual(chooseSnatRange(local), expected));

  it('warns of an overlap and of nothing else', () => {
    assert.equal(warnOfOverlap([1024, 32767], [32768, 60999]), undefined);
    assert.equal(warnOfOverlap([61000, 65535], [32768, 60999]), undefined);
    assert.match(warnOfOverlap([1024, 32768], [32768, 60999]) ?? '', /1024-32768 overlap this node's own ports 32768-60999/);
  });
});

describe('Writer', () => {
  it('runs calls in order, one at a time, and goes on after one that fails', async () => {
    const writer = new Writer();
    const log: string[] = [];
    const call = (name: string, ms: number, fails = false) =>
      writer.run(async () => {
        log.push(`${name} begins`);
        await sleep(ms);
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
      });
    const results = await Promise.allSettled([call('a', 10), call('b', 1, true), call('c', 0)]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(log, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('refuses what comes after close, and carries out what came before', async () => {
    const writer = new Writer();
    const before = writer.run(() => 'before');
    const last = writer.close('it is over', () => 'last');
    const after = writer.run(() => 'after');
    assert.deepEqual([await before, await last], ['before', 'last']);
    await assert.rejects(after, { code: 'FL_E_CONFLICT', message: 'it is over' });
  });
});

describe('Slots', () => {
  const entry = (serviceId: number, address: string) => ({ id: 0, serviceId, endpoint: { address, port: 80 } });

  it('hands out the lowest free ids, also ones that came free again, and says when there are too few', () => {
    const slots = new Slots(4);
    for (const id of slots.findFree(3)) slots.take({ ...entry(1, `20.1.1.${id}`), id });
    slots.release(1);
    assert.deepEqual(slots.findFree(2), [1, 3]);
    assert.throws(() => slots.findFree(3), { code: 'FL_E_LIMIT', message: /5 backends: the table has 4 slots/ });
    assert.equal(slots.idOf(1, { address: '20.1.1.2', port: 80 }), 2);
    assert.equal(slots.idOf(2, { address: '20.1.1.2', port: 80 }), undefined);
    assert.deepEqual([slots.hasAddress('20.1.1.0'), slots.hasAddress('20.1.1.1')], [true, false]);
    assert.deepEqual([slots.takeLeft(), slots.takeLeft()], [['20.1.1.1'], []]);
  });
});

describe('Warnings', () => {
  it('stand since their cause came up, whatever their line says meanwhile', async () => {
    const warnings = new Warnings();
    const began = Date.now() / 1000;
    warnings.set('a', 'first');
    const [first] = warnings.list();
    await new Promise((resolve) => setTimeout(resolve, 20));
    warnings.set('a', 'second');
    assert.deepEqual(warnings.list(), [{ line: 'second', since: first?.since }]);
    warnings.set('a', undefined);
    warnings.set('a', 'again');
    const since = warnings.list()[0]?.since ?? 0;
    assert.ok(since > (first?.since ?? 0) && (first?.since ?? 0) >= began);
  });
});

describe('Transaction', () => {
  it('undoes in reverse what was done, and nothing else', async () => {
    const log: string[] = [];
    const step = (text: string, fails = false) => ({
      text,
      run: () => {
        if (fails) throw new Error(text);
        log.push(`+${text}`);
      },
      undo: () => void log.push(`-${text}`),
    });
    const transaction = new Transaction();
    await transaction.run(step('a'));
    await transaction.run(step('b'));
    await assert.rejects(transaction.run(step('c', true)));
    const cause = new Error('cause');
    assert.equal(await transaction.rollback(cause), cause);
    assert.deepEqual(log, ['+a', '+b', '-b', '-a']);
  });

  it('goes on when an inverse fails, and says which', async () => {
    const log: string[] = [];
    const transaction = new Transaction();
    await transaction.run({ text: 'a', run: () => {}, undo: () => void log.push('-a') });
    await transaction.run({
      text: 'slot 7',
      run: () => {},
      undo: () => {
        throw new Error('gone');
      },
    });
    const error = (await transaction.rollback(new FairleadError('FL_E_LIMIT', 'full'))) as FairleadError;
    assert.equal(error.code, 'FL_E_LIMIT');
    assert.equal(error.message, 'full; and undoing it failed (slot 7: gone)');
    assert.deepEqual(log, ['-a']);
  });
});

describe('StepReporter', () => {
  it('ends each step once, as done or failed', async () => {
    const reports: StepReport[] = [];
    const reporter = new StepReporter((report) => void reports.push(report));
    assert.equal(await reporter.step('compile', 'x', async () => [42, 'made'] as const, 100), 42);
    await assert.rejects(reporter.step('verify', 'y', () => Promise.reject(new Error('refused'))));
    assert.deepEqual(
      reports.map(({ step, phase, text }) => [step, phase, text]),
      [
        ['compile', 'begin', 'x'],
        ['compile', 'done', 'made'],
        ['verify', 'begin', 'y'],
        ['verify', 'failed', 'refused'],
      ],
    );
    assert.ok((reports[1]?.milliseconds ?? 0) >= 100);
  });
});

describe('rebuildState', () => {
  const frontend = (port: number) => ({ address: '40.1.1.1', port, protocol: 'tcp' as const });
  const service = (id: number, action: 'snat' | 'dsr-ipip' | 'dsr-l2') =>
    [frontend(id), { id, backendCount: 0, maglevDigest: 0, action }] as const;

  it('takes the mode of most services, and gives the others their own', () => {
    const rebuilt = rebuildState([service(3, 'snat'), service(1, 'dsr-ipip'), service(2, 'dsr-l2')], [], undefined);
    assert.equal(rebuilt.mode, 'dsr');
    assert.deepEqual(
      rebuilt.services.map(({ id, mode }) => [id, mode]),
      [
        [1, undefined],
        [2, undefined],
        [3, 'snat'],
      ],
    );
    assert.equal(rebuildState([service(1, 'dsr-l2')], [], 'snat').services[0]?.mode, 'dsr');
  });
});
