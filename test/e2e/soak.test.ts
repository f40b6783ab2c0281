// The agent is killed at random moments, again and again, in the middle of updates and of its own start; and services come and go for as long as one likes.
// No request fails meanwhile, what was half written is finished or undone, and nothing grows.
// FAIRLEAD_SOAK=300 (npm run soak): seconds of it. In `npm test` it is short.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentProcess, agentCommand, startAgent } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { type Load, startLoad } from '../../samples/founding-lab/loader.js';
import { openSetting, readServices, readStatus, requireRoot, SNAT, setService } from './support/setting.js';
import { assertClean } from './support/traffic.js';

const SECONDS = Number(process.env.FAIRLEAD_SOAK ?? 10);
const KILLS = Math.max(3, Math.round(SECONDS / 6));
/** Ids that no other lab on the machine has: the kernel's maps are told apart by them. */
const FIRST_ID = 60_000;
const AT_A_TIME = 20;
/** Memory that the collector of garbage has not yet given back: so much more than before is no growth. */
const MOST_GROWTH = 1.35;

describe(`soak, ${SECONDS} s`, function () {
  this.timeout(120_000 + SECONDS * 4000);
  let lab: Lab;
  let agent: AgentProcess;
  let load: Load;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 2 }, SNAT));
    await setService(lab, agent, 1);
    await agent.must('service update --id=1 --mode=snat');
    load = await startLoad(lab, { workers: 4, pause: 4 });
  });
  after(async () => lab?.remove());

  it(`${KILLS} kills at random moments: no request fails, and each next agent has one whole state`, async () => {
    await agent.stop();
    for (let kill = 0; kill < KILLS; kill++) {
      await runAndKill();
      const began = performance.now();
      const next = await startAgent(lab, SNAT);
      const took = Math.round(performance.now() - began);
      const services = await readServices(next);
      const ids = services.map(({ id }) => id);
      assert.ok(ids.includes(1), `services ${ids.join(', ')} after kill ${kill + 1}`);
      for (const { id, backends } of services) {
        const shares = backends.reduce((sum, { share }) => sum + share, 0);
        assert.ok(backends.length > 0 && Math.abs(shares - 1) < 0.01, `service ${id}: shares of ${shares}`);
      }
      const { warnings, services: counted } = await readStatus(next);
      assert.deepEqual([warnings, counted], [[], services.length], `kill ${kill + 1}, ready again in ${took} ms`);
      assert.equal(await next.stop(), 0);
    }
    agent = await startAgent(lab, SNAT);
  });

  /** An agent that is given one update after the other, until it is killed. */
  async function runAndKill(): Promise<void> {
    const [program = '', ...args] = lab.host('lb').enter(agentCommand(lab, SNAT));
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.on('error', () => {});
    let answered = false;
    child.stdout.on('data', () => {
      answered = true;
    });
    const ended = once(child, 'exit');
    const address = (host: number) => `20.1.1.${10 + 10 * host}:80`;
    const lines = (turn: number) => [
      `service update --id=2 --frontend=${lab.vip}:81 --backends=${address(turn % 2)}`,
      `service update --id=1 --backends=${address(0)},${address(1)} --backend-weights=${1 + (turn % 3)},2`,
      `service update --id=2 --frontend=${lab.vip}:${82 + (turn % 2)} --backends=${address(0)},${address(1)} --source-deny=9.0.${turn}.0/24`,
      `mode update ${turn % 2 === 0 ? 'dsr' : 'snat'}`,
      ...(turn % 3 === 2 ? ['service delete --id 2'] : []),
    ];
    for (let turn = 0; turn < 60; turn++) child.stdin.write(`${lines(turn).join('\n')}\n`);
    // A third of them in their start, the others while they carry the lines out.
    const inStart = Math.random() < 1 / 3;
    for (let waited = 0; !inStart && !answered && child.exitCode === null && waited < 30_000; waited += 5) await sleep(5);
    await sleep(Math.random() * (inStart ? 900 : 400));
    child.kill('SIGKILL');
    await ended;
  }

  it('services come and go, ten a second: memory, descriptors and maps do not grow', async () => {
    const deadline = Date.now() + (SECONDS * 1000) / 2;
    const rss = (): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))?.[1]);
    const descriptors = (): number => readdirSync(`/proc/${agent.pid}/fd`).length;
    const memory: number[] = [];
    const present: number[] = [];
    const before = descriptors();
    let made = 0;
    for (; Date.now() < deadline || made < 3 * AT_A_TIME; made++) {
      const id = FIRST_ID + (made % 1000);
      const backends = lab.backends.map((host) => `${host.address}:${1000 + (made % 1000)}`).join(',');
      await agent.must(`service update --id=${id} --frontend=41.0.${made % 250}.1:80 --backends=${backends}`);
      present.push(id);
      if (present.length > AT_A_TIME) await agent.must(`service delete --id=${present.shift()}`);
      memory.push(rss());
      if (made % 50 === 0) assert.ok(descriptors() <= before + 2, `${descriptors()} descriptors, ${before} before, after ${made} services`);
      await sleep(Math.max(0, 100 - (performance.now() % 100)));
    }
    for (const id of present) await agent.must(`service delete --id=${id}`);
    const third = Math.floor(memory.length / 3);
    const middle = Math.max(...memory.slice(third, 2 * third));
    const last = Math.max(...memory.slice(2 * third));
    assert.ok(last <= middle * MOST_GROWTH, `${last} kB of memory, ${middle} kB before, after ${made} services`);
    const { stdout } = await runCommand(['bpftool', 'map', 'list']);
    assert.deepEqual(stdout.match(/name maglev_60\d{3}\b/g) ?? [], [], 'Maglev tables of services that are gone');
    const { services, backends, tables, warnings } = await readStatus(agent);
    assert.deepEqual(
      [services, backends, warnings],
      [(await readServices(agent)).length, tables.find(({ name }) => name === 'backends')?.entries, []],
    );
  });

  it('no request has failed', async () => {
    assertClean(await load.stop(), 500);
  });
});
