// The veth loop's rows: rounds of path and do-nothing side by side through the same devices, then medians.
// Imports agent/model and its siblings.
// Invariant: as in course.ts, a ratio is made of two runs taken one right after the other.

import type { Family } from '../agent/model/address.js';
import type { Workshop } from './course.js';
import { LAYOUTS } from './family.js';
import { addFlowFrames, establishFlows } from './flows.js';
import { roundTo } from './lanes.js';
import { medianOf, type Pair } from './measure.js';
import { LOOP_NOTHING, type LoopPath, MANY_FLOWS } from './paths.js';
import type { BenchRow } from './report.js';
import { Scene } from './scene.js';
import { VethLoop } from './veth-loop.js';
import { type FrameRange, Wrapper } from './wrapper.js';

/** Frames of one run: a tenth of a second or more. */
const RUNS = 400_000;

interface LoopLane {
  readonly loopPath: LoopPath;
  readonly range: FrameRange;
  readonly pairs: Pair[];
}

/** Measures the loop's paths for each family, and do-nothing beside them. Throws FL_E_SYSTEM when frames went another way. */
export async function measureLoop(
  workshop: Workshop,
  families: readonly Family[],
  paths: readonly LoopPath[],
): Promise<readonly BenchRow[]> {
  const loop = await VethLoop.open(workshop.toolbox);
  try {
    const rows: BenchRow[] = [];
    for (const family of families) rows.push(...(await measureFamily(workshop, loop, family, paths)));
    return rows;
  } finally {
    loop.close();
  }
}

async function measureFamily(
  { platform, toolbox, dataPlane, rounds }: Workshop,
  loop: VethLoop,
  family: Family,
  paths: readonly LoopPath[],
): Promise<readonly BenchRow[]> {
  const wrapper = await Wrapper.load(toolbox, family);
  const scene = await Scene.open(platform, dataPlane, { family, ifindex: loop.ifindex });
  const sets = new Set(paths.map(({ path }) => path.frames));
  const ranges = await addFlowFrames(wrapper, sets, establishFlows(scene, sets));
  const lanes = paths.map((loopPath): LoopLane => {
    const range = ranges.get(loopPath.path.frames);
    if (range === undefined) throw new RangeError(`no frames of ${loopPath.path.frames}`);
    return { loopPath, range, pairs: [] };
  });
  const { bytes, ipBytes } = LAYOUTS[family];
  for (let i = 0; i < rounds; i++) {
    for (const { loopPath, range, pairs } of lanes) {
      const { reason, frames } = loopPath.path;
      const sent = { range, reason, runs: RUNS, bytesBack: frames === 'ipip' ? bytes + ipBytes : bytes };
      const takeUnit = () => loop.measure(wrapper, undefined, { ...sent, bytesBack: bytes });
      const before = i % 2 === 0 ? takeUnit() : undefined;
      // Once a second the program looks after a flow; not in the run that counts, see samplePath().
      loop.measure(wrapper, scene, { ...sent, runs: MANY_FLOWS });
      const path = loop.measure(wrapper, scene, sent);
      pairs.push({ path, unit: before ?? takeUnit() });
    }
  }
  scene.close();
  wrapper.close();
  return [
    toRow(
      LOOP_NOTHING,
      family,
      lanes.flatMap(({ pairs }) => pairs.map(({ unit }) => ({ path: unit, unit }))),
    ),
    ...lanes.map((lane) => ({
      ...toRow(lane.loopPath.name, family, lane.pairs),
      goal: { least: lane.loopPath.goal },
    })),
  ];
}

/** `ratio`: share of do-nothing's rate. */
function toRow(path: string, family: Family, pairs: readonly Pair[]): BenchRow {
  const ns = medianOf(pairs.map((pair) => pair.path));
  const ratio = roundTo(medianOf(pairs.map((pair) => pair.unit / pair.path)), 2);
  return { kind: 'loop', path, family, flows: MANY_FLOWS, ns: roundTo(ns, 1), ratio, mpps: roundTo(1000 / ns, 2), goal: undefined };
}
