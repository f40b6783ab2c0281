// A 32-bit digest of what a Maglev table was built from; stands in fl_service.maglev_digest.
// Imports its siblings only. With it the agent knows after a restart whether a table in the kernel is current without reading it.
// Invariant: the same for any order of the backends; never 0, which means "no table".

import { hashText } from './hash.js';
import { compareKeys, type MaglevBackend } from './maglev.js';

export interface DigestBackend extends MaglevBackend {
  /** Index in the backend array: the table names ids, so a backend that got another id needs another table. */
  readonly backendId: number;
}

const SEED = 0x666c6467;

/** Digest of the backends, their weights and ids, and the table's size; 1 to 2^32-1. */
export function digestBackends(backends: readonly DigestBackend[], size: number): number {
  const lines = [...backends].sort(compareKeys).map((backend) => `${backend.key} ${backend.weight} ${backend.backendId}\n`);
  return hashText(`${size}\n${lines.join('')}`, SEED) || 1;
}
