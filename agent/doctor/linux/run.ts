// Running a program: an argument array, never a shell. The one place of agent/doctor that starts processes.
// Imports node's own modules, agent/model and its neighbours.
// Invariant: none outlives its time limit.

import { execFile } from 'node:child_process';
import { FairleadError } from '../../model/errors.js';
import { type Command, commandText } from '../commands.js';

const LOOK_LIMIT = 5_000;
/** install.sh compiles. */
const MEND_LIMIT = 120_000;

/** Its standard output, or undefined when it is not there, fails or takes too long: what it would have told is not known then. */
export function look(command: Command): Promise<string | undefined> {
  return new Promise((resolve) => {
    start(command, LOOK_LIMIT, (error, stdout) => resolve(error === null ? stdout : undefined));
  });
}

/** The same, read as JSON. */
export async function lookJson(command: Command): Promise<unknown> {
  const text = await look(command);
  try {
    return text === undefined || text.trim() === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Runs a command that changes something. Throws FL_E_SYSTEM, FL_E_MISSING. */
export function mend(command: Command): Promise<void> {
  return new Promise((resolve, reject) => {
    start(command, MEND_LIMIT, (error, stdout, stderr) => {
      if (error === null) return resolve();
      const what = `\`${commandText(command)}\``;
      if (error.code === 'ENOENT') return reject(new FairleadError('FL_E_MISSING', `${what}: ${command[0]} is not installed`));
      const last = `${stderr}\n${stdout}`.split('\n').find((line) => line.trim() !== '');
      reject(new FairleadError('FL_E_SYSTEM', `${what} failed: ${last?.trim() ?? error.message}`, { hint: 'run it by hand to see more' }));
    });
  });
}

type Done = (error: NodeJS.ErrnoException | null, stdout: string, stderr: string) => void;

function start([program = '', ...args]: Command, timeout: number, done: Done): void {
  // Tools of the administrator are not on every user's PATH.
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };
  execFile(program, args, { timeout, env, encoding: 'utf8', maxBuffer: 1 << 24 }, (error, stdout, stderr) =>
    done(error as NodeJS.ErrnoException | null, stdout, stderr),
  );
}
