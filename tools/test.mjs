// `npm test`: set-up, type check, lint and all mocha tests, then one line with the totals.
// Imports tools/setup only. Type check and lint count as one test each.
// Invariant: the last line written is `N passed, N failed, N skipped`, also when the set-up fails; the exit status says whether all is well.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setUp } from './setup.mjs';
import { reportProblem } from './setup/problem.mjs';
import { ROOT } from './setup/project.mjs';

const totals = { passed: 0, failed: 0, skipped: 0 };

/** Runs a program of node_modules/.bin with the terminal as it is; true when it ended with 0. */
function runTool(name, args, env = {}) {
  const program = join(ROOT, 'node_modules/.bin', name);
  const { status } = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } });
  return status === 0;
}

/** One check that counts as one test. */
function check(title, passed) {
  process.stdout.write(`${title}: ${passed ? 'ok' : 'FAILED'}\n`);
  totals[passed ? 'passed' : 'failed'] += 1;
}

/** Mocha with our reporter, which leaves its totals in a file; a mocha that left none counts as one failure. */
function runMocha(files) {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-test-'));
  const file = join(folder, 'totals.json');
  const passed = runTool('mocha', files, { FAIRLEAD_TOTALS: file });
  try {
    const counted = JSON.parse(readFileSync(file, 'utf8'));
    for (const key of Object.keys(totals)) totals[key] += counted[key];
    if (!passed && counted.failed === 0) totals.failed += 1;
  } catch {
    process.stdout.write('mocha ended before it had counted its tests\n');
    totals.failed += 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Ctrl-C reaches mocha by the terminal; the totals are still printed.
process.on('SIGINT', () => {});
try {
  setUp((line) => process.stdout.write(`set-up: ${line}\n`));
  check('type check', runTool('tsc', ['--noEmit', '-p', '.']));
  check('lint', runTool('biome', ['check', '.']) && runTool('tsx', ['tools/check-imports.ts']));
  const chosen = process.argv.slice(2);
  runMocha(chosen.length > 0 ? chosen : ['test/**/*.test.ts']);
  process.exitCode = totals.failed > 0 ? 1 : 0;
} catch (error) {
  totals.failed += 1;
  process.exitCode = reportProblem(error);
}
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
