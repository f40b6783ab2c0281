// The process behind loader.ts: makes HTTP requests until its input ends or their number is reached, then writes the report.
// Imports Node and the types of loader.ts.
// Invariant: see loader.ts; the report is one line of JSON, the last.

import { createHash } from 'node:crypto';
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOptions } from './loader.js';

const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions & { url: string };
const timeout = options.timeout ?? 5000;
const failures: Record<string, number> = {};
const backends: Record<string, number> = {};
let begun = 0;
let ok = 0;
let bytes = 0;
let longest = 0;
let stopping = false;

/** One request; resolves with undefined when all was well, else with the reason. */
function request(agent: Agent): Promise<string | undefined> {
  return new Promise((settle) => {
    const resolve = (failure: string | undefined) => {
      clearTimeout(timer);
      settle(failure);
    };
    const asked = get(options.url, { agent }, (response) => {
      const digest = createHash('sha256');
      response.on('data', (piece: Buffer) => {
        timer.refresh();
        bytes += piece.length;
        if (options.digest !== undefined) digest.update(piece);
      });
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      response.on('end', () => {
        if (response.statusCode !== 200) return resolve(`status ${response.statusCode}`);
        if (options.digest !== undefined && digest.digest('hex') !== options.digest) return resolve('content');
        const backend = String(response.headers['x-backend'] ?? 'unknown');
        backends[backend] = (backends[backend] ?? 0) + 1;
        resolve(undefined);
      });
    });
    // A timer of our own: the request's begins only when the connection stands.
    const timer = setTimeout(() => {
      resolve('timeout');
      asked.destroy();
    }, timeout);
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

async function work(): Promise<void> {
  const agent = new Agent({ keepAlive: options.keepAlive ?? false, maxSockets: 1 });
  while (!stopping && begun < (options.requests ?? Number.POSITIVE_INFINITY)) {
    begun += 1;
    const start = performance.now();
    const failure = await request(agent);
    longest = Math.max(longest, performance.now() - start);
    if (failure === undefined) ok += 1;
    else failures[failure] = (failures[failure] ?? 0) + 1;
    if (options.pause) await sleep(options.pause);
  }
  agent.destroy();
}

process.stdin.resume();
process.stdin.on('end', () => {
  stopping = true;
});
const start = performance.now();
process.stdout.write('ready\n');
await Promise.all(Array.from({ length: options.workers ?? 8 }, work));
const seconds = (performance.now() - start) / 1000;
const report = { requests: begun, ok, failed: begun - ok, failures, backends, bytes, seconds, longest };
process.stdout.write(`${JSON.stringify(report)}\n`);
process.stdin.destroy();
