// Takes the samples: in each round every path beside the unit, which is the same wrapper around a program that does nothing.
// Imports its siblings.
// Invariant: a sample counts only if each of its packets took the path: its verdict, and the growth of its reason's counter.

import { checkReasons, checkVerdict } from './checks.js';
import { type BenchPath, DO_NOTHING } from './paths.js';
import type { Scene } from './scene.js';
import type { FrameRange, Serials, Wrapper } from './wrapper.js';

/** Runs of one sample where nothing fills up meanwhile. A call has 30 ms of its own, which the figure does not include. */
export const RUNS = 300_000;

/** One measurement: nanoseconds of a run, of the path and of the unit beside it. */
export interface Pair {
  readonly path: number;
  readonly unit: number;
}

/** The unit's cost with these frames. */
export function sampleUnit(wrapper: Wrapper, scene: Scene, range: FrameRange, fresh: boolean): number {
  const before = scene.countReasons();
  const sample = wrapper.run({ range, target: 'nothing', runs: RUNS, fresh: fresh ? { from: 0 } : undefined });
  checkVerdict({ name: DO_NOTHING }, sample, 'tx');
  checkReasons({ name: DO_NOTHING, reason: undefined }, before, scene.countReasons(), RUNS);
  return sample.nanoseconds;
}

/** The path's cost: flows that are known, or `flows` new ones. The wrapper is aimed at the scene's program. */
export function samplePath(wrapper: Wrapper, scene: Scene, path: BenchPath, range: FrameRange, flows: number): number {
  if (path.table === 'established') {
    // The program looks at a flow's reverse entry and next hop once a second. Samples of one path are further apart than that,
    // so each would begin with that work for all flows, 3 % of its packets, where traffic has it for 0.1 %.
    if (flows > 1) runChecked(wrapper, scene, path, range, flows, undefined);
    return runChecked(wrapper, scene, path, range, RUNS, undefined);
  }
  return runChecked(wrapper, scene, path, range, flows, { from: scene.takeSerials(flows) });
}

/** Runs `runs` packets of the path and returns their mean cost. Throws FL_E_SYSTEM when any of them went another way. */
export function runChecked(
  wrapper: Wrapper,
  scene: Scene,
  path: BenchPath,
  range: FrameRange,
  runs: number,
  fresh: Serials | undefined,
): number {
  const before = scene.countReasons();
  const sample = wrapper.run({ range, target: 'measured', runs, fresh });
  checkVerdict(path, sample, path.verdict);
  checkReasons(path, before, scene.countReasons(), runs);
  return sample.nanoseconds;
}

/** The middle value; the mean of the two in the middle of an even number. */
export function medianOf(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values to take the median of');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
