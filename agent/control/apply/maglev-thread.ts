// The thread of maglev-builder.ts: takes lists of backends and gives back their Maglev tables, whose memory goes with them.
// Imports agent/model and node:worker_threads.

import { parentPort } from 'node:worker_threads';
import { buildMaglevTable } from '../../model/maglev.js';
import type { BuildRequest } from './maglev-builder.js';

parentPort?.on('message', ({ lists, size }: BuildRequest) => {
  const tables = lists.map((backends) => {
    try {
      return buildMaglevTable(backends, size);
    } catch {
      // Whoever builds it once more says what is wrong.
      return undefined;
    }
  });
  const memory = tables.flatMap((table) => (table === undefined ? [] : [table.buffer as ArrayBuffer]));
  parentPort?.postMessage(tables, memory);
});
