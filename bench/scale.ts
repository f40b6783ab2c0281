// How cost grows with what a packet does not touch: more services, more backends of a service, more flows in the table.
// Imports agent/model and its siblings.
// Invariant: large and small are sampled side by side with the same frames; a row's ratio is the one over the other.

import type { Family } from '../agent/model/address.js';
import { FairleadError } from '../agent/model/errors.js';
import { addOpeningFrame, type Workshop } from './course.js';
import { compileDataPlane, type DataPlane, SETTINGS } from './data-plane.js';
import { addFlowFrames, establishFlows } from './flows.js';
import { TCP_ACK } from './frames.js';
import { figuresOf } from './lanes.js';
import { type Pair, RUNS, runChecked, samplePath, sampleUnit } from './measure.js';
import { type BenchPath, MANY_FLOWS, pathNamed } from './paths.js';
import type { BenchRow } from './report.js';
import { Scene, type SceneSpec } from './scene.js';
import { buildClientFrame } from './traffic.js';
import { type FrameRange, Wrapper } from './wrapper.js';

const MILLION_FLOWS = 1_000_000;
const MILLION_FLOW_SLOTS = 2 ** 21;

/** Growth that must not show: within 10 %. */
const GOAL = { most: 1.1 } as const;

/** What is compared: two scenes that differ in one number. */
const GROWTHS: readonly { readonly name: string; readonly small: Partial<SceneSpec>; readonly large: Partial<SceneSpec> }[] = [
  { name: 'scale-services', small: {}, large: { otherServices: 9997 } },
  { name: 'scale-backends', small: { backends: 1 }, large: { backends: 1000 } },
];

/** Paths of known flows and of new ones. */
const GROWTH_PATHS = ['snat-established', 'dsr-ipip-established', 'dsr-ipip-new', 'pass-transit'].map(pathNamed);

export async function measureScale(workshop: Workshop, families: readonly Family[]): Promise<readonly BenchRow[]> {
  const millions = await compileDataPlane(workshop.platform, { ...SETTINGS, maxFlows: MILLION_FLOW_SLOTS });
  const rows: BenchRow[] = [];
  for (const family of families) {
    for (const growth of GROWTHS) rows.push(...(await measureGrowth(workshop, family, growth)));
    rows.push(await measureMillion(workshop, millions, family));
  }
  return rows;
}

async function measureGrowth(workshop: Workshop, family: Family, growth: (typeof GROWTHS)[number]): Promise<readonly BenchRow[]> {
  const { platform, toolbox, dataPlane, rounds } = workshop;
  const wrapper = await Wrapper.load(toolbox, family);
  const sets = new Set(GROWTH_PATHS.filter(({ table }) => table === 'established').map(({ frames }) => frames));
  const pairs = new Map<string, Pair[]>(GROWTH_PATHS.map(({ name }) => [name, []]));
  const opening = await addOpeningFrame(wrapper, 'ipip');
  // Replies differ with the backends, so they are not among the frames.
  const ranges = await addFlowFrames(wrapper, sets, []);
  for (let i = 0; i < rounds; i++) {
    const small = await Scene.open(platform, dataPlane, { family, ...growth.small });
    const large = await Scene.open(platform, dataPlane, { family, ...growth.large });
    for (const scene of [small, large]) establishFlows(scene, sets);
    for (const path of GROWTH_PATHS) {
      const range = path.table === 'established' ? (ranges.get(path.frames) ?? opening) : opening;
      const take = (scene: Scene): number => {
        wrapper.aim(scene.program);
        return samplePath(wrapper, scene, path, range, MANY_FLOWS);
      };
      const first = i % 2 === 0 ? take(small) : undefined;
      const cost = take(large);
      pairs.get(path.name)?.push({ path: cost, unit: first ?? take(small) });
    }
    small.close();
    large.close();
  }
  wrapper.close();
  return [...pairs].map(([name, taken]) => ({
    kind: 'growth',
    path: `${growth.name}-${name}`,
    family,
    flows: MANY_FLOWS,
    ...figuresOf(taken),
    goal: GOAL,
  }));
}

/** Beside do-nothing, as the paths are: reported as it is, without a goal. */
async function measureMillion({ platform, toolbox, rounds }: Workshop, dataPlane: DataPlane, family: Family): Promise<BenchRow> {
  // A place for each flow among the few that it may have is likely, not certain: one in 100 may go without.
  const refused = { reasons: ['dsr_untracked'], share: 0.01 };
  const path: BenchPath = { ...pathNamed('dsr-ipip-established'), name: 'scale-flows-dsr-ipip-established', refused };
  const wrapper = await Wrapper.load(toolbox, family);
  const scene = await Scene.open(platform, dataPlane, { family });
  const opening = await addOpeningFrame(wrapper, 'ipip');
  const ack = await wrapper.addFrames([buildClientFrame(family, 'ipip', 0, TCP_ACK)]);
  const all = { from: 0, count: MILLION_FLOWS };
  const run = (range: FrameRange, runs: number): number => {
    wrapper.aim(scene.program);
    return runChecked(wrapper, scene, path, range, runs, all);
  };
  // SYN and ACK of each flow, one after the other: a flow that is half open for long may be pushed out.
  run({ first: opening.first, count: 2 }, 2 * MILLION_FLOWS);
  const begun = await scene.countEntries();
  if (begun < MILLION_FLOWS * (1 - refused.share)) {
    throw new FairleadError('FL_E_SYSTEM', `${path.name}: ${MILLION_FLOWS} flows left ${begun} entries`, { hint: 'no figure is given' });
  }
  const pairs: Pair[] = [];
  for (let i = 0; i < rounds; i++) {
    const unit = sampleUnit(wrapper, scene, ack, true);
    // Unmeasured first: see samplePath().
    run(ack, MILLION_FLOWS);
    pairs.push({ path: run(ack, Math.max(RUNS, MILLION_FLOWS)), unit });
  }
  scene.close();
  wrapper.close();
  return { kind: 'path', path: path.name, family, flows: MILLION_FLOWS, ...figuresOf(pairs), goal: undefined };
}
