// A mode switch breaks nothing: flows keep the way that they began with, new ones get the new one, and no request fails.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { startLoad } from '../../samples/founding-lab/loader.js';
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
    ({ lab, agent } = await openSetting({ backends: 2, decap: 'tc', bigFileBytes: LONG_FILE_BYTES }, SNAT));
    await setService(lab, agent, 1);
  });
  after(async () => lab?.remove());

  it('fails no request and breaks no long download, from SNAT to DSR and back, twice', async () => {
    const drops = await readDrops(agent);
    const short = await startLoad(lab, { workers: 4 });
    const begunInSnat = await startLongDownload(lab, 23001);
    assert.match(await agent.must('mode update dsr'), /mode dsr \(was snat\)/);
    const begunInDsr = await startLongDownload(lab, 23002);
    const { bytes } = begunInSnat;
    await sleep(300);
    for (const mode of ['snat', 'dsr', 'snat']) {
      await agent.must(`mode update ${mode}`);
      await sleep(300);
    }
    assert.ok(begunInSnat.bytes > bytes, 'data came over the switches');
    assert.deepEqual([await modeOf(1, 23001), await modeOf(1, 23002)], ['snat', 'dsr-ipip']);
    await begunInSnat.finish();
    await begunInDsr.finish();
    assertClean(await short.stop(), 50);
    assert.deepEqual(await readDrops(agent), drops);
  });

  it('keeps a connection that is used again and again over the switches', async () => {
    const kept = await startLoad(lab, { workers: 2, keepAlive: true, pause: 2 });
    for (const mode of ['dsr', 'snat', 'dsr', 'snat']) {
      await agent.must(`mode update ${mode}`);
      await sleep(150);
    }
    const report = await kept.stop();
    assertClean(report, 50);
  });

  it("says what DSR cannot do: a backend that listens on another port than the service's", async () => {
    const frontend = `${lab.vip}:81`;
    const warning = /service 3: DSR leaves port 81 as it is, but 20\.1\.1\.10:8080 and 1 more are given with another/;
    assert.equal((await agent.tell(`service update --id=3 --frontend=${frontend} --backends=${endpoints(lab, 8080)}`)).stderr, '');
    assert.match((await agent.tell('mode update dsr')).stderr, warning);
    assert.match((await readStatus(agent)).warnings.join('\n'), warning);
    assert.match((await agent.tell('service update --id=3 --mode=dsr')).stderr, warning);
    assert.equal((await agent.tell('service update --id=3 --mode=snat')).stderr, '');
    assert.deepEqual((await readStatus(agent)).warnings, []);
    await agent.must('service delete --id=3');
    await agent.must('mode update snat');
  });

  it('gives one service a mode of its own, which the switch of the others leaves alone', async () => {
    await setService(lab, agent, 2, `${lab.vip}:8080`, 8080);
    await agent.must('service update --id=2 --mode=dsr');
    await getPage(lab, { localPort: 23101 });
    await getPage(lab, { localPort: 23102, url: `http://${lab.vip}:8080/` });
    assert.deepEqual([await modeOf(1, 23101), await modeOf(2, 23102)], ['snat', 'dsr-ipip']);
    await agent.must('service update --id=2 --mode=snat');
    await agent.must('mode update dsr');
    await getPage(lab, { localPort: 23103 });
    await getPage(lab, { localPort: 23104, url: `http://${lab.vip}:8080/` });
    assert.deepEqual([await modeOf(1, 23103), await modeOf(2, 23104)], ['dsr-ipip', 'snat']);
    assert.deepEqual(
      (await readServices(agent)).map(({ mode, ownMode }) => [mode, ownMode]),
      [
        ['dsr', false],
        ['snat', true],
      ],
    );
  });
});
