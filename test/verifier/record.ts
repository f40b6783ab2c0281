// What was measured once: instructions.json beside this file, and what has grown since.
// Imports measure.ts for its types.
// Invariant: the file is sorted, so that a change of it shows what changed.

import { readFileSync, writeFileSync } from 'node:fs';
import type { Size } from './measure.js';

const FILE = new URL('instructions.json', import.meta.url);
/** A program may grow by this part before somebody has to say that it may. */
export const MOST_GROWTH = 0.1;

export interface Recorded {
  /** `uname -r` of the kernel that verified: another one may count otherwise. */
  readonly kernel: string;
  /** clang's major version ('14') to the name of a combination to its size. */
  readonly sizes: Readonly<Record<string, Readonly<Record<string, Size>>>>;
}

export function readRecord(): Recorded {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Recorded;
}

export function writeRecord({ kernel, sizes }: Recorded): void {
  const sorted = <Value>(record: Readonly<Record<string, Value>>) =>
    Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
  const rows = Object.fromEntries(Object.entries(sorted(sizes)).map(([clang, bySize]) => [clang, sorted(bySize)]));
  writeFileSync(FILE, `${JSON.stringify({ kernel, sizes: rows }, undefined, 2)}\n`);
}

/** 'verified 250000 to 280000 (+12.0 %)' for each number that grew by more than MOST_GROWTH. */
export function growthOf(before: Size, now: Size): readonly string[] {
  return (Object.keys(before) as (keyof Size)[]).flatMap((key) => {
    const more = now[key] - before[key];
    return more > before[key] * MOST_GROWTH ? [`${key} ${before[key]} to ${now[key]} (+${((100 * more) / before[key]).toFixed(1)} %)`] : [];
  });
}
