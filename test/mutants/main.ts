// `npm run test:mutants`: puts seeded faults into a copy of the tree, one at a time, and asks the tests whether they notice.
// Imports its siblings. Apart from `npm test`: it takes minutes. `--list` shows the faults, `--only NAME` takes one (repeatable).
// Invariant: exit status 0 when every fault is caught, 1 when one is not or cannot be judged, 2 for wrong usage, 130 after Ctrl-C.

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CampaignProblem, runCampaign } from './campaign.js';
import { MUTANTS } from './faults/index.js';
import type { Mutant } from './mutant.js';
import { formatList, formatResults } from './report.js';

const SOURCE = fileURLToPath(new URL('../../', import.meta.url));
const USAGE = 'usage: npm run test:mutants [-- [--list] [--only NAME]... [--jobs N]]';
const write = (line: string): void => void process.stdout.write(`${line}\n`);

interface Options {
  readonly list: boolean;
  readonly mutants: readonly Mutant[];
  readonly jobs: number;
}

/** Throws for words that are unknown. */
function readOptions(words: string[]): Options {
  const { values } = parseArgs({
    args: words,
    options: { list: { type: 'boolean' }, only: { type: 'string', multiple: true }, jobs: { type: 'string' } },
  });
  const names = values.only ?? [];
  const unknown = names.find((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown !== undefined) throw new Error(`no fault is called ${unknown}; --list shows them`);
  // More than a few copies wait for each other: the tests compile and load programs.
  const jobs = values.jobs === undefined ? Math.min(4, availableParallelism()) : Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs ${values.jobs}: not a number from 1`);
  return { list: values.list === true, mutants: names.length === 0 ? MUTANTS : MUTANTS.filter(({ name }) => names.includes(name)), jobs };
}

async function run({ mutants, jobs }: Options): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  const began = performance.now();
  try {
    const results = await runCampaign({ source: SOURCE, mutants, jobs, stop: stop.signal, write });
    if (results.length > 0) write(`\n${formatResults(results)}${((performance.now() - began) / 1000).toFixed(0)} s`);
    if (stop.signal.aborted) write('stopped before the end');
    if (stop.signal.aborted) return 130;
    return results.every(({ outcome }) => outcome === 'caught') ? 0 : 1;
  } catch (error) {
    if (!(error instanceof CampaignProblem)) throw error;
    write(`${error.message}:`);
    for (const line of error.lines) write(`  ${line}`);
    return 1;
  }
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`test:mutants: ${(error as Error).message}\n${USAGE}\n`);
    return 2;
  }
  if (!options.list) return run(options);
  process.stdout.write(formatList(options.mutants));
  return 0;
}

process.exitCode = await main();
