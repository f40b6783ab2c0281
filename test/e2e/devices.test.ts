// Several devices, and the ways of XDP on them: requests and replies are handed from device to device; generic XDP; another's program.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type AgentProcess, agentCommand, startAgent } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import { createLab, type Lab } from '../../samples/founding-lab/lab.js';
import { startLoad } from '../../samples/founding-lab/loader.js';
import { pinsOf, xdpOn } from './support/kernel.js';
import { readFlows, readStatus, requireRoot, SUITE_TIMEOUT, setService } from './support/setting.js';
import { assertAllReached, assertClean, download, upload } from './support/traffic.js';

const FLAGS = ['--bpf-lb-mode=snat', '--device=eth0,eth1'] as const;
const BIG = 10 * 1024 * 1024;

describe('several devices end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess | undefined;

  before(async function () {
    requireRoot(this);
    lab = await createLab({ backends: 2, secondClient: true, decap: 'tc', bigFileBytes: BIG });
  });
  after(async () => lab?.remove());

  it("refuses a device with somebody else's program, names it, and touches nothing", async () => {
    const { namespace } = lab.host('lb');
    const eth1 = (mode: string, ...rest: string[]) => runCommand(['ip', '-n', namespace, 'link', 'set', 'dev', 'eth1', mode, ...rest]);
    await eth1('xdpdrv', 'obj', join(lab.folder, 'pass.o'), 'sec', 'xdp');
    const foreign = await xdpOn(lab.host('lb'), 'eth1');
    assert.ok(foreign !== undefined);
    const command = agentCommand(lab, FLAGS);
    const { status, stderr } = await lab.host('lb').run(command, { input: 'exit\n', check: false, timeout: 60_000 });
    assert.equal(status, 1, stderr);
    assert.match(stderr, new RegExp(`^error: .*eth1.*\\b${foreign.id}\\b`, 'm'));
    assert.match(stderr, /FL_E_FOREIGN_PROGRAM/);
    assert.deepEqual(await xdpOn(lab.host('lb'), 'eth1'), foreign);
    assert.equal(await xdpOn(lab.host('lb'), 'eth0'), undefined);
    assert.deepEqual(pinsOf(lab.name), []);
    await eth1('xdpdrv', 'off');
  });

  for (const mode of ['snat', 'dsr'] as const) {
    it(`serves a client behind another device than the backends, in ${mode} mode`, async () => {
      agent ??= await startAgent(lab, FLAGS);
      await setService(lab, agent, 1);
      await agent.must(`mode update ${mode}`);
      for (const client of ['client', 'client2']) await assertAllReached(lab, { from: client });
      assert.equal(await download(lab, 'client2'), lab.bigFileDigest);
      assert.equal(await upload(lab, mode, 'client2'), lab.bigFileDigest);
      const flows = await readFlows(agent, 1);
      const action = mode === 'snat' ? 'snat' : 'dsr-ipip';
      for (const source of ['20.1.1.100', '30.1.1.100']) {
        assert.ok(
          flows.some((flow) => flow.source === source && flow.mode === action),
          `${action} flow from ${source}`,
        );
      }
    });
  }

  it('takes a device off that is not asked for any more, and leaves the other serving', async () => {
    agent ??= await startAgent(lab, FLAGS);
    await setService(lab, agent, 1);
    await agent.must('mode update snat');
    await agent.kill();
    const load = await startLoad(lab, { workers: 2, pause: 4 });
    agent = await startAgent(lab, ['--device=eth0']);
    assert.match(agent.startOutput, /eth1: not asked for any more, taken off/);
    assert.equal(await xdpOn(lab.host('lb'), 'eth1'), undefined);
    assertClean(await load.stop(), 20);
  });

  it('works in generic mode, in SNAT and in DSR', async () => {
    await agent?.kill();
    agent = await startAgent(lab, [...FLAGS, '--xdp-mode=generic']);
    await setService(lab, agent, 1);
    assert.deepEqual(
      (await readStatus(agent)).devices.map((device) => device.xdpMode),
      ['generic', 'generic'],
    );
    assert.equal((await xdpOn(lab.host('lb')))?.mode, 'generic');
    for (const mode of ['snat', 'dsr']) {
      await agent.must(`mode update ${mode}`);
      for (const client of ['client', 'client2']) await assertAllReached(lab, { from: client });
      assert.equal(await download(lab), lab.bigFileDigest);
      assert.equal(await upload(lab, `generic-${mode}`), lab.bigFileDigest);
    }
  });
});
