// `npm test`: set-up, type check, lint and all mocha tests, then one line with the totals.
// Imports tools/setup only. Type check and lint count as one test each.
// Invariant: the last line written is `N passed, N failed, N skipped`, also when the set-up fails; the exit status says whether all is well.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setUp } from './setup.mjs';
import { reportProblem } from './setup/problem.mjs';
import { ROOT } from './setup/project.mjs';

const totals = { passed: 0, failed: 0, skipped: 0 };

/** What failed, `{ test, error }`: repeated just before the totals, as a log is often kept by its end alone. */
const failures = [];

/** So many characters of an error are repeated; the whole stands where the test ran. */
const MOST_OF_ERROR = 600;

/** Mocha may take this long, milliseconds: a test that never gives back the processor is beyond mocha's own time limits. */
const MOST_TIME = 45 * 60_000;

/**
 * Tests that run beside all others, in two courses that take about as long as those do. Labs wait more than they compute: three courses at once keep
 * two processors busy.
 */
const BESIDE = [
  ['test/e2e/[a-h]*.test.ts', 'test/bench/*.test.ts', 'test/platform/*.test.ts', 'test/verifier/*.test.ts'],
  ['test/e2e/[i-z]*.test.ts', 'test/backends/**/*.test.ts', 'test/samples/**/*.test.ts', 'test/windows/*.test.ts'],
];

/** Runs a program with the terminal as it is; true when it ended with 0. */
function run(program, args) {
  return spawnSync(program, args, { cwd: ROOT, stdio: 'inherit' }).status === 0;
}

function runTool(name, args) {
  return run(join(ROOT, 'node_modules/.bin', name), args);
}

/** One check that counts as one test. */
function check(title, passed) {
  process.stdout.write(`${title}: ${passed ? 'ok' : 'FAILED'}\n`);
  totals[passed ? 'passed' : 'failed'] += 1;
  if (!passed) failures.push({ test: title, error: 'see above' });
}

/** Mocha with our reporter, which leaves its totals in a file; a mocha that left none counts as one failure. `output`: a file descriptor. */
async function runMocha(args, output) {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-test-'));
  const file = join(folder, 'totals.json');
  // Not node_modules/.bin/mocha, which starts another process: that would outlive it when the time is over.
  const mocha = join(ROOT, 'node_modules/mocha/lib/cli/cli.js');
  const options = {
    cwd: ROOT,
    stdio: ['ignore', output, output],
    env: { ...process.env, FAIRLEAD_TOTALS: file },
    timeout: MOST_TIME,
    killSignal: 'SIGKILL',
  };
  const child = spawn(process.execPath, ['--import', 'tsx', mocha, ...args], options);
  const passed = await new Promise((resolve) => child.on('close', (status) => resolve(status === 0)));
  try {
    const counted = JSON.parse(readFileSync(file, 'utf8'));
    for (const key of Object.keys(totals)) totals[key] += counted[key];
    failures.push(...counted.failures);
    if (counted.running !== undefined) process.stdout.write(`mocha did not come to its end, in: ${counted.running}\n`);
    if (!passed && (counted.failed === 0 || counted.running !== undefined)) totals.failed += 1;
  } catch {
    process.stdout.write('mocha ended before it had counted its tests\n');
    totals.failed += 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All tests in courses at once; what those beside print follows. */
async function runAll() {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-test-'));
  const files = BESIDE.map((_globs, index) => join(folder, `${index}.txt`));
  const outputs = files.map((file) => openSync(file, 'w'));
  try {
    const others = ['test/**/*.test.ts', ...BESIDE.flat().flatMap((glob) => ['--ignore', glob])];
    const beside = BESIDE.map((globs, index) => runMocha(globs, outputs[index]));
    await runMocha(others, 1);
    await Promise.all(beside);
  } finally {
    for (const output of outputs) closeSync(output);
    for (const file of files) process.stdout.write(readFileSync(file));
    rmSync(folder, { recursive: true, force: true });
  }
}

// Ctrl-C reaches mocha by the terminal; the totals are still printed.
process.on('SIGINT', () => {});
try {
  setUp((line) => process.stdout.write(`set-up: ${line}\n`));
  check('type check', runTool('tsc', ['--noEmit', '-p', '.']) && runTool('tsc', ['-p', 'agent/api/page']));
  check('lint', runTool('biome', ['check', '.']) && runTool('tsx', ['tools/check-imports.ts']));
  const chosen = process.argv.slice(2);
  await (chosen.length > 0 ? runMocha(chosen, 1) : runAll());
  process.exitCode = totals.failed > 0 ? 1 : 0;
} catch (error) {
  totals.failed += 1;
  process.exitCode = reportProblem(error);
}
if (failures.length > 0) process.stdout.write('Failed:\n');
for (const { test, error } of failures) {
  process.stdout.write(`  ${test}\n    ${error.slice(0, MOST_OF_ERROR).replaceAll('\n', '\n    ')}\n`);
}
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
