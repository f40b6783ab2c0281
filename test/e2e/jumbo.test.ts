// Jumbo frames end to end: large TCP transfers over links of 9000 bytes, for each address family, under SNAT and DSR.
// Imports the lab and its siblings. Needs root, native XDP with frames of several buffers (Linux 5.18) and a current dist/.

import assert from 'node:assert/strict';
import type { Family } from '../../agent/model/address.js';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import { installDecap } from '../../samples/founding-lab/decap.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { skipTest } from '../tools/skip.js';
import { frontendOf, serviceIdOf } from './support/family.js';
import { DSR, openSetting, readStatus, requireRoot, SNAT, SUITE_TIMEOUT, setService } from './support/setting.js';
import { download, upload } from './support/traffic.js';

const BIG = 30 * 1024 * 1024;
/** The links of LB and backends take a client's full packet in an outer header, too. */
const MTU = { clientMtu: 9000, mtu: 9040 };
const FAMILIES: readonly Family[] = [4, 6];

const WAYS = [
  { way: 'SNAT', flags: SNAT, hook: undefined, requests: 'snat_request' },
  { way: 'DSR by IPIP', flags: [...DSR, '--dsr-dispatch=ipip'], hook: 'tc', requests: 'dsr_ipip' },
] as const;

for (const { way, flags, hook, requests } of WAYS) {
  describe(`jumbo frames end to end: ${way}`, function () {
    this.timeout(SUITE_TIMEOUT);
    let lab: Lab;
    let agent: AgentProcess;

    before(async function () {
      requireRoot(this);
      if (!createLinuxPlatform().capabilities.multiBuffer) skipTest(this, "this kernel's XDP has no frames of several buffers");
      ({ lab, agent } = await openSetting({ backends: 2, bigFileBytes: BIG, ...MTU }, [...flags, '--xdp-mode=native']));
      if (hook !== undefined) for (const host of lab.backends) await installDecap(host, FAMILIES.map(lab.vipOf), hook);
      for (const family of FAMILIES) await setService(lab, agent, serviceIdOf(family, 1), frontendOf(lab, family));
    });
    after(async () => lab?.remove());

    for (const family of FAMILIES) {
      it(`carries ${BIG >> 20} MiB whole to the client and from it (IPv${family})`, async () => {
        const counted = async () => (await readStatus(agent)).counters.find(({ name }) => name === requests) ?? { packets: 0, bytes: 0 };
        assert.equal(await download(lab, 'client', family), lab.bigFileDigest);
        const before = await counted();
        assert.equal(await upload(lab, `jumbo${family}`, 'client', family), lab.bigFileDigest);
        const after = await counted();
        // Handshake and acknowledgements apart, every packet is full: less would mean that jumbo frames were not counted whole, or not used.
        const mean = (after.bytes - before.bytes) / (after.packets - before.packets);
        assert.ok(after.bytes - before.bytes > BIG && mean > 6000, `${mean} bytes a frame`);
      });
    }
  });
}
