// Path MTU discovery and errors end to end: links of 1500 bytes everywhere, so that DSR's outer header does not fit beside a full packet,
// and no MSS is changed anywhere. The client's kernel has to be told, and to believe it.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import { installDecap } from '../../samples/founding-lab/decap.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { FAMILIES } from '../../samples/founding-lab/options.js';
import { frontendOf, serviceIdOf } from './support/family.js';
import { DSR, openSetting, readStatus, requireRoot, SNAT, SUITE_TIMEOUT, setService } from './support/setting.js';
import { upload } from './support/traffic.js';

const OUTER = { 4: 20, 6: 40 } as const;

async function countOf(agent: AgentProcess, reason: string): Promise<number> {
  const { counters } = await readStatus(agent);
  return counters.find(({ name }) => name === reason)?.packets ?? 0;
}

describe('path MTU discovery end to end: DSR by IPIP over links of 1500 bytes', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 2, mtu: 1500, clientMtu: 1500, bigFileBytes: 20 * 1024 * 1024 }, DSR));
    for (const host of lab.backends) await installDecap(host, FAMILIES.map(lab.vipOf), 'tc');
    for (const family of FAMILIES) await setService(lab, agent, serviceIdOf(family, 1), frontendOf(lab, family));
  });
  after(async () => lab?.remove());

  for (const family of FAMILIES) {
    it(`an upload of 20 MB arrives whole: the client learns what fits (IPv${family})`, async () => {
      const before = await countOf(agent, 'too_big_answered');
      assert.equal(await upload(lab, `pmtu${family}`, 'client', family), lab.bigFileDigest);
      assert.ok((await countOf(agent, 'too_big_answered')) > before, 'nothing was too big');
      assert.equal(await countOf(agent, 'too_big'), 0);
      const { stdout } = await lab.host('client').run(['ip', 'route', 'get', lab.vipOf(family)]);
      assert.match(stdout, new RegExp(`mtu ${1500 - OUTER[family]}\\b`));
    });
  }
});

/** Sends a datagram by a connected socket and prints the error that the kernel reports for it. */
const ASK = `
const [address, port] = process.argv.slice(1);
const socket = require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
const done = (text) => { process.stdout.write(text); process.exit(0); };
socket.on('error', (error) => done(error.code));
socket.connect(Number(port), address, () => socket.send('anybody?'));
setTimeout(() => done('silence'), 5000);
`;

describe('ICMP errors end to end: SNAT', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 1, web: false }, SNAT));
  });
  after(async () => lab?.remove());

  for (const family of FAMILIES) {
    it(`a ping to the service's address is answered by the program (IPv${family})`, async () => {
      await setService(lab, agent, serviceIdOf(family, 1), frontendOf(lab, family));
      const before = await countOf(agent, 'vip_echo');
      await lab.host('client').run(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '5', '-s', '1000', lab.vipOf(family)], { timeout: 20_000 });
      assert.equal(await countOf(agent, 'vip_echo'), before + 3);
    });

    it(`a closed port of the backend is told to the client's socket (IPv${family})`, async () => {
      await setService(lab, agent, serviceIdOf(family, 2), frontendOf(lab, family, 9999, 'udp'), 9999);
      const before = await countOf(agent, 'icmp_to_client');
      const { stdout } = await lab.host('client').run([process.execPath, '-e', ASK, lab.vipOf(family), '9999'], { timeout: 20_000 });
      assert.equal(stdout, 'ECONNREFUSED');
      assert.equal(await countOf(agent, 'icmp_to_client'), before + 1);
    });
  }
});
