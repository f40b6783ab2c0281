// Backend weights from 0 to 1000 and a service's own mode, as they reach the maps, for each address family.
// Imports the agent over the test bench.

import assert from 'node:assert/strict';
import type { Agent } from '../../../agent/control/agent.js';
import { DUAL, endpoint, MAGLEV_SIZE, makeKernel, TestBench, update, VIPS } from './support.js';

for (const family of [4, 6] as const) {
  describe(`weights and modes of services, IPv${family}`, () => {
    let bench: TestBench;
    let agent: Agent;
    beforeEach(async () => {
      bench = new TestBench(makeKernel(DUAL));
      agent = await bench.start();
    });
    afterEach(async () => {
      await agent.close();
      bench.dispose();
    });

    /** Entries of the Maglev table by the last number of the backend's address. */
    const shares = async (): Promise<Readonly<Record<string, number>>> => {
      const datapath = bench.datapath();
      const table = (await datapath.maglev.get(1, MAGLEV_SIZE)) ?? [];
      const counts: Record<string, number> = {};
      for (const id of table) {
        const last = datapath.backends.get(id)?.address.split(/[.:]/).at(-1) ?? '?';
        counts[last] = (counts[last] ?? 0) + 1;
      }
      datapath.close();
      return counts;
    };
    const actionOf = (id: number) => {
      const datapath = bench.datapath();
      const entry = datapath.services.get({ address: VIPS[family], port: 80 + id, protocol: 'tcp' });
      datapath.close();
      return entry?.action;
    };

    it('weights make the shares of the table; 0 has none, 1000 is the most', async () => {
      await agent.updateService(update(1, [10, 20, 30], { weights: [1000, 0, 1000] }, family));
      const counts = await shares();
      assert.deepEqual(Object.keys(counts), ['10', '30']);
      assert.ok(Math.abs((counts['10'] ?? 0) - (counts['30'] ?? 0)) <= 1, JSON.stringify(counts));
      await agent.setBackend({ id: 1, backend: endpoint(10, 80, family), state: undefined, weight: 0 });
      assert.deepEqual(Object.keys(await shares()), ['30']);
      await agent.setBackend({ id: 1, backend: endpoint(30, 80, family), state: undefined, weight: 0 });
      const datapath = bench.datapath();
      assert.equal(datapath.services.get({ address: VIPS[family], port: 81, protocol: 'tcp' })?.backendCount, 0);
      datapath.close();
    });

    it("a service's own mode outlives a switch of the agent's, and a restart", async () => {
      await agent.updateService(update(1, [10], {}, family));
      await agent.updateService(update(2, [10], { mode: 'dsr' }, family));
      assert.deepEqual([actionOf(1), actionOf(2)], ['snat', 'dsr-ipip']);
      await agent.setMode('dsr');
      await agent.updateService(update(2, undefined, { mode: 'snat' }, family));
      assert.deepEqual([actionOf(1), actionOf(2)], ['dsr-ipip', 'snat']);
      await agent.close();
      agent = await bench.restart();
      assert.deepEqual([actionOf(1), actionOf(2)], ['dsr-ipip', 'snat']);
      await agent.updateService(update(2, undefined, { mode: 'default' }, family));
      assert.deepEqual([actionOf(1), actionOf(2)], ['dsr-ipip', 'dsr-ipip']);
    });
  });
}
