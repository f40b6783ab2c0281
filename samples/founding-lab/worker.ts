// Starts a TypeScript program of this folder on a host and talks to it: a line 'ready' when it is set up,
// a JSON report as its last line after its input has ended.
// Imports Node and its siblings.
// Invariant: a worker that cannot start or ends early is an error with its last words, never an empty report.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { FairleadError } from '../../agent/model/errors.js';
import type { Host } from './host.js';
import { compiledCommand } from './compiled.js';

export interface Worker {
  /** Resolves with the report when the worker ended by itself. */
  readonly done: Promise<unknown>;
  /** Tells it to finish what it has begun, and waits for the report. */
  stop(): Promise<unknown>;
}

function report(child: ChildProcess, what: string): { done: Promise<unknown>; ready: Promise<void> } {
  let stdout = '';
  let stderr = '';
  let markReady: () => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    markReady = resolve;
    fail = reject;
  });
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (stdout.startsWith('ready\n')) markReady();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const done = once(child, 'close').then(([status]) => {
    const last = stdout.trim().split('\n').at(-1) ?? '';
    if (status !== 0 || !last.startsWith('{')) {
      const error = new FairleadError('FL_E_SYSTEM', `${what} ended with ${status}: ${stderr.trim().split('\n').at(-1) || 'no report'}`, {
        hint: 'see the message',
      });
      fail(error);
      throw error;
    }
    return JSON.parse(last) as unknown;
  });
  // Both are also waited for by whoever started the worker; a failure must not count as unhandled before.
  done.catch(() => {});
  ready.catch(() => {});
  return { done, ready };
}

/** Starts `script` (a file of this folder) on the host with `options` as JSON argument; returns when it is ready. */
export async function startWorker(host: Host, script: string, options: object): Promise<Worker> {
  const child = host.spawn(compiledCommand(script, [JSON.stringify(options)]), { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin?.on('error', () => {});
  const { done, ready } = report(child, `${script} on ${host.name}`);
  await ready;
  return {
    done,
    stop() {
      child.stdin?.end();
      return done;
    },
  };
}
