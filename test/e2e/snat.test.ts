// SNAT end to end, for each address family: every backend is reached, content is whole both ways at 100 MB, UDP, iperf3,
// and what dumpstate says of it.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import type { Family } from '../../agent/model/address.js';
import type { FlowView } from '../../agent/model/views.js';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import { captureDuring } from '../../samples/founding-lab/capture.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { askUdp, startUdpEcho } from '../../samples/founding-lab/udp.js';
import { frontendOf, localPortOf, serviceIdOf, TESTED_FAMILIES } from './support/family.js';
import { openSetting, readFlows, requireRoot, SNAT, SUITE_TIMEOUT, setService } from './support/setting.js';
import {
  assertAllReached,
  countPages,
  download,
  getPage,
  IPERF_RUNS,
  leastOf,
  runIperf,
  setIperfServices,
  upload,
} from './support/traffic.js';

const BIG = 100 * 1024 * 1024;

describe('SNAT end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 4, bigFileBytes: BIG }, SNAT));
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

    it('sends requests and replies through the LB, rewritten', async () => {
      const seen = await captureDuring(lab, async () => void (await getPage(lab, { family })), family);
      assert.ok(seen.requests > 3 && seen.replies > 3, `${seen.requests} requests, ${seen.replies} replies`);
      assert.deepEqual([seen.rewritten, seen.translated, seen.wrapped, seen.other], [seen.requests, seen.replies, 0, 0]);
    });

    it('carries 100 MB whole to the client and from it', async () => {
      assert.equal(await download(lab, 'client', family), lab.bigFileDigest);
      assert.equal(await upload(lab, `snat${family}`, 'client', family), lab.bigFileDigest);
    });

    it('shows the flow of a request as it was', async () => {
      const { backend } = await getPage(lab, { family, localPort: localPort(21001) });
      const flow = (await readFlows(agent, id(1))).find(({ sourcePort }) => sourcePort === localPort(21001));
      assert.ok(flow !== undefined);
      const { source, destination, destinationPort, protocol, backendPort, mode, state } = flow;
      assert.deepEqual(
        { source, destination, destinationPort, protocol, backend: flow.backend, backendPort, mode, state },
        {
          source: lab.host('client').addressOf(family),
          destination: lab.vipOf(family),
          destinationPort: 80,
          protocol: 'tcp',
          backend: lab.host(backend).addressOf(family),
          backendPort: 80,
          mode: 'snat',
          state: 'CLOSING',
        },
      );
      assert.ok(flow.txPackets >= 4 && flow.txPackets < 20, `${flow.txPackets} packets to the backend`);
      assert.ok((flow.rxPackets ?? 0) >= 3 && (flow.rxPackets ?? 0) < 20, `${flow.rxPackets} packets to the client`);
      assert.ok(flow.snatPort !== undefined && flow.snatPort >= 1024 && flow.snatPort < 32768, `SNAT port ${flow.snatPort}`);
      assert.ok(flow.age < 30 && flow.idle <= flow.age);
    });

    it("keeps two services of one VIP apart, in traffic and in each other's dumpstate", async () => {
      await setService(lab, agent, id(2), frontendOf(lab, family, 81), 8080);
      const portsOf = (flows: readonly FlowView[]) => [...new Set(flows.map((flow) => `${flow.destinationPort} ${flow.backendPort}`))];
      // Those of earlier tests end meanwhile.
      const before = new Set((await readFlows(agent, id(1))).map(({ sourcePort }) => sourcePort));
      await countPages(lab, 10, { family });
      await countPages(lab, 7, { url: lab.url(family, { port: 81 }) });
      const first = await readFlows(agent, id(1));
      const second = await readFlows(agent, id(2));
      assert.equal(second.length, 7);
      const fresh = first.filter(({ sourcePort }) => !before.has(sourcePort)).length;
      assert.ok(fresh >= 10 - 1, `${fresh} new flows`);
      assert.deepEqual(portsOf(first), ['80 80']);
      assert.deepEqual(portsOf(second), ['81 8080']);
    });

    it('carries UDP, each flow to one backend', async () => {
      await setService(lab, agent, id(3), frontendOf(lab, family, 5353, 'udp'), 5353);
      const echoes = await startUdpEcho(lab, 5353);
      const report = await askUdp(lab, { address: lab.vipOf(family), port: 5353, sockets: 48, datagrams: 5, size: 1400 });
      await Promise.all(echoes.map((echo) => echo.stop()));
      assert.deepEqual([report.sent, report.answered, report.moved], [240, 240, 0]);
      assert.equal(Object.keys(report.backends).length, 4);
      const flows = await readFlows(agent, id(3));
      assert.equal(flows.length, 48);
      assert.deepEqual(new Set(flows.map((flow) => `${flow.protocol} ${flow.txPackets} ${flow.rxPackets}`)), new Set(['udp 5 5']));
    });

    it('carries iperf3, TCP both ways and UDP', async () => {
      const [backend] = lab.backends;
      assert.ok(backend !== undefined);
      await setIperfServices(lab, agent, id(4), backend, family);
      for (const flags of IPERF_RUNS) {
        const received = await runIperf(lab, backend, flags, backend.addressOf(family));
        assert.ok(received > leastOf(flags), `${flags.join(' ')}: ${received} bytes received`);
      }
    });
  }
});
