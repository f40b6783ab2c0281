// One mocha run in a copy of the tree, and what it says about the tree.
// Imports node's own modules, mutant.ts and tree.ts.
// Invariant: 'failed' means that a test ran and its assertion did not hold; whatever else goes wrong is 'broken'.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestRun } from './mutant.js';
import type { Tree } from './tree.js';

export type TestOutcome =
  | { readonly kind: 'passed'; readonly count: number }
  | { readonly kind: 'failed'; readonly title: string; readonly reason: string }
  /** No test has judged: nothing ran, something was skipped, a program did not build, the time was over. */
  | { readonly kind: 'broken'; readonly reason: string };

/** A whole run, milliseconds: several times what the slowest takes. */
const MOST_TIME = 120_000;
/** How long a run that was told to end may clean up, milliseconds. */
const GRACE = 5_000;
/** A program that does not build, or a test that only waited, has not noticed the fault. */
const NO_JUDGEMENT = new Set(['FL_E_COMPILE', 'FL_E_VERIFY', 'ERR_MOCHA_TIMEOUT']);

interface Report {
  readonly stats: { readonly passes: number; readonly pending: number };
  readonly failures: readonly { readonly title: string; readonly fullTitle: string; readonly err: { message?: string; code?: string } }[];
}

/** Runs the tests up to the first that fails. `stop` ends the run; it is then 'broken'. */
export async function runTests(tree: Tree, run: TestRun, stop: AbortSignal): Promise<TestOutcome> {
  const report = join(tree.temporary, 'report.json');
  rmSync(report, { force: true });
  const { output, ended } = await runMocha(tree, run, report, stop);
  if (ended !== undefined) return { kind: 'broken', reason: ended };
  try {
    return judge(JSON.parse(readFileSync(report, 'utf8')) as Report);
  } catch {
    return { kind: 'broken', reason: `mocha ended without a report: ${lastLine(output)}` };
  }
}

function judge({ stats, failures }: Report): TestOutcome {
  const [first] = failures;
  if (first !== undefined) {
    const reason = (first.err.message ?? '').split('\n')[0] ?? '';
    const judged = !NO_JUDGEMENT.has(first.err.code ?? '') && !/^"before (all|each)" hook/.test(first.title);
    return judged ? { kind: 'failed', title: first.fullTitle, reason } : { kind: 'broken', reason: `${first.fullTitle}: ${reason}` };
  }
  if (stats.pending > 0) return { kind: 'broken', reason: `${stats.pending} tests were skipped (are you root?)` };
  return stats.passes > 0 ? { kind: 'passed', count: stats.passes } : { kind: 'broken', reason: 'no test has this title' };
}

async function runMocha(tree: Tree, run: TestRun, report: string, stop: AbortSignal): Promise<{ output: string; ended?: string }> {
  // Its real path: called by the link, mocha takes itself for imported and does nothing.
  const mocha = realpathSync(join(tree.root, 'node_modules/mocha/lib/cli/cli.js'));
  const reporter = ['--reporter', 'json', '--reporter-option', `output=${report}`];
  const only = run.only === undefined ? [] : ['--fgrep', run.only];
  // Without the project's .mocharc.json, which adds the whole suite. --exit: a broken tree may leave timers.
  const args = ['--import', 'tsx', mocha, '--no-config', '--bail', '--exit', '--timeout', '60000', ...reporter, ...only, run.file];
  const child = spawn(process.execPath, args, {
    cwd: tree.root,
    env: { ...process.env, TMPDIR: tree.temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: Ctrl-C reaches it through us, once, and nothing that it has started is left.
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output = `${output}${text}`.slice(-4096)));
  let ended: string | undefined;
  let killing: NodeJS.Timeout | undefined;
  const end = (why: string): void => {
    ended ??= why;
    child.kill('SIGTERM');
    killing ??= setTimeout(() => killGroup(child), GRACE);
  };
  const timer = setTimeout(() => end(`took longer than ${MOST_TIME / 1000} s`), MOST_TIME);
  const onStop = (): void => end('stopped');
  stop.addEventListener('abort', onStop);
  if (stop.aborted) onStop();
  try {
    await new Promise<void>((resolve, reject) => child.on('error', reject).on('exit', () => resolve()));
  } finally {
    clearTimeout(timer);
    clearTimeout(killing);
    stop.removeEventListener('abort', onStop);
    killGroup(child);
  }
  return ended === undefined ? { output } : { output, ended };
}

/** What is left of the run's process group. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing is left.
  }
}

function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
}
