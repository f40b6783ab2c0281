// A file of past runs, a JSON line each, and the comparison of a run with the last of them.
// Imports agent/model and its siblings; reads and writes the file named on the command line.
// Invariant: rows are compared by path, family and flows; what only one of the two has is not compared.

import { appendFileSync, readFileSync } from 'node:fs';
import { FairleadError } from '../agent/model/errors.js';
import { DO_NOTHING } from './paths.js';
import type { BenchResult, ProgramFacts } from './report.js';

/** One line of the file. */
export interface HistoryEntry {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly commit: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly rounds: number;
  readonly program: ProgramFacts;
  readonly results: readonly BenchResult[];
}

/** How much worse a ratio may be than the one before. */
export const TOLERANCE = 1.1;

/** A row that got worse; `factor` is above TOLERANCE. */
export interface Regression {
  readonly row: BenchResult;
  readonly before: BenchResult;
  readonly factor: number;
}

export function saveEntry(file: string, entry: HistoryEntry): void {
  try {
    appendFileSync(file, `${JSON.stringify(entry)}\n`);
  } catch (cause) {
    throw new FairleadError('FL_E_SYSTEM', `${file} cannot be written`, { cause, hint: 'does its folder exist?' });
  }
}

/** The last entry of the file. Throws FL_E_VALUE when there is none that can be read. */
export function readLastEntry(file: string): HistoryEntry {
  try {
    const line = readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    const entry = JSON.parse(line) as HistoryEntry;
    if (Array.isArray(entry.results)) return entry;
  } catch (cause) {
    throw new FairleadError('FL_E_VALUE', `${file} has no run to compare with`, { cause, hint: 'npm run bench -- --save FILE makes one' });
  }
  throw new FairleadError('FL_E_VALUE', `${file}: its last line is not a run of this benchmark`, {
    hint: 'npm run bench -- --save FILE makes one',
  });
}

function keyOf({ path, family, flows }: BenchResult): string {
  return `${path} ${family} ${flows}`;
}

/** How much worse `now` is: the veth loop's ratios are rates, all others are costs. */
function factorOf(now: BenchResult, before: BenchResult): number {
  return now.mpps === undefined ? now.ratio / before.ratio : before.ratio / now.ratio;
}

/** Rows of `now` that are more than TOLERANCE worse than the same rows of `before`. */
export function findRegressions(now: readonly BenchResult[], before: readonly BenchResult[]): readonly Regression[] {
  const old = new Map(before.map((row) => [keyOf(row), row]));
  return now.flatMap((row) => {
    const former = old.get(keyOf(row));
    if (former === undefined || row.path === DO_NOTHING) return [];
    const factor = factorOf(row, former);
    return factor > TOLERANCE ? [{ row, before: former, factor }] : [];
  });
}

/** Those of `found` that a second measurement did not take back: worse in both. */
export function confirmRegressions(
  found: readonly Regression[],
  again: readonly BenchResult[],
  before: readonly BenchResult[],
): readonly Regression[] {
  const still = new Set(findRegressions(again, before).map(({ row }) => keyOf(row)));
  return found.filter(({ row }) => still.has(keyOf(row)));
}

/** What there is to say about a comparison, one line for each row that got worse. */
export function renderComparison(entry: HistoryEntry, compared: number, regressions: readonly Regression[]): string {
  const lines = regressions.map(({ row, before, factor }) => {
    const percent = ((factor - 1) * 100).toFixed(0);
    return `worse by ${percent} %: ${row.path} IPv${row.family} ${row.flows} flows: ${row.ratio.toFixed(2)}, was ${before.ratio.toFixed(2)}`;
  });
  const verdict = regressions.length === 0 ? 'none is more than 10 % worse' : `${regressions.length} worse, measured twice`;
  return `${[...lines, `Compared ${compared} rows with ${entry.commit} of ${entry.date}: ${verdict}.`].join('\n')}\n`;
}

/** How many rows both runs have. */
export function countCommon(now: readonly BenchResult[], before: readonly BenchResult[]): number {
  const old = new Set(before.map(keyOf));
  return now.filter((row) => old.has(keyOf(row))).length;
}
