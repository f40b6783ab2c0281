// Source ranges, session affinity and the list of denied clients, from the call to the maps, in the fake kernel.
// Imports the agent over the test bench.
// What the data plane makes of the maps is the packet tests' matter.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Agent } from '../../../agent/control/agent.js';
import type { ServicePolicy } from '../../../agent/datapath/service-table.js';
import type { Family } from '../../../agent/model/address.js';
import { FairleadError } from '../../../agent/model/errors.js';
import { MAX_RANGES } from '../datapath/map-specs.js';
import { DUAL, makeKernel, TestBench, update, VIPS } from './support.js';

const PREFIXES: Readonly<Record<Family, readonly string[]>> = {
  4: ['10.0.0.0/8', '10.1.0.0/16', '192.0.2.7/32'],
  6: ['2001:db8::/32', '2001:db8:1::/48', '2001:db8:9::7/128'],
};
const NONE: ServicePolicy = { ranges: false, allowedAlone: false, denyList: false, affinitySeconds: 0 };

describe('source ranges and affinity in the agent', () => {
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

  const policyOf = (id: number, family: Family = 4) => {
    const datapath = bench.datapath();
    const entry = datapath.services.get({ address: VIPS[family], port: 80 + id, protocol: 'tcp' });
    datapath.close();
    return entry?.policy;
  };
  /** '<service id> <prefix> <permit>' of each range in the maps. */
  const ranges = async (): Promise<readonly string[]> => {
    const datapath = bench.datapath();
    const found = await datapath.ranges.entries();
    datapath.close();
    return [...found].flatMap(([id, own]) => [...own].map(([prefix, permit]) => `${id} ${prefix} ${permit}`)).sort();
  };
  const refused = async (call: Promise<unknown>): Promise<string> => {
    try {
      await call;
    } catch (error) {
      if (error instanceof FairleadError) return `${error.code} ${error.message}`;
      throw error;
    }
    return assert.fail('nothing was refused');
  };

  for (const family of [4, 6] as const) {
    const [wide = '', net = '', host = ''] = PREFIXES[family];
    const map = `lb${family}_ranges`;
    const services = `lb${family}_services`;
    const create = (more: object) => agent.updateService(update(1, [10, 20], more, family));

    describe(`IPv${family}`, () => {
      it('stand in the maps before the service entry says so, and go after it', async () => {
        await create({});
        bench.kernel.journal.length = 0;
        await agent.updateService(update(1, undefined, { sourceAllow: [wide], sourceDeny: [net] }, family));
        assert.deepEqual(bench.writes(), [map, services]);
        assert.deepEqual(await ranges(), [`1 ${wide} allow`, `1 ${net} deny`].sort());
        assert.deepEqual(policyOf(1, family), { ...NONE, ranges: true, allowedAlone: true });
        bench.kernel.journal.length = 0;
        await agent.updateService(update(1, undefined, { sourceAllow: [], sourceDeny: [] }, family));
        assert.deepEqual(bench.writes(), [services, `${map} delete`]);
        assert.deepEqual([await ranges(), policyOf(1, family)], [[], undefined]);
      });

      it('are written where they differ alone', async () => {
        await create({ sourceAllow: [wide, net] });
        bench.kernel.journal.length = 0;
        const { outcome, view } = await agent.updateService(update(1, undefined, { sourceAllow: [wide, host] }, family));
        assert.equal(outcome, 'changed');
        assert.deepEqual(view.sourceRanges, { allow: [wide, host], deny: [] });
        assert.deepEqual(
          bench.kernel.journal.map(({ map: name, op }) => `${name} ${op}`),
          [`${map} update`, `${map} delete`],
        );
        bench.kernel.journal.length = 0;
        assert.equal((await agent.updateService(update(1, undefined, { sourceAllow: [wide, host] }, family))).outcome, 'unchanged');
        assert.deepEqual(bench.kernel.journal, []);
      });

      it('change from allowed to denied in place', async () => {
        await create({ sourceAllow: [wide], sourceDeny: [net] });
        await agent.updateService(update(1, undefined, { sourceAllow: [net], sourceDeny: [wide] }, family));
        assert.deepEqual(await ranges(), [`1 ${wide} deny`, `1 ${net} allow`].sort());
      });

      it('are rebuilt from the maps when the state file is lost', async () => {
        await create({ sourceAllow: [wide], sourceDeny: [net], affinity: 600 });
        await agent.updateService(update(2, [10], { affinity: 30 }, family));
        await agent.updateDenied({ add: [host], remove: [] });
        const before = await agent.listServices();
        await agent.close();
        for (const file of [bench.settings.stateFile, `${bench.settings.stateFile}.last-good`]) rmSync(file, { force: true });
        agent = await bench.restart();
        assert.deepEqual(await agent.listServices(), before);
        assert.deepEqual(await agent.listDenied(), [host]);
      });

      it('that an update which was cut off left behind are not rebuilt', async () => {
        await create({ sourceDeny: [net] });
        const datapath = bench.datapath();
        await datapath.ranges.put(1, new Map([[wide, 'allow']]));
        await datapath.ranges.put(0, new Map([[host, 'deny']]));
        await datapath.ranges.put(7, new Map([[host, 'deny']]));
        datapath.close();
        await agent.close();
        for (const file of [bench.settings.stateFile, `${bench.settings.stateFile}.last-good`]) rmSync(file, { force: true });
        agent = await bench.restart();
        assert.deepEqual((await agent.getService(1)).sourceRanges, { allow: [], deny: [net] });
        assert.deepEqual([await agent.listDenied(), await ranges()], [[], [`1 ${net} deny`]]);
      });

      it('go with their service', async () => {
        await create({ sourceAllow: [wide] });
        await agent.updateService(update(2, [10], { sourceDeny: [wide] }, family));
        bench.kernel.journal.length = 0;
        await agent.deleteService(1);
        assert.ok(bench.writes().indexOf(`${services} delete`) < bench.writes().indexOf(`${map} delete`), bench.writes().join());
        assert.deepEqual(await ranges(), [`2 ${wide} deny`]);
      });

      it('leave everything as it was when any write of an update fails', async () => {
        await create({ sourceAllow: [wide, net] });
        const before = [await bench.snapshot(), await ranges(), readFileSync(bench.settings.stateFile, 'utf8')];
        const change = { sourceAllow: [net, host], sourceDeny: [wide], affinity: 60 };
        let failures = 0;
        for (let write = 1; ; write++) {
          bench.kernel.failOn('map-write', write);
          try {
            await agent.updateService(update(1, undefined, change, family));
            break;
          } catch {
            failures++;
            assert.deepEqual(
              [await bench.snapshot(), await ranges(), readFileSync(bench.settings.stateFile, 'utf8')],
              before,
              `write ${write}`,
            );
          }
        }
        assert.ok(failures >= 3, `${failures}`);
      });
    });
  }

  it('of another family than the frontend are refused', async () => {
    const call = agent.updateService(update(1, [10], { sourceDeny: ['2001:db8::/32'] }));
    assert.equal(await refused(call), 'FL_E_VALUE source range 2001:db8::/32: not of the address family of 40.1.1.1:81/tcp');
  });

  it('both allowed and denied are refused', async () => {
    const call = agent.updateService(update(1, [10], { sourceAllow: ['10.0.0.0/8'], sourceDeny: ['10.0.0.0/8'] }));
    assert.equal(await refused(call), 'FL_E_CONFLICT source range 10.0.0.0/8: both allowed and denied');
  });

  it('follow the frontend to the other family', async () => {
    await agent.updateService(update(1, [10], { sourceAllow: ['10.0.0.0/8'] }));
    await agent.updateService(update(1, [10], { sourceAllow: ['2001:db8::/32'] }, 6));
    assert.deepEqual(await ranges(), ['1 2001:db8::/32 allow']);
    assert.deepEqual([policyOf(1), policyOf(1, 6)], [undefined, { ...NONE, ranges: true, allowedAlone: true }]);
  });

  it('that do not fit into the map leave what was there', async () => {
    await agent.updateService(update(1, [10], { sourceDeny: ['10.0.0.0/8'] }));
    const many = Array.from({ length: MAX_RANGES + 1 }, (_, i) => `10.${i}.0.0/16`);
    assert.match(await refused(agent.updateService(update(1, undefined, { sourceDeny: many }))), /^FL_E_LIMIT .*lb4_ranges.*full/);
    assert.deepEqual(await ranges(), ['1 10.0.0.0/8 deny']);
  });

  it('affinity is set, kept and taken away', async () => {
    await agent.updateService(update(1, [10, 20], { affinity: 600 }));
    assert.deepEqual(policyOf(1), { ...NONE, affinitySeconds: 600 });
    assert.equal((await agent.updateService(update(1, [10]))).view.affinity, 600);
    bench.kernel.journal.length = 0;
    assert.equal((await agent.updateService(update(1, [10], { affinity: 'none' }))).view.affinity, undefined);
    assert.deepEqual([bench.writes(), policyOf(1)], [['lb4_services'], undefined]);
  });

  it('a mode switch leaves them as they are', async () => {
    await agent.updateService(update(1, [10], { sourceAllow: ['10.0.0.0/8'], affinity: 600 }));
    await agent.setMode('dsr');
    assert.deepEqual(policyOf(1), { ranges: true, allowedAlone: true, denyList: false, affinitySeconds: 600 });
  });

  it('a state file of an agent that did not know them loads', async () => {
    await agent.updateService(update(1, [10]));
    await agent.close();
    const file = bench.settings.stateFile;
    assert.doesNotMatch(readFileSync(file, 'utf8'), /sourceRanges|affinity|deny/);
    agent = await bench.restart();
    assert.deepEqual((await agent.getService(1)).sourceRanges, { allow: [], deny: [] });
  });

  it('a state file with a prefix that is none is refused by name', async () => {
    await agent.updateService(update(1, [10], { sourceDeny: ['10.0.0.0/8'] }));
    await agent.close();
    const file = bench.settings.stateFile;
    writeFileSync(file, readFileSync(file, 'utf8').replace('10.0.0.0/8', '10.0.0.1/8'));
    rmSync(`${file}.last-good`, { force: true });
    agent = await bench.restart();
    assert.match(
      bench.reports.map(({ text }) => text ?? '').join('\n'),
      /services\[0\]\.sourceRanges\.deny: prefix 10\.0\.0\.1\/8: bits are set behind its first 8/,
    );
  });
});
