// Runs programs for the set-up, and finds them also where a person's PATH does not look.
// Imports Node and its siblings only. Never uses a shell.
// Invariant: a failure becomes a SetupProblem that names the command and the last line it wrote.

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { EXIT, SetupProblem } from './problem.mjs';

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Adds the folders of system programs to PATH: `su` without `-` leaves a root shell that has none of them. */
export function extendPath() {
  const folders = (process.env.PATH ?? '').split(':').filter(Boolean);
  process.env.PATH = [...folders, ...SYSTEM_FOLDERS.filter((folder) => !folders.includes(folder))].join(':');
}

/**
 * Path of a program, or undefined.
 * @param {string} name
 * @param {string} [path] as the environment variable PATH
 */
export function findProgram(name, path = process.env.PATH ?? '') {
  for (const folder of path.split(':').filter(Boolean)) {
    const candidate = join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // not here
    }
  }
  return undefined;
}

/**
 * The line of a program's output that says why it failed: npm's first two (a code and a sentence; help and a log's place follow), else the last.
 * @param {string} output
 */
export function tellingLine(output) {
  const lines = output.split('\n').map((line) => line.trim());
  const npm = lines.filter((line) => line.startsWith('npm error ')).map((line) => line.slice('npm error '.length));
  return npm.length > 0 ? npm.slice(0, 2).join(': ') : (lines.filter((line) => line !== '').at(-1) ?? 'no output');
}

/**
 * Runs a command to its end and returns what it wrote.
 * @param {string[]} command
 * @param {{cwd?: string, env?: Record<string, string>, hint?: string, check?: boolean}} [options] check: false returns failures too
 */
export function run(command, options = {}) {
  const [program = '', ...rest] = command;
  const result = spawnSync(program, rest, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  const status = result.error ? 127 : (result.status ?? 128);
  if (status !== 0 && options.check !== false) {
    const why = result.error?.message ?? tellingLine(`${result.stdout ?? ''}\n${result.stderr ?? ''}`);
    throw new SetupProblem(
      EXIT.failed,
      `\`${command.join(' ')}\` ended with ${status}: ${why}`,
      options.hint ?? 'run it by hand to see more',
    );
  }
  return { status, stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
}
