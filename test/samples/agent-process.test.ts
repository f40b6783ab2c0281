// The way in which tests drive the real agent: answers belong to their lines, a crash keeps the data plane, labs stay apart.
// Imports samples/founding-lab. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { type AgentProcess, startAgent } from '../../samples/founding-lab/agent-process.js';
import { createLab, type Lab } from '../../samples/founding-lab/lab.js';
import { startLoad } from '../../samples/founding-lab/loader.js';
import { skipTest } from '../tools/skip.js';

const FLAGS = ['--bpf-lb-mode=snat', '--device=eth0'];

describe('the agent in the lab', function () {
  this.timeout(90_000);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    if (process.getuid?.() !== 0) skipTest(this, 'needs root for network namespaces');
    lab = await createLab({ backends: 2 });
    agent = await startAgent(lab, FLAGS);
  });
  after(async () => lab?.remove());

  it('says its steps before its first answer', () => {
    for (const step of ['interface', 'compile', 'verify', 'attach', 'adopt']) assert.match(agent.startOutput, new RegExp(`^${step} `, 'm'));
  });

  it('gives each line its own answer, also when many are sent at once', async () => {
    const [created, mode, wrong, list] = await Promise.all([
      agent.must('service update --frontend=40.1.1.1:80 --backends=20.1.1.10:80,20.1.1.20:80 --id=1'),
      agent.tell('mode get -o json'),
      agent.tell('service delete --id 77'),
      agent.json('service list'),
    ]);
    assert.match(created, /service 1 created/);
    assert.equal((JSON.parse(mode.stdout) as { mode: string }).mode, 'snat');
    assert.equal(wrong.stdout, '');
    assert.match(wrong.stderr, /^error: .*77/);
    assert.equal((list as { services: unknown[] }).services.length, 1);
  });

  it('throws for a command that must succeed and does not', async () => {
    await assert.rejects(agent.must('service get --id 77'), /agent, at `service get --id 77`: error: .*77/);
  });

  it('carries requests to both backends, and goes on when the agent is killed and comes back', async () => {
    const load = await startLoad(lab, { workers: 2, pause: 4 });
    await agent.kill();
    assert.equal(agent.running, false);
    await assert.rejects(agent.tell('status'), /it ended with SIGKILL/);
    agent = await startAgent(lab, FLAGS);
    const report = await load.stop();
    assert.deepEqual([report.failed, report.failures], [0, {}]);
    assert.ok(report.ok > 20, `${report.ok} requests`);
    assert.deepEqual(Object.keys(report.backends).sort(), ['backend1', 'backend2']);
    assert.match(await agent.must('service list'), /40\.1\.1\.1/);
  });

  it('says why an agent did not start', async () => {
    await assert.rejects(startAgent(lab, ['--device=nosuch0'], { suffix: 'b' }), /it ended with \d: .*nosuch0/);
  });

  it('ends in order when its input ends', async () => {
    assert.equal(await agent.stop(), 0);
  });
});
