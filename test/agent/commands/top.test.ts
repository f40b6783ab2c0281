// `top`: what a screen shows, what keys do to it, and that the terminal is given back.
// Imports agent/commands and the doubles.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { runLine } from '../../../agent/commands/run-line.js';
import { topScreen, type Moment } from '../../../agent/commands/top-screen.js';
import { ratesBetween } from '../../../agent/model/stats.js';
import { AgentDouble } from '../support/agent-double.js';
import { assertWidth, compareGolden } from '../support/golden.js';
import { memorySink } from '../support/memory-sink.js';
import { answer } from '../support/run-with-double.js';

const withoutTimes = (text: string): string => text.replaceAll(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/gm, 'TIME');

async function moment(services = 2): Promise<Moment> {
  const agent = new AgentDouble();
  const [before, former] = [await agent.status(), await agent.readStats()];
  const [status, stats] = [await agent.status(), await agent.readStats()];
  const grown = { ...status, counters: status.counters.map((one, index) => ({ ...one, packets: one.packets + 10 * index })) };
  const rates = ratesBetween(former, { ...stats, at: former.at + 2 });
  const [first] = rates.services;
  const many = Array.from(
    { length: services },
    (_, index) => ({ ...first, ...rates.services[index], id: index + 1 }) as (typeof rates.services)[number],
  );
  return { status: grown, before, rates: { ...rates, services: many }, passed: 2 };
}

const PLAIN = { sort: 'bits', show: 'services', columns: 80, rows: undefined, keys: false } as const;

describe('top', () => {
  it('prints look after look where there is no terminal, as often as it is asked', async () => {
    const { out, err, status } = await answer('top --count=2 --interval=0.1');
    assert.deepEqual([err, status], ['', 0]);
    assert.equal(withoutTimes(out).match(/^TIME$/gm)?.length, 2);
    assert.ok(!out.includes('\x1b'), 'no control sequences in a pipe');
  });

  it('reads well at 80 columns', async () => {
    const screens = [
      topScreen(await moment(), { ...PLAIN, keys: true, rows: 24 }),
      topScreen(await moment(), { ...PLAIN, show: 'backends', sort: 'flows', keys: true }),
    ];
    const text = screens.map((lines) => `${lines.join('\n')}\n`).join('\n');
    assertWidth(text, 80);
    compareGolden(text, new URL('golden/top.txt', import.meta.url));
  });

  it('fits into the rows and columns that there are, and says how much does not', async () => {
    const given = await moment(300);
    for (const rows of [8, 12, 24, 50]) {
      for (const columns of [60, 80, 132]) {
        const lines = topScreen(given, { ...PLAIN, columns, rows, keys: true });
        assert.ok(lines.length <= rows, `${lines.length} lines of ${rows}`);
        assert.ok(
          lines.every((line) => line.length <= columns),
          `${rows} x ${columns}: ${lines.find((line) => line.length > columns)}`,
        );
        if (rows >= 24) assert.match(lines.join('\n'), /^and \d+ services more$/m);
      }
    }
  });

  it('has drops by reason, and none of what is no drop', async () => {
    const line = topScreen(await moment(), PLAIN).find((one) => one.startsWith('drops'));
    assert.match(line ?? '', /^drops a second: \w+ \d+/);
    const quiet = await moment();
    assert.ok(topScreen({ ...quiet, before: quiet.status }, PLAIN).includes('drops a second: none'));
  });

  it('follows the keys and gives the terminal back', async () => {
    const out = memorySink({ terminal: true });
    let press: (key: string) => void = () => assert.fail('nobody asked for the keys');
    let closed = 0;
    const keyboard = (pressed: (key: string) => void) => {
      press = pressed;
      return { close: () => void closed++ };
    };
    const { signal } = new AbortController();
    const err = memorySink();
    const ended = runLine('top --interval=0.1', { agent: new AgentDouble(), out, err, signal, leave: () => {}, keyboard });
    const until = async (text: string) => {
      for (let i = 0; i < 200 && !out.text.includes(text); i++) await sleep(10);
      assert.ok(out.text.includes(text), text);
    };
    await until('[t bits]');
    press('f');
    await until('[f flows]');
    press('b');
    await until('| b services |');
    press('x');
    press('q');
    assert.equal(await ended, 0);
    assert.equal(closed, 1);
    assert.ok(out.text.startsWith('\x1b[?1049h'), 'the other screen');
    assert.ok(out.text.endsWith('\x1b[?25h\x1b[?1049l'), 'and back, with the cursor');
  });

  it('gives the terminal back also when the agent goes, or at Ctrl-C', async () => {
    for (const how of ['failure', 'interrupt'] as const) {
      const agent = new AgentDouble();
      const out = memorySink({ terminal: true });
      const stop = new AbortController();
      let closed = 0;
      const keyboard = () => ({ close: () => void closed++ });
      if (how === 'failure') {
        const readStats = agent.readStats.bind(agent);
        agent.readStats = async () => (agent.readings > 0 ? Promise.reject(new Error('gone')) : readStats());
      } else setTimeout(() => stop.abort(), 50);
      const err = memorySink();
      const status = await runLine('top --interval=0.1', { agent, out, err, signal: stop.signal, leave: () => {}, keyboard });
      assert.equal(status, how === 'failure' ? 1 : 0);
      assert.deepEqual([closed, out.text.endsWith('\x1b[?25h\x1b[?1049l')], [1, true], how);
    }
  });
});
