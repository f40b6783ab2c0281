// npm run flood: what established connections keep of their throughput while another service is flooded with SYNs of ever new sources.
// The only file here that touches the process; imports its siblings, bench/measure.ts and agent/model.
// Results go to standard output, progress and errors to standard error. Exit status 1 when the goal is missed.

import { Command, InvalidArgumentError } from 'commander';
import type { Family } from '../../agent/model/address.js';
import { EXIT, FairleadError } from '../../agent/model/errors.js';
import type { Mode } from '../../agent/model/service.js';
import { medianOf } from '../measure.js';
import { FLOOD_GOAL, type FloodRow, renderFlood } from './report.js';
import { measureThroughput, openStage, readCounts, type Stage } from './stage.js';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly json: boolean;
}

const CASES: readonly (readonly [Mode, Family])[] = [
  ['snat', 4],
  ['snat', 6],
  ['dsr', 4],
];

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^[0-9]+$/.test(text) || count < 1 || count > 100) throw new InvalidArgumentError('not a number from 1 to 100');
  return count;
}

function readOptions(): Options {
  return new Command('flood')
    .description('Measures what TCP through the load balancer keeps of its throughput while SYNs flood another service.')
    .option('--rounds <n>', 'rounds to take medians over', parseCount, 5)
    .option('--seconds <n>', 'of a measurement', parseCount, 3)
    .option('--json', 'print the results as JSON', false)
    .allowExcessArguments(false)
    .parse()
    .opts<Options>();
}

async function measure(stage: Stage, mode: Mode, { rounds, seconds }: Options): Promise<FloodRow> {
  const alone: number[] = [];
  const pairs: { here: number; nowhere: number; rate: number; seconds: number }[] = [];
  const before = await readCounts(stage);
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`${mode} IPv${stage.family}: round ${round + 1} of ${rounds}\n`);
    alone.push((await measureThroughput(stage, 'none', seconds)).bitsPerSecond);
    const first = round % 2 === 0 ? await measureThroughput(stage, 'nowhere', seconds) : undefined;
    const here = await measureThroughput(stage, 'here', seconds);
    const nowhere = first ?? (await measureThroughput(stage, 'nowhere', seconds));
    pairs.push({ here: here.bitsPerSecond, nowhere: nowhere.bitsPerSecond, rate: here.floodRate, seconds });
  }
  const after = await readCounts(stage);
  const counts = [...after].map(([reason, packets]) => [reason, packets - (before.get(reason) ?? 0)] as const);
  return {
    mode,
    family: stage.family,
    floodPerSecond: medianOf(pairs.map(({ rate }) => rate)),
    alone: medianOf(alone),
    nowhere: medianOf(pairs.map((pair) => pair.nowhere)),
    here: medianOf(pairs.map((pair) => pair.here)),
    ratio: medianOf(pairs.map((pair) => pair.here / pair.nowhere)),
    counts: Object.fromEntries(counts.filter(([, packets]) => packets > 0)),
  };
}

async function main(): Promise<void> {
  const options = readOptions();
  const rows: FloodRow[] = [];
  for (const [mode, family] of CASES) {
    const stage = await openStage(mode, family);
    try {
      rows.push(await measure(stage, mode, options));
    } finally {
      await stage.lab.remove();
    }
  }
  process.stdout.write(options.json ? `${JSON.stringify({ version: 1, results: rows }, undefined, 2)}\n` : renderFlood(rows));
  if (rows.some(({ ratio }) => ratio < FLOOD_GOAL)) process.exitCode = EXIT.failed;
}

main().catch((error: unknown) => {
  const known = error instanceof FairleadError;
  process.stderr.write(`error: ${known ? `${error.message} (${error.code})\n  ${error.hint ?? ''}` : (error as Error).stack}\n`);
  process.exitCode = known ? error.exitStatus : EXIT.failed;
});
