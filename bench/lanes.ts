// From samples to rows: a lane is a path with a number of flows, and the pairs that were taken of it.
// Imports agent/model and its siblings.
// Invariant: a row's ratio is the median of the pairs' ratios, not a ratio of medians.

import type { Family } from '../agent/model/address.js';
import { medianOf, type Pair } from './measure.js';
import { type BenchPath, DO_NOTHING } from './paths.js';
import type { BenchRow } from './report.js';
import type { FrameRange } from './wrapper.js';

export interface Lane {
  readonly path: BenchPath;
  readonly flows: number;
  /** Where its frames are in the wrapper. */
  readonly range: FrameRange;
  readonly pairs: Pair[];
  /** Share of packets that were refused (BenchPath.refused), when all rounds are done. */
  refused?: number | undefined;
}

/** The share of the path's packets that were refused, in all that a scene has seen; undefined: none. */
export function refusedShare({ reason, refused }: BenchPath, counts: ReadonlyMap<string, number>): number | undefined {
  const count = (refused?.reasons ?? []).reduce((sum, each) => sum + (counts.get(each) ?? 0), 0);
  return count === 0 ? undefined : roundTo(count / (count + (counts.get(reason) ?? 0)), 3);
}

export function roundTo(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** The figures of pairs, rounded as they are given out. */
export function figuresOf(pairs: readonly Pair[]): { ns: number; ratio: number } {
  return {
    ns: roundTo(medianOf(pairs.map((pair) => pair.path)), 1),
    ratio: roundTo(medianOf(pairs.map((pair) => pair.path / pair.unit)), 2),
  };
}

/** Do-nothing's rows first, one for each number of flows; their `ns` is that beside the paths of known flows, where there are any. */
export function summariseLanes(family: Family, lanes: readonly Lane[]): readonly BenchRow[] {
  const rows = lanes.map(({ path, flows, pairs, refused }): BenchRow => {
    const most = flows > 1 ? path.goals?.[family] : undefined;
    return {
      kind: 'path',
      path: path.name,
      family,
      flows,
      ...figuresOf(pairs),
      ...(refused === undefined ? {} : { refused }),
      goal: most === undefined ? undefined : { most },
    };
  });
  const units = [...new Set(lanes.map(({ flows }) => flows))].map((flows): BenchRow => {
    const beside = lanes.filter((lane) => lane.flows === flows);
    const known = beside.filter((lane) => lane.path.table === 'established');
    const samples = (known.length > 0 ? known : beside).flatMap((lane) => lane.pairs);
    return {
      kind: 'path',
      path: DO_NOTHING,
      family,
      flows,
      ns: roundTo(medianOf(samples.map((pair) => pair.unit)), 1),
      ratio: 1,
      goal: undefined,
    };
  });
  return [...units, ...rows];
}
