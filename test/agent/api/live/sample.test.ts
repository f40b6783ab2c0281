// What the page shows, computed from two readings.
// Imports agent/api and the agent in memory.

import assert from 'node:assert/strict';
import { liveServices, pointBetween, type Reading, reasonsBetween } from '../../../../agent/api/live/sample.js';
import { ratesBetween } from '../../../../agent/model/stats.js';
import { AgentDouble } from '../../support/agent-double.js';

/** A reading in which only these have counted. */
async function reading(at: number, counted: Readonly<Record<string, readonly [packets: number, bytes: number]>>): Promise<Reading> {
  const status = await new AgentDouble().status();
  const counters = status.counters.map((one) => {
    const [packets, bytes] = counted[one.name] ?? [0, 0];
    return { ...one, packets, bytes };
  });
  return { at, status: { ...status, counters } };
}

describe('a sample', () => {
  it('has packets and bits a second by what became of them', async () => {
    const before = await reading(100, { snat_request: [10, 1000], snat_reply: [10, 1000], local: [5, 500], no_backend: [7, 70] });
    const after = await reading(102, {
      snat_request: [30, 3000],
      snat_reply: [10, 1000],
      local: [6, 560],
      no_backend: [7, 70],
      config: [1, 9],
    });
    assert.deepEqual(pointBetween(before, after), {
      at: 102,
      packets: { forward: 10, pass: 1, drop: 0 },
      bits: { forward: 8000, pass: (69 * 8) / 2, drop: 0 },
    });
  });

  it('takes a counter that fell for one that began anew', async () => {
    const before = await reading(100, { snat_request: [1000, 100_000] });
    const after = await reading(101, { snat_request: [3, 300] });
    assert.equal(pointBetween(before, after).packets.forward, 3);
    assert.equal(reasonsBetween(before, after)[0]?.rate, 3);
  });

  it('has the reasons that packets have ended with, and no others', async () => {
    const before = await reading(100, { no_backend: [7, 70], source_denied: [1, 1] });
    const after = await reading(110, { no_backend: [57, 570], source_denied: [1, 1] });
    const told = reasonsBetween(before, after).map(({ name, kind, packets, rate }) => [name, kind, packets, rate]);
    assert.deepEqual(told, [
      ['no_backend', 'drop', 57, 5],
      ['source_denied', 'drop', 1, 0],
    ]);
    assert.deepEqual(
      reasonsBetween(undefined, after).map(({ rate }) => rate),
      [0, 0],
    );
  });

  it('has services with their backends, rates of both directions, and what is wrong with a backend', async () => {
    const agent = new AgentDouble();
    const [before, after] = [await agent.readStats(), await agent.readStats()];
    const services = await agent.listServices();
    const [first] = [...liveServices(services, after, ratesBetween(before, after))];
    assert.deepEqual([first?.id, first?.frontend, first?.mode, first?.flows], [1, '40.1.1.1:80/tcp', 'snat', 22]);
    const [well, , drained, silent] = first?.backends ?? [];
    assert.deepEqual(well, {
      backend: '20.1.1.10:80',
      state: 'active',
      health: null,
      ready: true,
      trouble: null,
      weight: 3,
      flows: 7,
      packets: 11 * 1234,
      bits: 11 * 1234 * 750 * 8,
      replyPackets: 11 * 1234 * 2,
      replyBits: 11 * 1234 * 2900 * 8,
      newFlows: 10,
    });
    assert.deepEqual([drained?.ready, drained?.trouble], [false, null]);
    assert.deepEqual([silent?.ready, silent?.trouble], [false, 'no answer from 20.1.1.40 on eth0']);
  });

  it('tells a backend that is down, with the reason', async () => {
    const agent = new AgentDouble();
    const stats = await agent.readStats();
    const services = (await agent.listServices()).map((service) => ({
      ...service,
      backends: service.backends.map((backend) => ({ ...backend, health: 'down' as const, healthReason: 'connection refused' })),
    }));
    for (const { backends, packets } of liveServices(services, stats, undefined)) {
      assert.equal(packets, null, 'there is no rate after one reading');
      for (const { ready, health, trouble } of backends) assert.deepEqual([ready, health, trouble], [false, 'down', 'connection refused']);
    }
  });
});
