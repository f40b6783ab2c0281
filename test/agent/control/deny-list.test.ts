// The list of clients that no service takes, from the call to the maps, in the fake kernel.
// Imports the agent over the test bench.
// Services of the family that the list has a prefix of say so in their entries, no others.

import assert from 'node:assert/strict';
import type { Agent } from '../../../agent/control/agent.js';
import type { Family } from '../../../agent/model/address.js';
import { DUAL, makeKernel, TestBench, update, VIPS } from './support.js';

describe('the list of denied clients in the agent', () => {
  let bench: TestBench;
  let agent: Agent;
  beforeEach(async () => {
    bench = new TestBench(makeKernel(DUAL));
    agent = await bench.start();
    await agent.updateService(update(1, [10]));
    await agent.updateService(update(2, [10], {}, 6));
    bench.kernel.journal.length = 0;
  });
  afterEach(async () => {
    await agent.close();
    bench.dispose();
  });

  const flags = (): readonly (boolean | undefined)[] => {
    const datapath = bench.datapath();
    const of = (id: number, family: Family) =>
      datapath.services.get({ address: VIPS[family], port: 80 + id, protocol: 'tcp' })?.policy?.denyList;
    const found = [of(1, 4), of(2, 6)];
    datapath.close();
    return found;
  };
  const listed = async (): Promise<readonly string[]> => {
    const datapath = bench.datapath();
    const found = (await datapath.ranges.entries()).get(0) ?? new Map<string, string>();
    datapath.close();
    return [...found].map(([prefix, permit]) => `${prefix} ${permit}`);
  };

  it('stands in the map before services refer to it, and goes after', async () => {
    assert.deepEqual(await agent.updateDenied({ add: ['203.0.113.0/24'], remove: [] }), {
      added: ['203.0.113.0/24'],
      removed: [],
      count: 1,
    });
    assert.deepEqual(bench.writes(), ['lb4_ranges', 'lb4_services']);
    assert.deepEqual([await listed(), flags()], [['203.0.113.0/24 deny'], [true, undefined]]);
    bench.kernel.journal.length = 0;
    await agent.updateDenied({ add: [], remove: ['203.0.113.0/24'] });
    assert.deepEqual(bench.writes(), ['lb4_services', 'lb4_ranges delete']);
    assert.deepEqual([await listed(), flags()], [[], [undefined, undefined]]);
  });

  it('is of both families, each for the services of its own', async () => {
    await agent.updateDenied({ add: ['2001:db8:bad::/48'], remove: [] });
    assert.deepEqual(flags(), [undefined, true]);
    await agent.updateDenied({ add: ['203.0.113.0/24'], remove: [] });
    assert.deepEqual(flags(), [true, true]);
    assert.deepEqual(await agent.listDenied(), ['203.0.113.0/24', '2001:db8:bad::/48']);
  });

  it('changes nothing but what differs, and says what that was', async () => {
    await agent.updateDenied({ add: ['203.0.113.0/24'], remove: [] });
    bench.kernel.journal.length = 0;
    const change = await agent.updateDenied({ add: ['203.0.113.0/24', '198.51.100.0/24'], remove: [] });
    assert.deepEqual(change, { added: ['198.51.100.0/24'], removed: [], count: 2 });
    assert.equal(bench.kernel.journal.length, 1);
    assert.deepEqual(await agent.updateDenied({ add: [], remove: ['192.0.2.0/24'] }), { added: [], removed: [], count: 2 });
    assert.equal(bench.kernel.journal.length, 1);
  });

  it('holds for services that come later, and outlives the agent', async () => {
    await agent.updateDenied({ add: ['203.0.113.0/24'], remove: [] });
    await agent.deleteService(1);
    await agent.updateService(update(1, [20]));
    assert.deepEqual(flags(), [true, undefined]);
    await agent.close();
    agent = await bench.restart();
    assert.deepEqual(await agent.listDenied(), ['203.0.113.0/24']);
    assert.deepEqual([await listed(), flags()], [['203.0.113.0/24 deny'], [true, undefined]]);
  });

  it('is made what the state file says at a start', async () => {
    await agent.updateDenied({ add: ['203.0.113.0/24'], remove: [] });
    const datapath = bench.datapath();
    await datapath.ranges.remove(0, ['203.0.113.0/24']);
    await datapath.ranges.put(0, new Map([['198.51.100.0/24', 'deny']]));
    datapath.close();
    await agent.close();
    agent = await bench.restart();
    assert.deepEqual(await listed(), ['203.0.113.0/24 deny']);
  });

  it('is as it was when any write fails', async () => {
    await agent.updateDenied({ add: ['203.0.113.0/24'], remove: [] });
    const before = [await listed(), flags(), await agent.listDenied()];
    let failures = 0;
    for (let write = 1; ; write++) {
      bench.kernel.failOn('map-write', write);
      try {
        await agent.updateDenied({ add: ['2001:db8:bad::/48', '198.51.100.0/24'], remove: ['203.0.113.0/24'] });
        break;
      } catch {
        failures++;
        assert.deepEqual([await listed(), flags(), await agent.listDenied()], before, `write ${write}`);
      }
    }
    assert.ok(failures >= 3, `${failures}`);
  });
});
