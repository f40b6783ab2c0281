// One reading for all who look: when it is made, what each viewer gets, and what is kept.
// Imports agent/api and the agent in memory.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveMessage } from '../../../../agent/api/live/sample.js';
import { type Frame, Sampler } from '../../../../agent/api/live/sampler.js';
import { RecentLog } from '../../../../agent/control/recent-log.js';
import { AgentDouble } from '../../support/agent-double.js';

/** An agent that counts how often, and how often at once, it is read. */
class CountedAgent extends AgentDouble {
  statuses = 0;
  atOnce = 0;
  mostAtOnce = 0;
  delay = 0;

  override async status() {
    this.statuses += 1;
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    await sleep(this.delay);
    this.atOnce -= 1;
    return super.status();
  }
}

class Watcher {
  readonly frames: Frame[] = [];
  readonly failures: string[] = [];

  show(frame: Frame): void {
    this.frames.push(frame);
  }

  fail(text: string): void {
    this.failures.push(text);
  }

  /** Waits for the frame of this number, from 0. */
  async frame(index: number): Promise<Frame> {
    for (let waited = 0; this.frames.length <= index; waited += 5) {
      assert.ok(waited < 3000, `${this.frames.length} frames after 3 s`);
      await sleep(5);
    }
    return this.frames[index] as Frame;
  }
}

const read = (text: string) => JSON.parse(text) as LiveMessage;

describe('the sampler', () => {
  let agent: CountedAgent;
  let recent: RecentLog;
  let sampler: Sampler;
  const start = (watched = 20, idle = 100_000) => {
    sampler = new Sampler(agent, { version: '1.2.3', recent, pace: { watched, idle } });
  };

  beforeEach(() => {
    agent = new CountedAgent();
    recent = new RecentLog();
  });
  afterEach(() => sampler.close());

  it('reads counters alone, and rarely, while nobody looks', async () => {
    start(5, 40);
    await sleep(300);
    assert.ok(agent.statuses >= 3 && agent.statuses <= 8, `${agent.statuses} readings in 300 ms at 40 ms`);
    assert.equal(agent.readings, 0, 'no statistics');
  });

  it('gives whoever comes everything, and then what has changed', async () => {
    start();
    const watcher = new Watcher();
    sampler.add(watcher);
    const begin = read((await watcher.frame(0)).begin());
    assert.deepEqual([begin.version, begin.status.instance, begin.status.version], [1, 'default', '1.2.3']);
    assert.deepEqual(
      begin.services.map(({ id }) => id),
      [1, 2, 9],
    );
    assert.ok(begin.history);
    await watcher.frame(2);
    // From now on the counters stand still.
    const stats = await agent.readStats();
    let at = stats.at;
    agent.readStats = async () => ({ ...stats, at: at++ });
    const quiet = watcher.frames.length + 3;
    assert.deepEqual(read((await watcher.frame(quiet)).sample).services, [], 'nothing has changed');
    await agent.setBackend({ id: 2, backend: { address: '20.1.1.40', port: 80 }, state: 'maintenance', weight: undefined });
    await agent.deleteService(9);
    agent.readStats = async () => ({ ...stats, services: stats.services.filter(({ id }) => id !== 9), at: at++ });
    const messages: LiveMessage[] = [];
    for (let i = 1; i <= 4; i++) messages.push(read((await watcher.frame(quiet + i)).sample));
    assert.deepEqual(
      messages.flatMap(({ services }) => services.map(({ id }) => id)),
      [2],
    );
    assert.deepEqual(
      messages.flatMap(({ removed }) => removed ?? []),
      [9],
    );
  });

  it('reads once for all viewers, one reading at a time', async () => {
    agent.delay = 30;
    start();
    const watchers = Array.from({ length: 20 }, () => new Watcher());
    for (const watcher of watchers) sampler.add(watcher);
    await Promise.all(watchers.map((watcher) => watcher.frame(2)));
    assert.equal(agent.mostAtOnce, 1);
    const [first] = watchers;
    for (const { frames } of watchers) assert.equal(frames[2], first?.frames[2], 'the same text for all');
    const late = new Watcher();
    sampler.add(late);
    assert.equal(late.frames.length, 1, 'who comes later sees something at once');
    assert.equal(read(late.frames[0]?.begin() ?? '').services.length, 3);
  });

  it('reads more rarely where a reading costs much, and not where it only waits', async function () {
    this.timeout(60_000);
    agent.delay = 50;
    start(60);
    const leave = sampler.add(new Watcher());
    const until = async (count: number): Promise<number> => {
      const began = performance.now();
      while (agent.statuses < count) await sleep(5);
      return performance.now() - began;
    };
    // As fast as this machine is just now: how often is no matter of its load then.
    await until(3);
    const waiting = await until(6);
    const { status } = agent;
    agent.status = () => {
      // Of the processor's time, as on a busy machine the clock goes on without it.
      const before = process.cpuUsage();
      const spent = () => Object.values(process.cpuUsage(before)).reduce((sum, part) => sum + part, 0);
      while (spent() < 50_000);
      return status.call(agent);
    };
    const count = agent.statuses;
    await until(count + 2);
    const computing = await until(count + 5);
    assert.ok(computing >= 1200, `3 readings of 50 ms of processor time within ${computing.toFixed(0)} ms are more than a tenth`);
    assert.ok(waiting < computing, `${waiting.toFixed(0)} ms for 3 that wait`);
    leave();
  });

  it('has the last events: all at first, each once after that', async () => {
    const log = recent.tap(() => {});
    log('warning', 'before anybody looked', { by: 'health' });
    start();
    const watcher = new Watcher();
    sampler.add(watcher);
    const texts = (text: string) => read(text).events.map((event) => event.text);
    assert.deepEqual(texts((await watcher.frame(0)).begin()), ['before anybody looked']);
    log('info', 'while somebody looked');
    const count = watcher.frames.length;
    await watcher.frame(count + 3);
    const later = watcher.frames.slice(count).flatMap(({ sample }) => texts(sample));
    assert.deepEqual(later, ['while somebody looked']);
    assert.deepEqual(texts(watcher.frames.at(-1)?.begin() ?? ''), ['before anybody looked', 'while somebody looked']);
  });

  it('tells that the agent cannot be read, and goes on when it can', async () => {
    start();
    const watcher = new Watcher();
    sampler.add(watcher);
    await watcher.frame(0);
    const { status } = CountedAgent.prototype;
    agent.status = () => Promise.reject(new Error('the data plane was unloaded'));
    while (watcher.failures.length === 0) await sleep(5);
    assert.match(watcher.failures[0] ?? '', /"FL_E_INTERNAL","message":"the data plane was unloaded"/);
    agent.status = status;
    const count = watcher.frames.length;
    await watcher.frame(count);
  });

  it('stops reading statistics when the last viewer is gone, and everything at its end', async () => {
    start(5, 20);
    const watcher = new Watcher();
    const leave = sampler.add(watcher);
    await watcher.frame(1);
    leave();
    await sleep(60);
    const { readings } = agent;
    await sleep(100);
    assert.equal(agent.readings, readings);
    sampler.close();
    await sleep(50);
    const { statuses } = agent;
    await sleep(100);
    assert.equal(agent.statuses, statuses);
    sampler.add(watcher);
    await sleep(50);
    assert.equal(agent.statuses, statuses, 'also when somebody comes after it');
  });
});
