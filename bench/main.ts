// npm run bench: measures the data plane and prints a table, or JSON alone.
// The only file here that touches the process; imports platform/linux, as agent/main.ts does.
// Exit status: agent/model/errors.ts. Results go to standard output, errors to standard error.

import { spawnSync } from 'node:child_process';
import { cpus, release } from 'node:os';
import { EXIT, FairleadError } from '../agent/model/errors.js';
import { createLinuxPlatform } from '../platform/linux/index.js';
import { runBench } from './bench.js';
import {
  confirmRegressions,
  countCommon,
  findRegressions,
  type HistoryEntry,
  readLastEntry,
  renderComparison,
  saveEntry,
} from './history.js';
import { enterEmptyNetwork } from './kernel.js';
import { parseOptions } from './options.js';
import { type BenchReport, renderJson, renderTable, toResults } from './report.js';

/** Of the working tree, with a mark when it has changes; where there is no git, none. */
function readCommit(): string {
  const { stdout, status } = spawnSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : 'unknown';
}

/** Measures again what got worse, says what stayed worse, and sets the exit status. */
async function compare(
  before: HistoryEntry,
  report: BenchReport,
  again: (paths: readonly string[]) => Promise<BenchReport>,
): Promise<string> {
  const found = findRegressions(report.rows, before.results);
  const names = [...new Set(found.map(({ row }) => row.path))];
  const confirmed = found.length === 0 ? [] : confirmRegressions(found, (await again(names)).rows, before.results);
  if (confirmed.length > 0) process.exitCode = EXIT.failed;
  return renderComparison(before, countCommon(report.rows, before.results), confirmed);
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args, (text) => process.stdout.write(text));
  if (options === undefined) return;
  const before = options.compare === undefined ? undefined : readLastEntry(options.compare);
  enterEmptyNetwork();
  const machine = { kernel: release(), cpu: cpus()[0]?.model.trim() ?? 'unknown' };
  const platform = createLinuxPlatform();
  const report = await runBench(platform, options, machine);
  process.stdout.write(options.json ? renderJson(report) : renderTable(report));
  if (options.save !== undefined) {
    const { rounds, program, rows } = report;
    saveEntry(options.save, {
      date: new Date().toISOString(),
      commit: readCommit(),
      ...machine,
      rounds,
      program,
      results: toResults(rows),
    });
  }
  if (before === undefined) return;
  const text = await compare(before, report, (paths) =>
    runBench(platform, { ...options, paths, scale: paths.some((path) => path.startsWith('scale-')) }, machine),
  );
  // With --json, standard output holds JSON alone.
  (options.json ? process.stderr : process.stdout).write(text);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof FairleadError)) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = EXIT.failed;
    return;
  }
  process.stderr.write(`error: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}  (${error.code})\n`);
  process.exitCode = error.exitStatus;
});
