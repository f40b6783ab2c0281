// A mode switch breaks nothing, in either address family: flows keep the way that they began with, new ones get the new one, and no request fails.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Family } from '../../agent/model/address.js';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import { installDecap } from '../../samples/founding-lab/decap.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { startLoad } from '../../samples/founding-lab/loader.js';
import { frontendOf, localPortOf, serviceIdOf, TESTED_FAMILIES } from './support/family.js';
import { LONG_FILE_BYTES, startLongDownload } from './support/long-download.js';
import {
  endpoints,
  openSetting,
  readDrops,
  readFlows,
  readServices,
  readStatus,
  requireRoot,
  SNAT,
  SUITE_TIMEOUT,
  setService,
} from './support/setting.js';
import { assertClean, getPage } from './support/traffic.js';

describe('mode switch end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  /** Mode of the flow from this port of the client; services see their own flows alone. */
  const modeOf = async (id: number, port: number) => (await readFlows(agent, id)).find(({ sourcePort }) => sourcePort === port)?.mode;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 2, bigFileBytes: LONG_FILE_BYTES }, SNAT));
    for (const host of lab.backends) await installDecap(host, TESTED_FAMILIES.map(lab.vipOf), 'tc');
    for (const family of TESTED_FAMILIES) await setService(lab, agent, serviceIdOf(family, 1), frontendOf(lab, family));
  });
  after(async () => lab?.remove());

  for (const family of TESTED_FAMILIES) {
    describe(`IPv${family}`, () => describeFamily(family));
  }

  function describeFamily(family: Family): void {
    const id = (number: number) => serviceIdOf(family, number);
    const localPort = (port: number) => localPortOf(family, port);

    it('fails no request and breaks no long download, from SNAT to DSR and back, twice', async () => {
      const drops = await readDrops(agent);
      const short = await startLoad(lab, { workers: 4, pause: 4, url: lab.url(family) });
      const begunInSnat = await startLongDownload(lab, localPort(23001), 80, family);
      assert.match(await agent.must('mode update dsr'), /mode dsr \(was snat\)/);
      const begunInDsr = await startLongDownload(lab, localPort(23002), 80, family);
      const { bytes } = begunInSnat;
      await sleep(300);
      for (const mode of ['snat', 'dsr', 'snat']) {
        await agent.must(`mode update ${mode}`);
        await sleep(300);
      }
      assert.ok(begunInSnat.bytes > bytes, 'data came over the switches');
      assert.deepEqual([await modeOf(id(1), localPort(23001)), await modeOf(id(1), localPort(23002))], ['snat', 'dsr-ipip']);
      await begunInSnat.finish();
      await begunInDsr.finish();
      assertClean(await short.stop(), 50);
      assert.deepEqual(await readDrops(agent), drops);
    });

    it('keeps a connection that is used again and again over the switches', async () => {
      const kept = await startLoad(lab, { workers: 2, keepAlive: true, pause: 2, url: lab.url(family) });
      for (const mode of ['dsr', 'snat', 'dsr', 'snat']) {
        await agent.must(`mode update ${mode}`);
        await sleep(150);
      }
      const report = await kept.stop();
      assertClean(report, 50);
    });

    it("says what DSR cannot do: a backend that listens on another port than the service's", async () => {
      const backends = endpoints(lab, 8080, lab.backends, family);
      const warning = `service ${id(3)}: DSR leaves port 81 as it is, but ${backends.split(',')[0]} and 1 more are given with another`;
      const warned = (text: string) => assert.ok(text.replace(/\s+/g, ' ').includes(warning), text);
      const created = await agent.tell(`service update --id=${id(3)} --frontend=${frontendOf(lab, family, 81)} --backends=${backends}`);
      assert.equal(created.stderr, '');
      warned((await agent.tell('mode update dsr')).stderr);
      warned((await readStatus(agent)).warnings.join('\n'));
      warned((await agent.tell(`service update --id=${id(3)} --mode=dsr`)).stderr);
      assert.equal((await agent.tell(`service update --id=${id(3)} --mode=snat`)).stderr, '');
      assert.deepEqual((await readStatus(agent)).warnings, []);
      await agent.must(`service delete --id=${id(3)}`);
      await agent.must('mode update snat');
    });

    it('gives one service a mode of its own, which the switch of the others leaves alone', async () => {
      const second = lab.url(family, { port: 8080 });
      await setService(lab, agent, id(2), frontendOf(lab, family, 8080), 8080);
      await agent.must(`service update --id=${id(2)} --mode=dsr`);
      await getPage(lab, { family, localPort: localPort(23101) });
      await getPage(lab, { localPort: localPort(23102), url: second });
      assert.deepEqual([await modeOf(id(1), localPort(23101)), await modeOf(id(2), localPort(23102))], ['snat', 'dsr-ipip']);
      await agent.must(`service update --id=${id(2)} --mode=snat`);
      await agent.must('mode update dsr');
      await getPage(lab, { family, localPort: localPort(23103) });
      await getPage(lab, { localPort: localPort(23104), url: second });
      assert.deepEqual([await modeOf(id(1), localPort(23103)), await modeOf(id(2), localPort(23104))], ['dsr-ipip', 'snat']);
      const ours = (await readServices(agent)).filter((service) => [id(1), id(2)].includes(service.id));
      assert.deepEqual(
        ours.map(({ mode, ownMode }) => [mode, ownMode]),
        [
          ['dsr', false],
          ['snat', true],
        ],
      );
      await agent.must('mode update snat');
    });
  }
});
