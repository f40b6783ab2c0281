// What a large configuration takes: services loaded from a file, one of them changed, lists, and the next agent's start.
// Imports samples/founding-lab. Needs root, native XDP and a current dist/.
// Run: npm run bench:config [-- SERVICES BACKENDS ADDRESSES --FLAG=...]: backends a service, addresses that they are spread over, behind one router,
// and flags of the agent such as --maglev-size.
// Invariant: every answer is checked for what it must say, else there is no figure.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentProcess, startAgent } from '../samples/founding-lab/agent-process.js';
import { createLab, type Lab } from '../samples/founding-lab/lab.js';

const REPEATS = 7;
const MOST_WAIT = 600_000;

/** Address number `index` of 10.0.0.0/8. */
const address = (index: number): string => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;

const words = process.argv.slice(2);
const flags = words.filter((word) => word.startsWith('--'));
const [services = 10_000, backends = 10, addresses = services] = words.filter((word) => !flags.includes(word)).map(Number);

/** `changed`: a service whose backends are on another port. */
function configText(changed?: number): string {
  const lines = ['version: 1', 'mode: snat', 'services:'];
  for (let id = 1; id <= services; id++) {
    lines.push(`  - id: ${id}`, `    frontend: 41.${(id >> 16) & 255}.${(id >> 8) & 255}.${id & 255}:80/tcp`, '    backends:');
    for (let i = 0; i < backends; i++) lines.push(`      - address: ${backendOf(id, i)}:${portOf(id) + (id === changed ? 1 : 0)}`);
  }
  return `${lines.join('\n')}\n`;
}

const backendOf = (id: number, index: number): string => address(((id * backends + index) % addresses) + 1);
const portOf = (id: number): number => 1024 + 2 * (id % 30_000);

async function timed(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

function report(what: string, times: readonly number[]): void {
  const median = [...times].sort((a, b) => a - b)[times.length >> 1] as number;
  process.stdout.write(`${what.padEnd(46)} ${median.toFixed(0).padStart(8)} ms\n`);
}

async function start(lab: Lab): Promise<AgentProcess> {
  const most = 2 ** Math.ceil(Math.log2(services * backends * 1.2));
  const args = [
    ...flags,
    '--bpf-lb-mode=snat',
    '--device=eth0',
    `--max-backends=${most}`,
    `--max-services=${Math.max(16384, 2 * services)}`,
  ];
  return startAgent(lab, args, { timeout: MOST_WAIT });
}

const lab = await createLab({ backends: 1 });
try {
  await lab.host('lb').run(['ip', 'route', 'add', '10.0.0.0/8', 'via', lab.backends[0]?.address as string]);
  const file = (name: string, changed?: number): string => {
    const path = join(lab.folder, name);
    writeFileSync(path, configText(changed));
    return path;
  };
  const all = file('all.yaml');
  process.stdout.write(
    `${services} services of ${backends} backends on ${addresses} addresses; times from the command to its whole answer\n`,
  );
  let agent = await start(lab);
  const ask = async (line: string, says: RegExp): Promise<void> => {
    const answer = await agent.must(line, MOST_WAIT);
    if (!says.test(answer)) throw new Error(`${line}: ${answer.slice(0, 300)}`);
  };
  const repeat = async (what: string, line: (turn: number) => string, says: RegExp): Promise<void> => {
    const times: number[] = [];
    for (let turn = 0; turn < REPEATS; turn++) times.push(await timed(() => ask(line(turn), says)));
    report(what, times);
  };
  report('config check', [await timed(() => ask(`config check ${all}`, /is right/))]);
  report('config apply, into an empty agent', [await timed(() => ask(`config apply ${all}`, new RegExp(`${services} services added`)))]);
  await repeat('config apply, nothing differs', () => `config apply ${all}`, /nothing differs/);
  const other = file('other.yaml', 7);
  await repeat('config apply, one service differs', (turn) => `config apply ${turn % 2 === 0 ? other : all}`, /1 changed/);
  await repeat('service update', (turn) => `service update --id=9 --backends=${address(turn + 1)}:80`, /service 9 changed/);
  await repeat(
    'backend set',
    (turn) => `backend set --id=11 --backend=${backendOf(11, 0)}:${portOf(11)} --weight=${turn + 2}`,
    /weight \d+/,
  );
  await repeat('service list', () => 'service list', /./);
  await repeat('service list -o json', () => 'service list -o json', /./);
  await repeat('status', () => 'status', /./);
  await agent.stop();
  report('start of the next agent, which adopts', [
    await timed(async () => {
      agent = await start(lab);
    }),
  ]);
  await agent.stop();
} finally {
  await lab.remove();
}
