// Runs programs to their end and collects what they wrote. Never through a shell.
// Imports Node and agent/model/errors.ts.
// Invariant: no started process outlives its time limit.

import { spawn } from 'node:child_process';
import { FairleadError } from '../../agent/model/errors.js';

export interface CommandResult {
  /** Exit status; 128 + signal when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** Milliseconds; then SIGKILL and an error. Default 30 s. */
  readonly timeout?: number;
  /** False: a status other than 0 is returned, not thrown. */
  readonly check?: boolean;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The last line that says something, for one-line messages. */
function lastLine(text: string): string {
  return (
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .at(-1)
      ?.trim() ?? 'no output'
  );
}

/** Runs a command. Throws FL_E_SYSTEM when it fails (unless check is false) or takes longer than its time limit. */
export function runCommand(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const [program = '', ...args] = command;
  const limit = options.timeout ?? 30_000;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, limit);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // A program that ends without reading its input breaks the pipe; its status says what went wrong.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new FairleadError('FL_E_SYSTEM', `\`${command.join(' ')}\` ${why}`, { hint: 'run it by hand to see more' }));
    };
    child.on('error', (error) => fail(`could not be started: ${error.message}`));
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (timedOut) return fail(`took longer than ${limit} ms`);
      const result = { status: status ?? (signal === 'SIGKILL' ? 137 : 143), stdout, stderr };
      if (result.status !== 0 && options.check !== false) {
        return fail(`ended with ${result.status}: ${lastLine(stderr || stdout)}`);
      }
      resolve(result);
    });
  });
}
