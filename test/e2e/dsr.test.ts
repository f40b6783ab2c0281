// DSR end to end, for each address family and in each of its ways: IPIP taken off by tc, IPIP taken off by XDP, and L2.
// Replies never pass the LB.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import type { Family } from '../../agent/model/address.js';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import { captureDuring } from '../../samples/founding-lab/capture.js';
import { installDecap } from '../../samples/founding-lab/decap.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { askUdp, startUdpEcho } from '../../samples/founding-lab/udp.js';
import { frontendOf, localPortOf, serviceIdOf, TESTED_FAMILIES } from './support/family.js';
import { DSR, openSetting, readFlows, requireRoot, SUITE_TIMEOUT, setService } from './support/setting.js';
import { assertAllReached, download, getPage, IPERF_RUNS, leastOf, runIperf, setIperfServices, upload } from './support/traffic.js';

const WAYS = [
  { way: 'IPIP, taken off by tc', hook: 'tc', dispatch: 'ipip', megabytes: 100 },
  { way: 'IPIP, taken off by XDP', hook: 'xdp', dispatch: 'ipip', megabytes: 20 },
  { way: 'L2', hook: 'l2', dispatch: 'l2', megabytes: 20 },
] as const;

for (const { way, hook, dispatch, megabytes } of WAYS) {
  describe(`DSR end to end: ${way}`, function () {
    this.timeout(SUITE_TIMEOUT);
    let lab: Lab;
    let agent: AgentProcess;

    before(async function () {
      requireRoot(this);
      ({ lab, agent } = await openSetting({ backends: 2, bigFileBytes: megabytes * 1024 * 1024 }, [...DSR, `--dsr-dispatch=${dispatch}`]));
      for (const host of lab.backends) await installDecap(host, TESTED_FAMILIES.map(lab.vipOf), hook);
      for (const family of TESTED_FAMILIES) await setService(lab, agent, serviceIdOf(family, 1), frontendOf(lab, family));
    });
    after(async () => lab?.remove());

    for (const family of TESTED_FAMILIES) {
      describe(`IPv${family}`, () => describeFamily(family));
    }

    function describeFamily(family: Family): void {
      const id = (number: number) => serviceIdOf(family, number);
      const localPort = (port: number) => localPortOf(family, port);

      it('reaches every backend', async () => {
        await assertAllReached(lab, { family });
      });

      it('sends requests alone through the LB', async () => {
        const seen = await captureDuring(lab, async () => void (await getPage(lab, { family, localPort: localPort(22001) })), family);
        assert.ok(seen.requests > 3, `${seen.requests} requests`);
        // By L2 a packet leaves with the addresses that it came with: the capture sees it twice.
        const came = dispatch === 'l2' ? seen.requests / 2 : seen.requests;
        assert.deepEqual(
          [seen.wrapped, seen.rewritten, seen.replies, seen.translated, seen.other],
          [dispatch === 'l2' ? 0 : came, 0, 0, 0, 0],
        );
        const flow = (await readFlows(agent, id(1))).find(({ sourcePort }) => sourcePort === localPort(22001));
        assert.deepEqual([flow?.mode, flow?.snatPort, flow?.rxPackets, flow?.rxBytes], [`dsr-${dispatch}`, null, null, null]);
        assert.equal(flow?.txPackets, came);
      });

      it(`carries ${megabytes} MB whole to the client and from it`, async () => {
        assert.equal(await download(lab, 'client', family), lab.bigFileDigest);
        assert.equal(await upload(lab, `dsr${family}`, 'client', family), lab.bigFileDigest);
      });

      it('carries UDP, each flow to one backend', async () => {
        await setService(lab, agent, id(3), frontendOf(lab, family, 5353, 'udp'), 5353);
        const echoes = await startUdpEcho(lab, 5353);
        const report = await askUdp(lab, { address: lab.vipOf(family), port: 5353, sockets: 24, datagrams: 5, size: 1400 });
        await Promise.all(echoes.map((echo) => echo.stop()));
        assert.deepEqual([report.sent, report.answered, report.moved], [120, 120, 0]);
        assert.equal(Object.keys(report.backends).length, 2);
      });

      it('carries iperf3, TCP both ways and UDP', async () => {
        const [backend] = lab.backends;
        assert.ok(backend !== undefined);
        await setIperfServices(lab, agent, id(4), backend, family);
        for (const flags of IPERF_RUNS) {
          const received = await runIperf(lab, backend, flags, lab.vipOf(family));
          assert.ok(received > leastOf(flags), `${flags.join(' ')}: ${received} bytes received`);
        }
      });
    }
  });
}
