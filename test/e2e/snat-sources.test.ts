// SNAT from several addresses end to end: a backend has as many flows as addresses and ports give, and what status says of it.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { type AgentProcess, startAgent } from '../../samples/founding-lab/agent-process.js';
import { createLab, type Lab } from '../../samples/founding-lab/lab.js';
import { askUdp, startUdpEcho } from '../../samples/founding-lab/udp.js';
import { frontendOf } from './support/family.js';
import { endpoints, readDrops, readFlows, readStatus, requireRoot, SNAT, SUITE_TIMEOUT } from './support/setting.js';
import { assertAllReached, download } from './support/traffic.js';

const SECOND = { 4: '20.1.1.2', 6: '2001:db8:20::2' } as const;
const FIRST = { 4: '20.1.1.1', 6: '2001:db8:20::1' } as const;
/** Ports of the range, and flows: more than one address has ports, fewer than two have. */
const PORTS = 100;
const FLOWS = 140;

describe('SNAT from several addresses end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    lab = await createLab({ backends: 1 });
    for (const family of [4, 6] as const) {
      const nodad = family === 6 ? ['nodad'] : [];
      await lab.host('lb').run(['ip', 'addr', 'add', `${SECOND[family]}/${family === 4 ? 24 : 64}`, 'dev', 'eth0', ...nodad]);
    }
    const addresses = [FIRST[4], SECOND[4], FIRST[6], SECOND[6]].join(',');
    agent = await startAgent(lab, [...SNAT, `--snat-range=20000-${20000 + PORTS - 1}`, `--snat-address=${addresses}`]);
  });
  after(async () => lab?.remove());

  for (const family of [4, 6] as const) {
    it(`gives one IPv${family} backend more flows than one address has ports`, async () => {
      const to = endpoints(lab, 5353, lab.backends, family);
      await agent.must(`service update --id=${family} --frontend=${frontendOf(lab, family, 5353, 'udp')} --backends=${to}`);
      const echoes = await startUdpEcho(lab, 5353);
      const report = await askUdp(lab, { address: lab.vipOf(family), port: 5353, sockets: FLOWS, datagrams: 2 });
      await Promise.all(echoes.map((echo) => echo.stop()));
      assert.deepEqual([report.answered, report.moved], [2 * FLOWS, 0]);
      assert.equal((await readDrops(agent)).snat_ports, 0);
      const flows = await readFlows(agent, family);
      assert.equal(flows.length, FLOWS);
      const pairs = new Set(flows.map(({ snatAddress, snatPort }) => `${snatAddress} ${snatPort}`));
      assert.equal(pairs.size, FLOWS, 'no two flows share address and port');
      const { snatPorts, warnings } = await readStatus(agent);
      const gauge = snatPorts.find((one) => one.family === family);
      const [backend] = lab.backends;
      assert.deepEqual(gauge, { family, address: backend?.addressOf(family), port: 5353, protocol: 'udp', inUse: FLOWS, limit: 2 * PORTS });
      assert.deepEqual(warnings, []);
      assert.deepEqual([...new Set(flows.map(({ snatAddress }) => snatAddress))].sort(), [FIRST[family], SECOND[family]]);
    });
  }

  it('carries TCP, content whole', async () => {
    await agent.must(`service update --id=1 --frontend=${frontendOf(lab, 4)} --backends=${endpoints(lab)}`);
    await assertAllReached(lab);
    assert.equal(await download(lab), lab.bigFileDigest);
  });
});
