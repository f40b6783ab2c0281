// The addresses that SNAT sends from, with --snat-address: which ones a flow tries, and what its index stands for.
// Imports the state's types.
// Invariant: index 0 is the LB address towards the backend; those of IPv4 begin at 1, those of IPv6 behind four of IPv4.

import type { Hash } from './hash.js';
import type { Backend, Family, Settings } from './state.js';

const FIRST: Readonly<Record<Family, number>> = { 4: 1, 6: 5 };

const countOf = (settings: Settings, family: Family): number => (family === 4 ? settings.snat4Sources : settings.snat6Sources) ?? 0;

/** The index that goes with the i-th port of a flow. */
export function triedSource(settings: Settings, family: Family, { high }: Hash, i: number): number {
  const count = countOf(settings, family);
  return count === 0 ? 0 : FIRST[family] + (((high & 0xff) + i) % count);
}

export function sourceOf(settings: Settings, family: Family, backend: Backend, index: number): string {
  if (index === 0 || countOf(settings, family) === 0) return backend.source;
  return settings.snatAddresses?.[family][index - FIRST[family]] as string;
}
