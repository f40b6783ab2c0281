// What kills and upgrades of the agent cost traffic: requests that fail (none may), and how long until the next agent is ready.
// Imports samples/founding-lab. Needs root, native XDP and a current dist/.
// Run: npm run bench:restart [-- ROUNDS].
// Invariant: an agent that does not adopt what it finds ends the run; a failed request is a figure, and exit status 1.

import { type AgentProcess, startAgent } from '../samples/founding-lab/agent-process.js';
import { createLab } from '../samples/founding-lab/lab.js';
import { startLoad } from '../samples/founding-lab/loader.js';

const ROUNDS = Number(process.argv[2] ?? 50);
const FLAGS = ['--bpf-lb-mode=snat', '--device=eth0'];
/** Two programs in turn: a setting that is compiled in makes another one, as a new release does. */
const PROGRAMS = [[], ['--new-flow-rate=90000']] as const;

const times = { 'after kill -9': [] as number[], 'upgrade to another program, compiled before': [] as number[] };

function report(what: string, values: readonly number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? Number.NaN;
  const text = `${median.toFixed(0).padStart(6)} ms median ${(sorted.at(-1) ?? Number.NaN).toFixed(0).padStart(6)} ms most`;
  process.stdout.write(`${what.padEnd(46)} ${text}, ${values.length} times\n`);
}

const lab = await createLab({ backends: 2 });
try {
  /** The agent, ready, and the milliseconds from its start until then. */
  const start = async (flags: readonly string[], says: RegExp): Promise<readonly [AgentProcess, number]> => {
    const began = performance.now();
    const agent = await startAgent(lab, [...FLAGS, ...flags]);
    const took = performance.now() - began;
    if (!says.test(agent.startOutput)) throw new Error(`it did not say ${says}: ${agent.startOutput}`);
    return [agent, took];
  };
  for (const flags of PROGRAMS) await (await start(flags, /^adopt/m))[0].stop();
  let [agent] = await start([], /^adopt/m);
  const backends = lab.backends.map(({ address }) => `${address}:80`).join(',');
  await agent.must(`service update --id=1 --frontend=${lab.vip}:80 --backends=${backends}`);
  const load = await startLoad(lab, { workers: 4, pause: 4 });
  for (let round = 1; round <= ROUNDS; round++) {
    await agent.kill();
    const [killed, ready] = await start(PROGRAMS[(round + 1) % 2] ?? [], /^verify .*adopted/m);
    times['after kill -9'].push(ready);
    await killed.stop();
    const [upgraded, replaced] = await start(PROGRAMS[round % 2] ?? [], /^attach .*\(replaced\)/m);
    times['upgrade to another program, compiled before'].push(replaced);
    agent = upgraded;
  }
  const { requests, failed, failures, longest } = await load.stop();
  process.stdout.write(`start of the next agent until it is ready, under load\n`);
  for (const [what, values] of Object.entries(times)) report(what, values);
  process.stdout.write(
    `${requests} requests meanwhile, ${failed} failed, the slowest ${longest.toFixed(0)} ms ${failed > 0 ? JSON.stringify(failures) : ''}\n`,
  );
  if (failed > 0) process.exitCode = 1;
  await agent.stop();
} finally {
  await lab.remove();
}
