// Running a program: an argument array, never a shell. The one place of agent/doctor that starts processes.
// Imports node's own modules, agent/model and its neighbours.
// Invariant: none outlives its time limit.

import { execFile } from 'node:child_process';
import { delimiter } from 'node:path';
import { FairleadError } from '../model/errors.js';
import { type Command, commandText } from './commands.js';

const LOOK_LIMIT = 5_000;
/** install.sh compiles. */
const MEND_LIMIT = 120_000;

/** Its standard output, or undefined when it is not there, fails or takes too long: what it would have told is not known then. */
export function look(command: Command): Promise<string | undefined> {
  return new Promise((resolve) => {
    start(command, LOOK_LIMIT, (error, stdout) => resolve(error === null ? stdout : undefined));
  });
}

/** What a program said and how it ended: some say by their status what they found. */
export interface Said {
  readonly status: number;
  readonly stdout: string;
}

/** The same, whatever its exit status; undefined when it is not there or takes too long. */
export function ask(command: Command): Promise<Said | undefined> {
  return new Promise((resolve) => {
    start(command, LOOK_LIMIT, (error, stdout) => {
      if (error === null) return resolve({ status: 0, stdout });
      resolve(typeof error.code === 'number' ? { status: error.code, stdout } : undefined);
    });
  });
}

/** Its standard output, read as JSON. */
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

/** `code`: the exit status, or why it could not be started. */
type Failure = Error & { readonly code?: string | number | null };
type Done = (error: Failure | null, stdout: string, stderr: string) => void;

function start([program = '', ...args]: Command, timeout: number, done: Done): void {
  // Tools of the administrator are not on every user's PATH.
  const env = { ...process.env, PATH: [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter), LC_ALL: 'C' };
  execFile(program, args, { timeout, env, encoding: 'utf8', maxBuffer: 1 << 24 }, (error, stdout, stderr) =>
    done(error as Failure | null, stdout, stderr),
  );
}
