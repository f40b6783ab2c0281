// Health checks end to end: a real web server that goes away and comes back, under load; one without its decapsulator; one that is drained.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FlowView, ServiceView } from '../../agent/model/views.js';
import { type AgentProcess, startAgent } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import type { Host } from '../../samples/founding-lab/host.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { installDecap } from '../../samples/founding-lab/decap.js';
import { LONG_FILE_BYTES, startLongDownload } from './support/long-download.js';
import { openSetting, requireRoot, SNAT, SUITE_TIMEOUT, setService, waitFor } from './support/setting.js';
import { assertAllReached, countPages } from './support/traffic.js';

/** Flows that close are forgotten soon: the drained backend is waited for. */
const FLAGS = [...SNAT, '--timeout-closing=1'];
const UNINSTALL = fileURLToPath(new URL('../../backends/linux/uninstall.sh', import.meta.url));

describe('health checks end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 2, decap: 'tc', bigFileBytes: LONG_FILE_BYTES }, FLAGS));
    await setService(lab, agent, 1);
    await agent.must('service update --id=1 --health=http:/ --health-profile=fast');
  });
  after(async () => lab?.remove());

  const healths = async () => {
    const { service } = (await agent.json('service get --id=1')) as { service: ServiceView };
    return service.backends.map(({ health }) => health);
  };
  const until = (wanted: readonly string[]) =>
    waitFor(`health to be ${wanted.join(', ')}`, async () => ((await healths()).join() === wanted.join() ? true : undefined), 20_000);
  /** A backend whose cable is pulled. */
  const setLink = (index: number, to: 'down' | 'up') => runCommand(lab.backends[index]?.enter(['ip', 'link', 'set', 'eth0', to]) ?? []);

  it('leave a backend that does not answer out, and take it back', async () => {
    await until(['up', 'up']);
    await assertAllReached(lab);
    await setLink(1, 'down');
    await until(['up', 'down']);
    const pages = await countPages(lab, 40);
    assert.deepEqual(Object.values(pages), [40], 'all requests are answered, by the backend that is up');
    assert.match((await agent.must('status')).replaceAll(/\s+/g, ' '), /service 1: down: \S+:80 \(/);
    assert.match(await agent.must('backend list'), /Health/);
    await setLink(1, 'up');
    await until(['up', 'up']);
    await assertAllReached(lab);
    assert.doesNotMatch(await agent.must('status'), /service 1: down/);
  });

  it('know after a restart of the agent what was down', async () => {
    await setLink(1, 'down');
    await until(['up', 'down']);
    await agent.kill();
    agent = await startAgent(lab, FLAGS);
    assert.equal((await healths())[1], 'down');
    assert.deepEqual(Object.values(await countPages(lab, 40)), [40]);
    await setLink(1, 'up');
    await until(['up', 'up']);
  });

  it('by way of DSR find a backend without its decapsulator, though its server answers', async () => {
    await agent.must('service update --id=1 --health=http:/ --health-through=dsr');
    await until(['up', 'up']);
    const [, backend] = lab.backends;
    assert.ok(backend);
    await backend.run([UNINSTALL, '--device', 'eth0']);
    await until(['up', 'down']);
    const page = await lab.host('lb').run(['curl', '-sS', '--fail', '-o', '/dev/null', '-w', '%{http_code}', `http://${backend.address}/`]);
    assert.equal(page.stdout, '200', 'the server itself answers the load balancer');
    await installDecap(backend, [lab.vip], 'tc');
    await until(['up', 'up']);
    // Each probe was taken back: the servers hold no half-open connection.
    for (const { run } of lab.backends.map((host) => ({ run: () => host.run(['ss', '-Htn', 'state', 'syn-recv']) })))
      assert.equal((await run()).stdout, '');
    // Nobody listens at this port of the virtual address.
    await agent.must('service update --id=1 --health=tcp --health-port=9');
    await until(['down', 'down']);
    assert.match(await agent.must('service get --id=1 -o json'), /connection refused at the virtual address/);
    await agent.must('service update --id=1 --health=none');
    await agent.must('service update --id=1 --health=http:/ --health-profile=fast');
    await until(['up', 'up']);
  });

  it('leave a backend that is drained to its last flow, and say when that is gone', async () => {
    const download = await startLongDownload(lab, 26001);
    const { flows } = (await agent.json('service dumpstate --id 1')) as { flows: readonly FlowView[] };
    const flow = flows.find(({ sourcePort }) => sourcePort === 26001);
    assert.ok(flow);
    const at = `${flow.backend}:${flow.backendPort}`;
    let done = false;
    const drained = agent.tell(`backend drain --id=1 --backend=${at} --wait --timeout=60`, 60_000).finally(() => {
      done = true;
    });
    await sleep(1500);
    assert.ok(!done, 'the download is under way');
    await download.finish();
    const { stdout, stderr } = await drained;
    assert.match(stdout, /is drained: no flow left after \d+s/);
    assert.match(stderr, /: \d+ flows? left/);
    await agent.must(`backend set --id=1 --backend=${at} --state=active`);
  });

  it('keep the flows of a backend that goes down, or end them, as the service says', async () => {
    const port = 9001;
    const listen = `require('node:net').createServer((socket) => socket.destroy()).listen(${port})`;
    const startOne = (host: Host) => host.spawn([process.execPath, '-e', listen], { stdio: 'ignore' });
    const listeners = lab.backends.map(startOne);
    /** What is asked for its health ends on the backend of this download, whose web server goes on. */
    const takeDown = async (localPort: number) => {
      const { flows } = (await agent.json('service dumpstate --id 1')) as { flows: readonly FlowView[] };
      const index = lab.backends.findIndex(({ address }) => address === flows.find((flow) => flow.sourcePort === localPort)?.backend);
      listeners[index]?.kill();
      await until(lab.backends.map((_, other) => (other === index ? 'down' : 'up')));
      return index;
    };
    try {
      await agent.must(`service update --id=1 --health=tcp --health-port=${port} --health-profile=fast`);
      await until(['up', 'up']);
      const kept = await startLongDownload(lab, 26002);
      const down = await takeDown(26002);
      await sleep(500);
      await kept.finish();
      listeners[down] = startOne(lab.backends[down] as Host);
      await until(['up', 'up']);
      await agent.must('service update --id=1 --health=tcp --health-flows=end');
      const cut = await startLongDownload(lab, 26003);
      await takeDown(26003);
      await cut.isCut();
      assert.deepEqual(Object.values(await countPages(lab, 20)), [20], 'new flows are served');
    } finally {
      for (const listener of listeners) listener.kill();
    }
    await agent.must('service update --id=1 --health=none');
    await agent.must('service update --id=1 --health=http:/ --health-profile=fast');
    await until(['up', 'up']);
  });

  it('send new flows to all backends when all are down, or to none, as the service says', async () => {
    // Nothing listens at this port: every backend fails its check, and serves all the same.
    await agent.must('service update --id=1 --health=tcp --health-port=9');
    await until(['down', 'down']);
    await assertAllReached(lab);
    assert.match((await agent.must('status')).replaceAll(/\s+/g, ' '), /all are: new flows go to them all the same/);
    await agent.must('service update --id=1 --health-all-down=closed');
    const { service } = (await agent.json('service get --id=1')) as { service: ServiceView };
    assert.deepEqual(
      service.backends.map(({ share }) => share),
      [0, 0],
    );
    await agent.must('service update --id=1 --health=none');
    assert.deepEqual(await healths(), [null, null]);
    await assertAllReached(lab);
  });
});
