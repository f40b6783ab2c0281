// An IPv4 service on backends with IPv6 addresses, end to end: DSR carries IPv4 in IPv6, and what cannot is refused.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import { installDecap } from '../../samples/founding-lab/decap.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { askUdp, startUdpEcho } from '../../samples/founding-lab/udp.js';
import { DSR, endpoints, openSetting, readFlows, readServices, requireRoot, SUITE_TIMEOUT } from './support/setting.js';
import { assertAllReached, download, getPage, upload } from './support/traffic.js';

for (const hook of ['tc', 'xdp'] as const) {
  describe(`IPv4 over IPv6 backends end to end, taken off by ${hook}`, function () {
    this.timeout(SUITE_TIMEOUT);
    let lab: Lab;
    let agent: AgentProcess;

    before(async function () {
      requireRoot(this);
      ({ lab, agent } = await openSetting({ backends: 2, bigFileBytes: 20 * 1024 * 1024 }, DSR));
      for (const host of lab.backends) await installDecap(host, [lab.vip], hook);
      const backends = endpoints(lab, 80, lab.backends, 6);
      await agent.must(`service update --id=1 --frontend=${lab.vip}:80 --backends=${backends}`);
    });
    after(async () => lab?.remove());

    it('serves pages of every backend at the IPv4 address', async () => {
      await assertAllReached(lab);
      await getPage(lab, { localPort: 22001 });
      const flow = (await readFlows(agent, 1)).find(({ sourcePort }) => sourcePort === 22001);
      assert.equal(flow?.mode, 'dsr-ipip6');
      assert.match(flow.backend, /^2001:db8:20::/);
    });

    it('carries 20 MB whole to the client and from it', async () => {
      assert.equal(await download(lab), lab.bigFileDigest);
      assert.equal(await upload(lab, 'over6'), lab.bigFileDigest);
    });

    it('carries UDP, each flow to one backend', async () => {
      const to = endpoints(lab, 5353, lab.backends, 6);
      await agent.must(`service update --id=3 --frontend=${lab.vip}:5353/udp --backends=${to}`);
      const echoes = await startUdpEcho(lab, 5353);
      const report = await askUdp(lab, { port: 5353, sockets: 24, datagrams: 5, size: 1400 });
      await Promise.all(echoes.map((echo) => echo.stop()));
      assert.deepEqual([report.sent, report.answered, report.moved], [120, 120, 0]);
      assert.equal(Object.keys(report.backends).length, 2);
    });

    it('refuses a switch to SNAT, and lets it happen for the others once the service has DSR as its own mode', async () => {
      const refused = await agent.tell('mode update snat');
      assert.match(refused.stderr, /service 1: .*SNAT cannot reach.*\(FL_E_CONFLICT\)/);
      assert.equal((await readServices(agent))[0]?.mode, 'dsr');
      await assertAllReached(lab);
      for (const id of [1, 3]) await agent.must(`service update --id=${id} --mode=dsr`);
      assert.match(await agent.must('mode update snat'), /2 with a mode of their own/);
      await assertAllReached(lab);
      const snat = await agent.tell('service update --id=1 --mode=snat');
      assert.match(snat.stderr, /FL_E_CONFLICT/);
    });
  });
}
