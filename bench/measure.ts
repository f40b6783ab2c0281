// Takes the samples: in each round every path beside the unit, which is the same wrapper around a program that does nothing.
// Imports agent/model/errors.ts and its siblings.
// Invariant: a sample counts only if each of its packets took the path: its verdict, and the growth of its reason's counter.

import { FairleadError } from '../agent/model/errors.js';
import { type BenchPath, DO_NOTHING } from './paths.js';
import type { Scene } from './scene.js';
import type { FrameRange, Sample, Wrapper } from './wrapper.js';

/** Runs of one sample where nothing fills up meanwhile. */
const RUNS = 500_000;
/** Samples of new flows taken one after the other in one round. */
const NEW_FLOW_SAMPLES = 10;

/** One measurement: nanoseconds of a run, of the path and of the unit beside it. */
export interface Pair {
  readonly path: number;
  readonly unit: number;
}

function checkVerdict(name: string, sample: Sample, verdict: Sample['verdict']): void {
  if (sample.verdict === verdict) return;
  throw new FairleadError('FL_E_SYSTEM', `${name}: the program answered ${sample.verdict}, not ${verdict}`, {
    hint: 'the path measured is not the one meant; no figure is given',
  });
}

/** Checks that `before` to `after` (packets by reason) grew by `runs` for the path's reason and by nothing else. */
export function checkReasons(
  path: { name: string; reason: string | undefined },
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  runs: number,
): void {
  const grown = [...after].map(([reason, count]) => ({ reason, count: count - (before.get(reason) ?? 0) })).filter(({ count }) => count !== 0);
  const right = path.reason === undefined ? grown.length === 0 : grown.length === 1 && grown[0]?.reason === path.reason && grown[0].count === runs;
  if (right) return;
  const found = grown.map(({ reason, count }) => `${count} ${reason}`).join(', ') || 'none';
  const wanted = path.reason === undefined ? 'none' : `${runs} ${path.reason}`;
  throw new FairleadError('FL_E_SYSTEM', `${path.name}: packets were counted as ${found}; expected ${wanted}`, {
    hint: 'the path measured is not the one meant; no figure is given',
  });
}

/** The unit's cost with these frames. */
export function sampleUnit(wrapper: Wrapper, scene: Scene, range: FrameRange, fresh: boolean): number {
  const before = scene.countReasons();
  const sample = wrapper.run({ range, target: 'nothing', runs: RUNS, freshFrom: fresh ? 0 : undefined });
  checkVerdict(DO_NOTHING, sample, 'tx');
  checkReasons({ name: DO_NOTHING, reason: undefined }, before, scene.countReasons(), RUNS);
  return sample.nanoseconds;
}

/** The path's cost: flows that are known, or `flows` new ones at a time. The wrapper is aimed at the scene's program. */
export function samplePath(wrapper: Wrapper, scene: Scene, path: BenchPath, range: FrameRange, flows: number): number {
  if (path.table === 'established') return runChecked(wrapper, scene, path, range, RUNS, undefined);
  let sum = 0;
  for (let i = 0; i < NEW_FLOW_SAMPLES; i++) sum += runChecked(wrapper, scene, path, range, flows, scene.takeSerials(flows));
  return sum / NEW_FLOW_SAMPLES;
}

/** Runs `runs` packets of the path and returns their mean cost. Throws FL_E_SYSTEM when any of them went another way. */
export function runChecked(
  wrapper: Wrapper,
  scene: Scene,
  path: BenchPath,
  range: FrameRange,
  runs: number,
  freshFrom: number | undefined,
): number {
  const before = scene.countReasons();
  const sample = wrapper.run({ range, target: 'measured', runs, freshFrom });
  checkVerdict(path.name, sample, path.verdict);
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
