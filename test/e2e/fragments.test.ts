// Fragmented datagrams end to end: requests and answers of 4000 bytes over links of 1500, for each address family, under SNAT and DSR.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import type { Family } from '../../agent/model/address.js';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import { installDecap } from '../../samples/founding-lab/decap.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { askUdp, startUdpEcho } from '../../samples/founding-lab/udp.js';
import { frontendOf, serviceIdOf } from './support/family.js';
import { DSR, openSetting, readStatus, requireRoot, SNAT, SUITE_TIMEOUT, setService } from './support/setting.js';

const PORT = 5353;
/** Of a datagram; with its header 3 fragments. */
const BYTES = 4000;
const FAMILIES: readonly Family[] = [4, 6];

const WAYS = [
  { way: 'SNAT', flags: SNAT, hook: undefined, requests: 'snat_request', replies: 'snat_reply' },
  { way: 'DSR by IPIP', flags: [...DSR, '--dsr-dispatch=ipip'], hook: 'tc', requests: 'dsr_ipip', replies: undefined },
  { way: 'DSR by L2', flags: [...DSR, '--dsr-dispatch=l2'], hook: 'l2', requests: 'dsr_l2', replies: undefined },
] as const;

for (const { way, flags, hook, requests, replies } of WAYS) {
  describe(`fragments end to end: ${way}`, function () {
    this.timeout(SUITE_TIMEOUT);
    let lab: Lab;
    let agent: AgentProcess;

    before(async function () {
      requireRoot(this);
      ({ lab, agent } = await openSetting({ backends: 2, web: false }, flags));
      if (hook !== undefined) for (const host of lab.backends) await installDecap(host, FAMILIES.map(lab.vipOf), hook);
    });
    after(async () => lab?.remove());

    for (const family of FAMILIES) {
      it(`carries datagrams of ${BYTES} bytes whole, there and back (IPv${family})`, async () => {
        const count = async (name: string) => (await readStatus(agent)).counters.find((counter) => counter.name === name)?.packets ?? 0;
        await setService(lab, agent, serviceIdOf(family, 1), frontendOf(lab, family, PORT, 'udp'), PORT);
        const echoes = await startUdpEcho(lab, PORT);
        const [asked, answered] = [await count(requests), replies === undefined ? 0 : await count(replies)];
        const address = lab.vipOf(family);
        const report = await askUdp(lab, { address, port: PORT, sockets: 8, datagrams: 5, size: BYTES, timeout: 3000 });
        await Promise.all(echoes.map((echo) => echo.stop()));
        assert.deepEqual([report.sent, report.answered, report.moved], [40, 40, 0]);
        assert.equal(Object.keys(report.backends).length, 2);
        assert.equal((await count(requests)) - asked, 40 * 3);
        if (replies !== undefined) assert.equal((await count(replies)) - answered, 40 * 3);
      });
    }
  });
}
