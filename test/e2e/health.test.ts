// Health checks end to end: a real web server that goes away and comes back, under load.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import type { ServiceView } from '../../agent/model/views.js';
import { type AgentProcess, startAgent } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { openSetting, requireRoot, SNAT, SUITE_TIMEOUT, setService, waitFor } from './support/setting.js';
import { assertAllReached, countPages } from './support/traffic.js';

describe('health checks end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 2 }, SNAT));
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
    agent = await startAgent(lab, SNAT);
    assert.equal((await healths())[1], 'down');
    assert.deepEqual(Object.values(await countPages(lab, 40)), [40]);
    await setLink(1, 'up');
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
