// Outlives the lab's process and cleans up after it, however that ended: SIGKILL included.
// Imports cleanup.ts. Started by lab.ts as `watchdog.ts NAME`, detached, with a pipe as its input that nobody writes to.
// Invariant: the pipe's end means that the lab is to be removed; nothing else ends this process.

import { removeLabTraces } from './cleanup.js';

const lab = process.argv[2];
if (lab === undefined) throw new Error('usage: watchdog.ts LAB-NAME');

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.stdin.resume();
process.stdin.on('close', () => {
  const left = removeLabTraces(lab);
  for (const line of left) process.stderr.write(`${line}\n`);
  process.exitCode = left.length === 0 ? 0 : 1;
});
