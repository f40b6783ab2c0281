// The agent's life is not the data plane's: killed, left, stopped and started again, it disturbs nothing and takes over what it finds.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentProcess, agentCommand, startAgent } from '../../samples/founding-lab/agent-process.js';
import type { CommandResult } from '../../samples/founding-lab/command.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { startLoad } from '../../samples/founding-lab/loader.js';
import { bpftool, mapExists, mapPinsOf, pinsOf, programExists, xdpOn } from './support/kernel.js';
import { LONG_FILE_BYTES, startLongDownload } from './support/long-download.js';
import {
  identityOf,
  openSetting,
  readDrops,
  readFlows,
  readServices,
  readStatus,
  requireRoot,
  SNAT,
  SUITE_TIMEOUT,
  setService,
  waitFor,
} from './support/setting.js';
import { assertAllReached, assertClean, isServed } from './support/traffic.js';

describe("the agent's life end to end", function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  /** Runs an agent to its end with this input. */
  const pipe = (input: string, ...flags: readonly string[]): Promise<CommandResult> =>
    lab.host('lb').run(agentCommand(lab, [...SNAT, ...flags]), { input, check: false, timeout: 60_000 });

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 2, bigFileBytes: LONG_FILE_BYTES }, SNAT));
    await setService(lab, agent, 1);
    await agent.must('service update --id=1 --backends=20.1.1.10:80,20.1.1.20:80 --backend-weights=2,3');
    await setService(lab, agent, 2, `${lab.vip}:81`, 8080);
  });
  after(async () => lab?.remove());

  it('is killed under load without a failed request, and adopts services, flows, link and program', async () => {
    const findFlow = async () => (await readFlows(agent, 1)).find(({ sourcePort }) => sourcePort === 24001);
    const before = { identity: await identityOf(agent), services: await readServices(agent), xdp: await xdpOn(lab.host('lb')) };
    const drops = await readDrops(agent);
    const load = await startLoad(lab, { workers: 4, pause: 4, url: `http://${lab.vip}:81/` });
    const long = await startLongDownload(lab, 24001);
    const flow = await findFlow();
    await agent.kill();
    await sleep(300);
    agent = await startAgent(lab, SNAT);
    assert.match(agent.startOutput, /^verify .*adopted/m);
    assert.match(agent.startOutput, /^adopt .*2 services, 4 backends, [1-9]\d* flows/m);
    assert.deepEqual(await identityOf(agent), before.identity);
    assert.deepEqual(await xdpOn(lab.host('lb')), before.xdp);
    assert.deepEqual(await readServices(agent), before.services);
    const after = await findFlow();
    assert.deepEqual([after?.backend, after?.snatPort, after?.state], [flow?.backend, flow?.snatPort, 'ACTIVE']);
    assert.ok(Number(after?.age) >= Number(flow?.age) && Number(after?.rxBytes) >= Number(flow?.rxBytes));
    await long.finish();
    assertClean(await load.stop(), 50);
    assert.deepEqual(await readDrops(agent), drops);
  });

  it('starts with other timeouts by a new program on the same link, and keeps the flows, without a failed request', async () => {
    const before = await identityOf(agent);
    const drops = await readDrops(agent);
    const load = await startLoad(lab, { workers: 4, pause: 4 });
    const long = await startLongDownload(lab, 24002);
    await agent.kill();
    agent = await startAgent(lab, [...SNAT, '--timeout-closing=7']);
    const now = await identityOf(agent);
    assert.deepEqual(now.links, before.links);
    assert.notEqual(now.program, before.program);
    assert.equal((await xdpOn(lab.host('lb')))?.id, now.program);
    assert.equal(await programExists(before.program), false);
    await long.finish();
    assertClean(await load.stop(), 50);
    assert.deepEqual(await readDrops(agent), drops);
    const flow = (await readFlows(agent, 1)).find(({ sourcePort }) => sourcePort === 24002);
    assert.ok(Number(flow?.rxBytes) > LONG_FILE_BYTES, `the flow of the download has all its ${flow?.rxBytes} bytes`);
  });

  it('refuses to be a second agent of one instance, and names the first', async () => {
    const before = pinsOf(agent.instance);
    const { status, stderr } = await pipe('service delete --id 1\n');
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`^error: .*\\b${agent.pid}\\b`, 'm'));
    assert.deepEqual(pinsOf(agent.instance), before);
    assert.equal((await readServices(agent)).length, 2);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`ends by ${signal} in order and leaves traffic flowing`, async () => {
      const load = await startLoad(lab, { workers: 2, pause: 4 });
      await agent.kill(signal);
      await sleep(200);
      assertClean(await load.stop(), 10);
      await assertAllReached(lab);
      agent = await startAgent(lab, SNAT);
      assert.equal((await readServices(agent)).length, 2);
    });
  }

  it('leaves traffic flowing at `exit` and at the end of its input', async () => {
    assert.equal(await agent.stop(), 0);
    await assertAllReached(lab);
    const { status, stdout } = await pipe('exit\nservice delete --id 1\n');
    assert.deepEqual([status, stdout], [0, '']);
    await assertAllReached(lab);
  });

  it('takes piped commands; its exit status is that of the last one that failed', async () => {
    await agent.stop();
    const good = await pipe('service list\nexit\n');
    assert.equal(good.status, 0, good.stderr);
    assert.match(good.stdout, /40\.1\.1\.1:81/);
    assert.equal((await pipe('service get --id 77\nservice list\nexit\n')).status, 1);
    assert.equal((await pipe('service get --id 77\nservice lst\nmode get\n')).status, 2);
    assert.equal((await pipe('service lst\nservice get --id 77\nmode get\n')).status, 1);
  });

  it('says that a changed map layout loses flows, builds new maps, and serves on', async () => {
    agent = await startAgent(lab, [...SNAT, '--max-flows=5000']);
    assert.match(agent.startOutput, /map layout changed: the flows of before are lost/);
    assert.equal((await readServices(agent)).length, 2);
    assert.equal((await readStatus(agent)).flows.limit, 10_000, '5000 of each family');
    const maps = mapPinsOf(agent.instance);
    assert.equal(new Set(maps.map((path) => path.split('/').at(-2))).size, 1, 'the old maps are gone');
    const ct4 = (await bpftool('map', 'show', 'pinned', maps.find((path) => path.endsWith('/ct4')) ?? '')) as { max_entries: number };
    assert.ok(ct4.max_entries >= 5000 && ct4.max_entries < 10_000, `${ct4.max_entries} entries`);
    await assertAllReached(lab);
    await assertAllReached(lab, { url: `http://${lab.vip}:81/` });
  });

  it('unloads everything: no link, no pin, no map, no program; traffic to the VIP stops; the next start serves again', async () => {
    const { program } = await identityOf(agent);
    const maps = (await Promise.all(mapPinsOf(agent.instance).map((path) => bpftool('map', 'show', 'pinned', path)))) as { id: number }[];
    assert.ok(maps.length >= 8);
    assert.equal(await isServed(lab), true);
    assert.match(await agent.must('status'), /fairlead/);
    const { status, stdout } = await leave('unload');
    assert.equal(status, 0);
    assert.match(stdout, /unloaded/);
    assert.equal(await xdpOn(lab.host('lb')), undefined);
    assert.deepEqual(pinsOf(agent.instance), []);
    await waitFor('the program to go', async () => ((await programExists(program)) ? undefined : true), 3000);
    for (const { id } of maps) await waitFor(`map ${id} to go`, async () => ((await mapExists(id)) ? undefined : true), 3000);
    assert.equal(await isServed(lab), false);
    agent = await startAgent(lab, SNAT);
    await assertAllReached(lab);
  });

  /** `unload` ends the session, so that it has no marker after it as other commands have. */
  async function leave(line: string): Promise<CommandResult> {
    await agent.stop();
    return pipe(`${line}\n`, '--max-flows=5000');
  }
});
