// SYN challenges end to end: a real client's TCP proves its address by itself, and notices nothing.
// Imports the lab and its siblings. Needs root, native XDP, Linux 6.0 and a current dist/.

import assert from 'node:assert/strict';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import { skipTest } from '../tools/skip.js';
import { frontendOf, serviceIdOf, TESTED_FAMILIES } from './support/family.js';
import { openSetting, readStatus, requireRoot, SNAT, SUITE_TIMEOUT, setService } from './support/setting.js';
import { getPage } from './support/traffic.js';

describe('SYN challenges end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    if (!createLinuxPlatform().capabilities.synCookies) skipTest(this, 'this kernel makes no SYN cookies for BPF programs');
    ({ lab, agent } = await openSetting({ backends: 1 }, [...SNAT, '--syn-challenge=always']));
    for (const family of TESTED_FAMILIES) await setService(lab, agent, serviceIdOf(family, 1), frontendOf(lab, family));
  });
  after(async () => lab?.remove());

  for (const family of TESTED_FAMILIES) {
    it(`asks a client once, and not again for the next connections (IPv${family})`, async () => {
      const count = async () => {
        const { counters } = await readStatus(agent);
        return ['syn_challenged', 'syn_proven'].map((reason) => counters.find(({ name }) => name === reason)?.packets ?? 0);
      };
      const before = await count();
      for (const _ of ['asked', 'known', 'known']) {
        await getPage(lab, { family });
        const grown = (await count()).map((now, i) => now - (before[i] ?? 0));
        assert.deepEqual(grown, [1, 1]);
      }
    });
  }
});
