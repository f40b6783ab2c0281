// `node tools/run.mjs FILE.ts [ARGUMENTS]`: set-up, then the TypeScript program with the terminal as it is.
// Imports tools/setup only. Ctrl-C reaches the program by the terminal; this process waits for its end.
// Invariant: the exit status is the program's.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setUp } from './setup.mjs';
import { reportProblem } from './setup/problem.mjs';

const [file, ...args] = process.argv.slice(2);

try {
  setUp((line) => process.stderr.write(`set-up: ${line}\n`));
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { stdio: 'inherit' });
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  child.on('exit', (status, signal) => {
    process.exitCode = status ?? 128 + constants.signals[signal];
    process.removeAllListeners();
  });
} catch (error) {
  process.exitCode = reportProblem(error);
}
