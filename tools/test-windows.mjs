// `npm run test:windows`: installs Wine and what else the Windows tests need, then runs them as `npm test` does. `-- --set-up`: installs alone.
// Imports tools/setup only.
// Invariant: where Wine cannot be had the tests still run, are skipped with the reason, and the exit status is 0.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setUp } from './setup.mjs';
import { reportProblem, SetupProblem } from './setup/problem.mjs';
import { ROOT } from './setup/project.mjs';
import { setUpWindows } from './setup/windows.mjs';

const say = (line) => process.stdout.write(`set-up: ${line}\n`);
try {
  setUp(say);
  try {
    setUpWindows(say);
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error;
    say(`${error.message}; ${error.hint}`);
  }
  if (process.argv.includes('--set-up')) process.exit(0);
  const test = [join(ROOT, 'tools/test.mjs'), 'test/windows/*.test.ts'];
  process.exitCode = spawnSync(process.execPath, test, { stdio: 'inherit' }).status ?? 1;
} catch (error) {
  process.exitCode = reportProblem(error);
}
