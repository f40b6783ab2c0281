// IPv6 services on a machine in memory, beside IPv4 ones: from the call to the maps and back.
// Imports the agent's types and support.ts.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import type { Agent } from '../../../agent/control/agent.js';
import { encodeIndex, SLOT6, TCP_SEEN } from '../../../agent/datapath/layout.js';
import { vipBit } from '../../../agent/datapath/tuple-hash.js';
import { addressBytes } from '../../../agent/model/address.js';
import { DUAL, endpoint, macOf, makeKernel, TestBench, update, VIPS } from './support.js';

describe('IPv6 services', () => {
  let bench: TestBench;
  let agent: Agent;
  beforeEach(async () => {
    bench = new TestBench(makeKernel(DUAL));
    agent = await bench.start();
    bench.kernel.journal.length = 0;
  });
  afterEach(() => bench.dispose());

  const six = (id: number, backends: readonly number[] | undefined, more: object = {}) => update(id, backends, more, 6);

  it('are written in the maps of their family, in the same order', async () => {
    const before = await bench.snapshot();
    const { view, outcome, warnings } = await agent.updateService(six(1, [10, 20]));
    assert.deepEqual([outcome, warnings], ['created', []]);
    assert.deepEqual(bench.writes(), ['lb6_backends', 'maglev_1', 'lb_maglev', 'vips', 'lb6_services', 'lb6_spans']);
    assert.deepEqual(
      view.backends.map(({ address, mac, device, nextHop }) => ({ address, mac, device, nextHop })),
      [10, 20].map((last) => ({ address: `2001:db8:20::${last}`, mac: macOf(last), device: 'eth0', nextHop: 'resolved' })),
    );
    const datapath = bench.datapath();
    assert.equal(datapath.services.get({ address: VIPS[6], port: 81, protocol: 'tcp' })?.backendCount, 2);
    assert.deepEqual(
      (await datapath.backends.entries()).map(([id, { address, source }]) => [id, address, source]),
      [10, 20].map((last, id) => [id, endpoint(last, 80, 6).address, '2001:db8:20::1']),
    );
    assert.deepEqual(bench.vips(), [vipBit(addressBytes(VIPS[6]))]);
    bench.kernel.journal.length = 0;
    await agent.deleteService(1);
    assert.deepEqual(bench.writes(), ['lb6_spans delete', 'lb6_services delete', 'lb_maglev delete', 'lb6_backends']);
    assert.deepEqual(await bench.snapshot(), before);
  });

  it('share no backend id with IPv4 ones, and a slot that changes its family gets another generation', async () => {
    await agent.updateService(update(1, [10, 20]));
    await agent.updateService(six(2, [10, 20]));
    const slots = async () =>
      Object.fromEntries((await bench.datapath().backends.entries()).map(([id, { address, generation }]) => [address, [id, generation]]));
    assert.deepEqual(await slots(), {
      '20.1.1.10': [0, 1],
      '20.1.1.20': [1, 1],
      '2001:db8:20::10': [2, 1],
      '2001:db8:20::20': [3, 1],
    });
    await agent.deleteService(1);
    await agent.updateService(six(2, [10, 20, 30]));
    assert.deepEqual((await slots())['2001:db8:20::30'], [0, 2]);
    await agent.deleteService(2);
    await agent.updateService(update(1, [10]));
    assert.deepEqual(await slots(), { '20.1.1.10': [0, 3] });
  });

  it('are adopted by the next agent, which writes nothing', async () => {
    await agent.updateService(six(1, [10, 20]));
    await agent.updateService(update(2, [30]));
    bench.kernel.journal.length = 0;
    agent = await bench.restart();
    assert.deepEqual(bench.writes(), []);
    assert.match(bench.said('adopt'), /^2 services, 3 backends/);
    assert.equal((await agent.status()).unresolvedBackends, 0);
  });

  it('come back from the maps when the state file is lost, and into the maps of another layout', async () => {
    await agent.updateService(six(1, [10, 20], { weights: [3, 1] }));
    await agent.updateService(update(2, [30], { mode: 'dsr' }));
    const [before, services] = [await bench.snapshot(), await agent.listServices()];
    for (const maxFlows of [64, 128]) {
      for (const suffix of ['', '.last-good']) rmSync(`${bench.settings.stateFile}${suffix}`, { force: true });
      agent = await bench.restart({ maxFlows });
      assert.match(bench.said('adopt'), /rebuilt from the maps \(services: 2\)/);
      assert.deepEqual([await bench.snapshot(), await agent.listServices()], [before, services]);
    }
  });

  it('follow the next hop of their backends', async () => {
    await agent.updateService(six(1, [10]));
    bench.kernel.journal.length = 0;
    bench.kernel.net.setNeighbour({ ifindex: 2, address: '2001:db8:20::10', mac: macOf(99), state: 'reachable' });
    await agent.updateService(six(2, [20]));
    const [backend] = await agent.listBackends();
    assert.equal(backend?.mac, macOf(99));
    const entries = await bench.datapath().backends.entries();
    assert.equal(entries.find(([, { address }]) => address === '2001:db8:20::10')?.[1].nextHop?.dstMac, macOf(99));
  });

  it('show their flows', async () => {
    await agent.updateService(six(1, [10]));
    const now = bench.kernel.ticks;
    const flow = {
      ...{ packets: 2, bytes: 148, lastSeen: now, created: now, refreshed: now, tcpSeen: TCP_SEEN.syn | TCP_SEEN.other },
      ...{ serviceId: 1, backendId: 0, backendGeneration: 1, snatPort: 0, reverse: 0, snatSource: 0, action: 'dsr-ipip' as const },
    };
    const tuple = { saddr: '2001:db8::7', daddr: VIPS[6], sport: 1001, dport: 81, protocol: 'tcp' as const };
    const map = bench.map('ct6');
    map.update(encodeIndex(5), SLOT6.encode({ tuple, flow }));
    map.close();
    const seen: string[] = [];
    for await (const { source, destination, backend, mode } of agent.dumpState(1)) seen.push(`${source} ${destination} ${backend} ${mode}`);
    assert.deepEqual(seen, ['2001:db8::7 2001:db8:40::1 2001:db8:20::10 dsr-ipip']);
    assert.deepEqual((await agent.status()).flows, { entries: 1, limit: 128 });
  });

  it('have backends of their own family', async () => {
    const mixed = { ...six(1, []), backends: [endpoint(10)] };
    await assert.rejects(agent.updateService(mixed), { code: 'FL_E_VALUE' });
    assert.deepEqual(bench.writes(), []);
  });
});
