// What goes wrong on a machine: a full disk, files that are not what they should be, a socket that somebody has. Forwarding goes on, the answer says
// what to do, and nothing is half done.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type AgentProcess, startAgent } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import { createLab, type Lab } from '../../samples/founding-lab/lab.js';
import { readServices, readStatus, requireRoot, SNAT, SUITE_TIMEOUT, setService } from './support/setting.js';
import { assertAllReached, isServed } from './support/traffic.js';

describe('faults of the machine, end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;
  /** A file system of 256 KiB. */
  let small: string;
  let state: string;
  let flags: readonly string[];

  before(async function () {
    requireRoot(this);
    lab = await createLab({ backends: 2 });
    small = join(lab.folder, 'small');
    mkdirSync(small);
    await runCommand(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', small]);
    state = join(small, 'state.json');
    flags = [...SNAT, `--state=${state}`];
    agent = await startAgent(lab, flags);
    await setService(lab, agent, 1);
  });
  after(async () => lab?.remove());

  const fillUp = (): void => {
    const { bavail, bsize } = statfsSync(small);
    writeFileSync(join(small, 'filler'), Buffer.alloc(bavail * bsize));
  };

  it('a full disk refuses a change, says so, and nothing has changed; with room again it is made', async () => {
    const before = { services: await readServices(agent), file: readFileSync(state, 'utf8') };
    fillUp();
    // The good copy before the last gives its place to the next state: one that needs more than that finds no room.
    const many = Array.from({ length: 150 }, (_, index) => `20.1.1.10:${8080 + index}`).join(',');
    const { stderr } = await agent.tell(`service update --id=2 --frontend=40.1.1.1:81 --backends=${many}`);
    assert.match(stderr, /^error: .*state\.json.*(ENOSPC|no space)/im);
    assert.deepEqual(await readServices(agent), before.services);
    assert.equal(readFileSync(state, 'utf8'), before.file);
    await assertAllReached(lab);
    assert.equal(await isServed(lab, 'http://40.1.1.1:81/'), false);
    rmSync(join(small, 'filler'));
    await agent.must('service update --id=2 --frontend=40.1.1.1:81 --backends=20.1.1.10:8080');
    assert.equal(await isServed(lab, 'http://40.1.1.1:81/'), true);
    await agent.must('service delete --id 2');
  });

  it('a disk without room for a new program leaves the one that runs', async () => {
    await agent.stop();
    fillUp();
    const fresh = [...flags, '--timeout-closing=9', `--cache-dir=${join(small, 'cache')}`];
    await assert.rejects(startAgent(lab, fresh), /ENOSPC|no space/i);
    await assertAllReached(lab);
    rmSync(join(small, 'filler'));
    agent = await startAgent(lab, flags);
    assert.match(agent.startOutput, /^verify .*adopted/m);
  });

  it('a state file that is torn gives way to the good copy, with a warning; what cannot be read at all is put aside', async () => {
    const services = await readServices(agent);
    await agent.must('service update --id=1 --backend-weights=1,2 --backends=20.1.1.10:80,20.1.1.20:80');
    await agent.kill();
    writeFileSync(state, readFileSync(state).subarray(0, 100));
    agent = await startAgent(lab, flags);
    assert.deepEqual(
      (await readServices(agent)).map(({ id }) => id),
      services.map(({ id }) => id),
    );
    assert.ok((await readStatus(agent)).warnings.some((line) => line.includes('state.json')));
    await assertAllReached(lab);
    await agent.kill();
    for (const file of [state, `${state}.good`]) if (existsSync(file)) writeFileSync(file, Buffer.alloc(300, 0xff));
    agent = await startAgent(lab, flags);
    assert.deepEqual(
      (await readServices(agent)).map(({ id }) => id),
      services.map(({ id }) => id),
      'rebuilt from the maps',
    );
    await assertAllReached(lab);
  });

  it('an API socket that somebody has is told, and the prompt works on', async () => {
    await agent.kill();
    const path = join(lab.folder, 'taken.sock');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      agent = await startAgent(lab, [...flags, `--api-socket=${path}`]);
      assert.match(agent.startOutput, /^error: .*taken\.sock/m);
      assert.equal((await readServices(agent)).length, 1);
      await assertAllReached(lab);
    } finally {
      server.close();
    }
  });
});
