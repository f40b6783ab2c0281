// Maglev hashing: which backend each entry of a service's lookup table names.
// Imports its siblings only. Source: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, §3.4.
// Invariant: the table depends on the set of (key, weight) and the size alone, not on the order in which backends are given,
// so that every node of a cluster builds the same one.

import { FairleadError } from './errors.js';
import { hashText } from './hash.js';

export interface MaglevBackend {
  /** Names the backend the same way on every node: 'address:port'. */
  readonly key: string;
  /** Entries are shared in proportion; 0 gets none. */
  readonly weight: number;
}

const OFFSET_SEED = 0x666c6f66;
const SKIP_SEED = 0x666c736b;

/** Compares by UTF-16 code units: the same everywhere, unlike localeCompare. */
export function compareKeys(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/**
 * Table of `size` (a prime) indices into `backends`.
 * Throws FL_E_VALUE when no backend has a weight above 0, FL_E_LIMIT when there are more backends than entries.
 */
export function buildMaglevTable(backends: readonly MaglevBackend[], size: number): Uint32Array {
  const order = backends.map(({ key, weight }, index) => ({ key, weight, index })).filter((backend) => backend.weight > 0);
  if (order.length === 0) {
    throw new FairleadError('FL_E_VALUE', 'Maglev table of 0 backends: there is nothing to choose from', {
      hint: 'give at least one backend a weight above 0',
    });
  }
  if (order.length > size) {
    throw new FairleadError('FL_E_LIMIT', `${order.length} backends: more than the Maglev table's ${size} entries`, {
      hint: 'start the agent with a larger --maglev-size',
    });
  }
  order.sort(compareKeys);
  const count = order.length;
  // A backend's permutation of the entries is offset, offset + skip, offset + 2 * skip, ... modulo size; `next` walks along it.
  const next = Int32Array.from(order, (backend) => hashText(backend.key, OFFSET_SEED) % size);
  const skip = Int32Array.from(order, (backend) => (hashText(backend.key, SKIP_SEED) % (size - 1)) + 1);
  const weight = Int32Array.from(order, (backend) => backend.weight);
  const index = Int32Array.from(order, (backend) => backend.index);
  const heaviest = weight.reduce((most, value) => Math.max(most, value), 0);
  // Each round every backend earns its weight and takes an entry for each `heaviest` earned: the heaviest every round.
  const earned = new Int32Array(count);
  const taken = new Uint8Array(size);
  const table = new Uint32Array(size);
  let left = size;
  for (;;) {
    for (let i = 0; i < count; i++) {
      const credit = (earned[i] as number) + (weight[i] as number);
      if (credit < heaviest) {
        earned[i] = credit;
        continue;
      }
      earned[i] = credit - heaviest;
      // Below 0 it comes back by `size`: without a branch, which the CPU could not foresee.
      const step = (skip[i] as number) - size;
      let slot = next[i] as number;
      while (taken[slot] !== 0) {
        slot += step;
        slot += size & (slot >> 31);
      }
      taken[slot] = 1;
      table[slot] = index[i] as number;
      slot += step;
      next[i] = slot + (size & (slot >> 31));
      if (--left === 0) return table;
    }
  }
}
