// Backends come, go, are drained, move to another MAC address, or do not answer yet; the others' traffic never notices.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceView } from '../../agent/model/views.js';
import { type AgentProcess, startAgent } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import type { Host } from '../../samples/founding-lab/host.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { startLoad } from '../../samples/founding-lab/loader.js';
import { macInMap } from './support/kernel.js';
import { LONG_FILE_BYTES, startLongDownload } from './support/long-download.js';
import { endpoints, openSetting, readDrops, readFlows, requireRoot, SNAT, SUITE_TIMEOUT, setService, waitFor } from './support/setting.js';
import { assertClean, countPages, isServed } from './support/traffic.js';

/** Milliseconds in which traffic must find a backend again. The kernel's answers come within a few; a busy machine takes its time. */
const SOON = 3000;

describe('backends end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  const getService = async (id: number) => ((await agent.json(`service get --id ${id}`)) as { service: ServiceView }).service;
  const changeMac = (host: Host, mac: string) => runCommand(['ip', '-n', host.namespace, 'link', 'set', 'dev', 'eth0', 'address', mac]);
  /** Waits for the first answer. */
  const untilServed = (url: string) => waitFor(`an answer from ${url}`, async () => ((await isServed(lab, url)) ? true : undefined), SOON);

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 3, bigFileBytes: LONG_FILE_BYTES }, SNAT));
    await setService(lab, agent, 1);
  });
  after(async () => lab?.remove());

  it('drains a backend without a failed request: it keeps its flows and gets no new one', async () => {
    const drops = await readDrops(agent);
    const load = await startLoad(lab, { workers: 4, pause: 4 });
    const long = await startLongDownload(lab, 25001);
    const flow = (await readFlows(agent, 1)).find(({ sourcePort }) => sourcePort === 25001);
    assert.ok(flow !== undefined);
    const drained = lab.backends.find((host) => host.address === flow.backend)?.name ?? '';
    await agent.must(`backend set --id=1 --backend=${flow.backend}:80 --state=terminating`);
    const after = await startLoad(lab, { workers: 4, pause: 4 });
    await sleep(700);
    const { bytes } = long;
    assertClean(await load.stop(), 20);
    const report = await after.stop();
    assertClean(report, 20);
    assert.deepEqual(
      Object.keys(report.backends).sort(),
      lab.backends.map((host) => host.name).filter((name) => name !== drained),
    );
    await waitFor('more of the download', async () => (long.bytes > bytes ? true : undefined), SOON);
    await long.finish();
    assert.deepEqual(await readDrops(agent), drops);
    await agent.must(`backend set --id=1 --backend=${flow.backend}:80 --state=active`);
    assert.equal(Object.keys(await countPages(lab, 64)).length, 3);
  });

  it('gives a backend of weight 0 no new flow', async () => {
    await agent.must('backend set --id=1 --backend=20.1.1.20:80 --weight=0');
    assert.deepEqual(Object.keys(await countPages(lab, 64)).sort(), ['backend1', 'backend3']);
    await agent.must('backend set --id=1 --backend=20.1.1.20:80 --weight=1');
  });

  it("changes one service's backends many times without a failed request of another's", async () => {
    await setService(lab, agent, 2, `${lab.vip}:8080`, 8080);
    const [first, second, third] = lab.backends;
    assert.ok(first && second && third);
    const drops = await readDrops(agent);
    const load = await startLoad(lab, { workers: 4, pause: 4 });
    const kept = await startLoad(lab, { workers: 2, keepAlive: true, pause: 4 });
    for (let round = 0; round < 20; round += 1) {
      for (const hosts of [[first], [second, third], [third, first], [...lab.backends]]) {
        await agent.must(`service update --id=2 --backends=${endpoints(lab, 8080, hosts)}`);
      }
    }
    await agent.must('service delete --id=2');
    await setService(lab, agent, 2, `${lab.vip}:8080`, 8080);
    const report = await load.stop();
    assertClean(report, 50);
    assert.equal(Object.keys(report.backends).length, 3);
    assertClean(await kept.stop(), 50);
    assert.deepEqual(await readDrops(agent), drops);
    // Port 8080 serves the same pages: a flow that has come into the other service's hands would be answered too.
    assert.deepEqual([...new Set((await readFlows(agent, 1)).map((flow) => flow.backendPort))], [80]);
    assert.equal(Object.keys(await countPages(lab, 64, { url: `http://${lab.vip}:8080/` })).length, 3);
  });

  it('adds and removes other backends of a service without disturbing the flows of one that stays', async () => {
    const long = await startLongDownload(lab, 25002);
    const flow = (await readFlows(agent, 1)).find(({ sourcePort }) => sourcePort === 25002);
    for (let round = 0; round < 10; round += 1) {
      await agent.must(`service update --id=1 --backends=${flow?.backend}:80`);
      await agent.must(`service update --id=1 --backends=${endpoints(lab)}`);
    }
    await long.finish();
  });

  // Each backend has a service of its own here, so that a request meets the backend that has moved.
  it('finds a backend that has another MAC address, by its gratuitous ARP or its first ARP request, with the agent and without', async () => {
    const [backend] = lab.backends;
    assert.ok(backend !== undefined);
    const url = `http://${lab.vip}:82/`;
    await agent.must(`service update --id=3 --frontend=${lab.vip}:82 --backends=${backend.address}:80`);
    await untilServed(url);
    const move = async (mac: string, announce: boolean) => {
      if (announce) await backend.run(['sysctl', '-qw', 'net.ipv4.conf.eth0.arp_notify=1']);
      await changeMac(backend, mac);
      await backend.run(['sysctl', '-qw', 'net.ipv4.conf.eth0.arp_notify=0']);
      // Without an announcement the backend speaks when it has something to say: its kernel then asks for the LB and tells its own MAC.
      if (!announce) await backend.run(['ping', '-c', '1', '-W', '1', lab.host('lb').address]);
    };
    const id = (await getService(3)).backends[0]?.backendId ?? -1;
    // The agent writes it without waiting for a packet; so nothing is asked before.
    const untilWritten = (mac: string) =>
      waitFor(`${mac} in the map`, async () => ((await macInMap(agent.instance, id)) === mac ? true : undefined), SOON);
    await move('02:00:00:00:aa:01', true);
    await untilWritten('02:00:00:00:aa:01');
    await untilServed(url);
    await move('02:00:00:00:aa:02', false);
    await untilWritten('02:00:00:00:aa:02');
    await untilServed(url);
    assert.equal((await getService(3)).backends[0]?.mac, '02:00:00:00:aa:02');
    await agent.kill();
    await move('02:00:00:00:aa:03', true);
    await untilServed(url);
    await move('02:00:00:00:aa:04', false);
    await untilServed(url);
    assert.equal(await macInMap(agent.instance, id), '02:00:00:00:aa:04');
    agent = await startAgent(lab, SNAT);
    assert.equal((await getService(3)).backends[0]?.mac, '02:00:00:00:aa:04');
    await untilServed(url);
  });

  it('finds an idle backend that changes its MAC address without a word', async () => {
    const [backend] = lab.backends;
    assert.ok(backend !== undefined);
    const mac = async () => (await getService(3)).backends[0]?.mac;
    await changeMac(backend, '02:00:00:00:aa:06');
    // Asked every 5 s; the kernel gives a silent neighbour three seconds before it asks everybody. The rest is for a busy machine.
    await waitFor('the new MAC address', async () => ((await mac()) === '02:00:00:00:aa:06' ? true : undefined), 20_000);
    await untilServed(`http://${lab.vip}:82/`);
  });

  it('goes on with a download over a change of the MAC address', async () => {
    const [backend] = lab.backends;
    assert.ok(backend !== undefined);
    await agent.must(`service update --id=3 --backends=${backend.address}:8080`);
    const long = await startLongDownload(lab, 25003, 82);
    await changeMac(backend, '02:00:00:00:aa:05');
    await long.finish();
  });

  it('accepts a backend that does not answer, shows it so, asks again, and serves when it comes up', async () => {
    const url = `http://${lab.vip}:83/`;
    const { stderr } = await agent.tell(`service update --id=4 --frontend=${lab.vip}:83 --backends=20.1.1.77:80`);
    assert.match(stderr, /20\.1\.1\.77:80: no answer from 20\.1\.1\.77 on eth0, retried/);
    const [before] = (await getService(4)).backends;
    assert.deepEqual([before?.mac, before?.nextHop], [null, 'no answer from 20.1.1.77 on eth0']);
    assert.match(await agent.must('neighbor list'), /20\.1\.1\.77.*unresolved/);
    assert.match(await agent.must('status'), /1 without a next hop/);
    assert.equal(await isServed(lab, url), false);
    const host = lab.host('backend2');
    await runCommand(['ip', '-n', host.namespace, 'addr', 'add', '20.1.1.77/24', 'dev', 'eth0']);
    await waitFor('the next hop', async () => ((await getService(4)).backends[0]?.nextHop === 'resolved' ? true : undefined), 8000);
    await untilServed(url);
    assert.deepEqual(await countPages(lab, 4, { url }), { backend2: 4 });
  });
});
