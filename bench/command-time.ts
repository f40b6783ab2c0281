// What a command of its own takes, as a script or a cron job runs it: from its start to its end, beside a Node.js that does nothing.
// Imports samples/founding-lab. Needs root, native XDP and a current dist/.
// Run: npm run bench:command [-- ROUNDS].
// Invariant: every answer is checked for what it must say, else there is no figure.

import { spawnSync } from 'node:child_process';
import { agentCommand, startAgent } from '../samples/founding-lab/agent-process.js';
import { createLab } from '../samples/founding-lab/lab.js';

const ROUNDS = Number(process.argv[2] ?? 21);
const ARGS = ['--bpf-lb-mode=snat', '--device=eth0'];

const medianOf = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

/** Milliseconds. */
function time(command: readonly string[], says: RegExp): number {
  const [program = '', ...words] = command;
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  const milliseconds = performance.now() - began;
  if (status !== 0 || !says.test(stdout)) throw new Error(`${command.join(' ')}: status ${status}, ${stdout}${stderr}`);
  return milliseconds;
}

const lab = await createLab({ backends: 2 });
try {
  const agent = await startAgent(lab, ARGS);
  const backends = lab.backends.map(({ address }) => `${address}:80`).join(',');
  await agent.must(`service update --id=1 --frontend=${lab.vip}:80 --backends=${backends}`);
  const [node = '', program = ''] = agentCommand(lab, ARGS);
  const own = [node, program, `--instance=${lab.name}`];
  const commands: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['node -e 0', [node, '-e', '0'], /^/],
    ['fairlead --version', [node, program, '--version'], /\d/],
    ['fairlead service list -o json', [...own, 'service', 'list', '-o', 'json'], /"id": ?1/],
    ['fairlead service list', [...own, 'service', 'list'], /40\.1\.1\.1/],
    ['fairlead status', [...own, 'status'], /snat/],
    ['fairlead service update --id=1 --mode=dsr', [...own, 'service', 'update', '--id=1', '--mode=dsr'], /./],
  ];
  // In turn, so that what disturbs the machine disturbs all.
  const times = commands.map((): number[] => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, [, command, says]] of commands.entries()) {
      const milliseconds = time(command, says);
      if (round >= 0) times[index]?.push(milliseconds);
    }
  }
  const nothing = medianOf(times[0] ?? []);
  process.stdout.write(`medians over ${ROUNDS} rounds, milliseconds of wall time\n`);
  for (const [index, [name]] of commands.entries()) {
    const median = medianOf(times[index] ?? []);
    process.stdout.write(
      `${name.padEnd(44)} ${median.toFixed(0).padStart(5)} ms ${(median / nothing).toFixed(1).padStart(5)} times node\n`,
    );
  }
  await agent.stop();
} finally {
  await lab.remove();
}
