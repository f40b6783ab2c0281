// Health on a machine in memory: what checks make of the data plane, and who may have programs run. The checks are real programs.
// Imports the agent's types and support.ts.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../../../agent/control/agent.js';
import { withoutCommands } from '../../../agent/control/guarded-agent.js';
import { buildSegment, FLAGS, readSegment } from '../../../agent/health/dsr-packet.js';
import type { HealthUpdate } from '../../../agent/model/health.js';
import { endpoint, TestBench, update } from './support.js';

/** Of one backend: ready while a file with the last number of its address exists. */
const QUICK = { interval: 50, timeout: 2000, rise: 1, fall: 1, jitter: 0 };

describe('health of backends', function () {
  this.timeout(20_000);
  let bench: TestBench;
  let agent: Agent;
  beforeEach(async () => {
    bench = new TestBench(undefined, { healthExec: true });
    agent = await bench.start();
  });
  afterEach(async () => {
    await agent.close();
    bench.dispose();
  });

  const sign = (last: number) => join(bench.directory, `20.1.1.${last}`);
  const setReady = (last: number, ready: boolean) => (ready ? writeFileSync(sign(last), '') : rmSync(sign(last)));
  const check = (more: HealthUpdate = {}): { health: HealthUpdate } => {
    const command = ['/bin/sh', '-c', 'test -e "$0/$FAIRLEAD_BACKEND_ADDRESS"', bench.directory];
    return { health: { kind: 'exec', command, ...QUICK, ...more } };
  };
  const slots = async () => {
    const entries = await bench.datapath().backends.entries();
    return Object.fromEntries(entries.map(([, { address, state, generation }]) => [address.slice(-2), { state, generation }]));
  };
  const statesOf = async () => Object.fromEntries(Object.entries(await slots()).map(([last, { state }]) => [last, state]));
  const eventually = async (wanted: object) => {
    for (let tries = 0; tries < 200; tries++) {
      if (JSON.stringify(await statesOf()) === JSON.stringify(wanted)) return;
      await sleep(20);
    }
    assert.deepEqual(await statesOf(), wanted);
  };

  it('lets a new backend wait for its first check where the service says so', async () => {
    setReady(10, true);
    const { view } = await agent.updateService(update(1, [10, 20], check({ initial: 'down', allDown: 'closed', interval: 2000 })));
    assert.deepEqual(await statesOf(), { 10: 'quarantined', 20: 'quarantined' }, 'from the first write on');
    assert.deepEqual(view.health?.initial, 'down');
    await eventually({ 10: 'active', 20: 'quarantined' });
    // What serves goes on serving under another agent; what did not stays out.
    agent = await bench.restart();
    assert.deepEqual(await statesOf(), { 10: 'active', 20: 'quarantined' });
  });

  it('leaves a backend that serves in when its first check comes to be', async () => {
    await agent.updateService(update(1, [10]));
    await agent.updateService(update(1, undefined, check({ initial: 'down', interval: 60_000, fall: 3 })));
    assert.deepEqual(await statesOf(), { 10: 'active' });
    await agent.updateService(update(1, [10, 20]));
    assert.deepEqual(await statesOf(), { 10: 'active', 20: 'quarantined' });
  });

  it('keeps the flows of a backend that goes down, or ends them, as the service says', async () => {
    for (const last of [10, 20]) setReady(last, true);
    await agent.updateService(update(1, [10, 20], check()));
    const before = await slots();
    setReady(20, false);
    await eventually({ 10: 'active', 20: 'quarantined' });
    assert.equal((await slots())['20']?.generation, before['20']?.generation, 'kept');
    setReady(20, true);
    await eventually({ 10: 'active', 20: 'active' });
    await agent.updateService(update(1, undefined, { health: { flows: 'end' } }));
    setReady(20, false);
    await eventually({ 10: 'active', 20: 'quarantined' });
    await sleep(50);
    const after = await slots();
    assert.equal(after['20']?.generation, (before['20']?.generation ?? 0) + 1, 'ended: another generation');
    assert.equal(after['10']?.generation, before['10']?.generation);
    // The last one goes on serving (fail open), so its flows do too.
    setReady(10, false);
    await eventually({ 10: 'active', 20: 'active' });
    assert.equal((await slots())['10']?.generation, before['10']?.generation);
  });

  it('by way of DSR sends each backend a SYN of its own, and hears the virtual address answer', async () => {
    bench.kernel.net.answerProbe = (to, packet) => {
      const syn = readSegment(packet);
      if (syn?.flags !== FLAGS.syn || to !== '20.1.1.10') return undefined;
      const back = { source: syn.destination, sourcePort: syn.destinationPort, destination: syn.source, destinationPort: syn.sourcePort };
      const answer = buildSegment({ ...back, sequence: 1, flags: FLAGS.syn | FLAGS.ack });
      answer.writeUInt32BE((syn.sequence + 1) >>> 0, answer.length - 12);
      return answer;
    };
    await agent.updateService(update(1, [10, 20], { health: { kind: 'tcp', through: 'dsr', ...QUICK, timeout: 100 } }));
    await eventually({ 10: 'active', 20: 'quarantined' });
    const syn = readSegment(bench.kernel.net.probes[0]?.packet ?? Buffer.alloc(0));
    assert.deepEqual([syn?.source, syn?.destination, syn?.destinationPort], ['20.1.1.1', '40.1.1.1', 81]);
    await agent.updateService(update(2, [10], { frontend: { address: '40.1.1.1', port: 53, protocol: 'udp' } }));
    await assert.rejects(agent.updateService(update(2, undefined, { frontend: undefined, health: { kind: 'udp', through: 'dsr' } })), {
      code: 'FL_E_VALUE',
    });
  });

  it('runs no program unless the agent was started for that', async () => {
    await agent.updateService(update(1, [10], check()));
    const state = await agent.getDesired();
    await assert.rejects(bench.restart({ healthExec: false }), { code: 'FL_E_PERMISSION' });
    bench.dispose();
    bench = new TestBench();
    agent = await bench.start();
    await assert.rejects(agent.updateService(update(1, [10], check())), { code: 'FL_E_PERMISSION' });
    await assert.rejects(agent.replaceDesired(state, true), { code: 'FL_E_PERMISSION' });
    assert.deepEqual(await agent.listServices(), []);
  });

  it('takes no program from those who may use the API and are not root', async () => {
    const guarded = withoutCommands(agent);
    const refused = { code: 'FL_E_PERMISSION', message: /open to a group/ };
    await assert.rejects(guarded.updateService(update(1, [10], check())), refused);
    await agent.updateService(update(1, [10], check()));
    await guarded.updateService(update(1, undefined, { health: { interval: 100 } }));
    await guarded.setBackend({ id: 1, backend: endpoint(10), state: 'maintenance', weight: undefined });
    const state = await guarded.getDesired();
    await guarded.replaceDesired(state, false);
    const services = state.services.map((one) => (one.health ? { ...one, health: { ...one.health, command: ['/bin/false'] } } : one));
    await assert.rejects(guarded.replaceDesired({ ...state, services }, false), refused);
    assert.equal((await agent.getService(1)).health?.command?.[0], '/bin/sh');
  });
});
