// All faults, one after the other in each of a few copies of the tree: first the sound tree, then each fault.
// Imports its siblings.
// Invariant: a fault counts as caught only by a test that passes on the sound tree; every copy is removed at the end.

import { findStale, type Mutant, nameRun, type TestRun } from './mutant.js';
import { runTests } from './run-tests.js';
import { Tree } from './tree.js';

export interface MutantResult {
  readonly mutant: Mutant;
  readonly outcome: 'caught' | 'survived' | 'broken';
  /** The test that caught it, or why nothing has judged. */
  readonly text: string;
  readonly seconds: number;
}

export interface CampaignOptions {
  /** Root of the tree that is copied; its node_modules hold mocha and tsx. */
  readonly source: string;
  readonly mutants: readonly Mutant[];
  /** Copies in which tests run at the same time. */
  readonly jobs: number;
  readonly stop: AbortSignal;
  readonly write: (line: string) => void;
}

/** The faults cannot be judged: some are stale, or a test fails on the sound tree. One line for each reason. */
export class CampaignProblem extends Error {
  readonly lines: readonly string[];

  constructor(message: string, lines: readonly string[]) {
    super(message);
    this.lines = lines;
  }
}

/** Runs the campaign. Throws CampaignProblem before the first fault is put in. After `stop` the results are incomplete. */
export async function runCampaign(options: CampaignOptions): Promise<readonly MutantResult[]> {
  const { source, mutants, jobs, stop, write } = options;
  const trees: Tree[] = [];
  const remove = (): void => {
    for (const tree of trees) tree.remove();
  };
  process.once('exit', remove);
  try {
    for (let i = 0; i < Math.min(jobs, mutants.length); i++) trees.push(new Tree(source));
    const stale = findStale(mutants, (file) => trees[0]?.read(file));
    if (stale.length > 0) throw new CampaignProblem('faults that do not fit the source any more', stale);
    await checkSoundTree(trees, mutants, stop, write);
    const results: MutantResult[] = [];
    await share(trees, mutants, stop, async (tree, mutant) => {
      const result = await tryMutant(tree, mutant, stop);
      if (stop.aborted) return;
      results.push(result);
      write(`${result.outcome.padEnd(8)}  ${mutant.name} (${mutant.file}), ${result.seconds.toFixed(1)} s`);
      if (result.outcome !== 'caught') write(`          ${mutant.breaks} ${result.text}`);
    });
    return mutants.flatMap((mutant) => results.filter((result) => result.mutant === mutant));
  } finally {
    process.off('exit', remove);
    remove();
  }
}

async function checkSoundTree(
  trees: readonly Tree[],
  mutants: readonly Mutant[],
  stop: AbortSignal,
  write: (line: string) => void,
): Promise<void> {
  const runs = [...new Map(mutants.flatMap(({ tests }) => tests).map((run) => [nameRun(run), run])).values()];
  const problems: string[] = [];
  await share(trees, runs, stop, async (tree, run) => {
    const outcome = await runTests(tree, run, stop);
    if (outcome.kind === 'passed') write(`sound     ${nameRun(run)}: ${outcome.count} passed`);
    else problems.push(`${nameRun(run)}: ${outcome.kind === 'failed' ? `${outcome.title}: ` : ''}${outcome.reason}`);
  });
  if (problems.length > 0 && !stop.aborted) throw new CampaignProblem('tests that do not pass without any fault', problems);
}

async function tryMutant(tree: Tree, mutant: Mutant, stop: AbortSignal): Promise<MutantResult> {
  const began = performance.now();
  const { outcome, text } = await tree.withMutant(mutant, () => judgeMutant(tree, mutant.tests, stop));
  return { mutant, outcome, text, seconds: (performance.now() - began) / 1000 };
}

async function judgeMutant(tree: Tree, runs: readonly TestRun[], stop: AbortSignal): Promise<Pick<MutantResult, 'outcome' | 'text'>> {
  for (const run of runs) {
    const outcome = await runTests(tree, run, stop);
    if (outcome.kind === 'failed') return { outcome: 'caught', text: outcome.title };
    if (outcome.kind === 'broken') return { outcome: 'broken', text: outcome.reason };
  }
  return { outcome: 'survived', text: `passed: ${runs.map(nameRun).join(', ')}` };
}

/** Gives each item to the next tree that is free; begins none after `stop`. */
async function share<Item>(
  trees: readonly Tree[],
  items: readonly Item[],
  stop: AbortSignal,
  work: (tree: Tree, item: Item) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async (tree: Tree): Promise<void> => {
    for (let next = rest.next(); !next.done && !stop.aborted; next = rest.next()) await work(tree, next.value);
  };
  await Promise.all(trees.map(worker));
}
