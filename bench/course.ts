// The course of one family's paths: prepare what each path needs, then rounds of path and unit side by side, then medians.
// Imports platform/port.ts, agent/model and its siblings.
// Invariant: a ratio is made of two samples taken one right after the other, so that a machine that slows down slows both sides.

import type { Family } from '../agent/model/address.js';
import type { Platform } from '../platform/port.js';
import { checkKnownFlows, checkNewFlows } from './checks.js';
import type { DataPlane } from './data-plane.js';
import { addFlowFrames, establishFlows } from './flows.js';
import { TCP_SYN } from './frames.js';
import { type Pair, runChecked, samplePath, sampleUnit } from './measure.js';
import type { BenchPath, FrameSet } from './paths.js';
import { type Lane, refusedShare, summariseLanes } from './lanes.js';
import type { BenchRow } from './report.js';
import { Scene } from './scene.js';
import type { Toolbox } from './toolbox.js';
import { buildClientFrame } from './traffic.js';
import { type FrameRange, Wrapper } from './wrapper.js';

/** What is sent before a path of a full table is measured, as a multiple of the table's size. */
const OVERFILL = 1.5;

/** Pairs that a lane takes in one round: of new flows more, as a sample of theirs is shorter. */
const PAIRS = { established: 1, filling: 4, full: 4 } as const;

/** What every part of the benchmark works with. */
export interface Workshop {
  readonly platform: Platform;
  readonly toolbox: Toolbox;
  readonly dataPlane: DataPlane;
  readonly rounds: number;
}

interface Stage extends Workshop {
  readonly wrapper: Wrapper;
  /** Where the paths of known flows run, and those that need none. */
  readonly established: Scene;
  /** Scenes of paths with a full table, by the path's name. */
  readonly full: ReadonlyMap<string, Scene>;
}

async function openFullScene(stage: Omit<Stage, 'full'>, path: BenchPath, range: FrameRange): Promise<Scene> {
  const { platform, dataPlane, wrapper } = stage;
  const scene = await Scene.open(platform, dataPlane, { family: wrapper.family });
  wrapper.aim(scene.program);
  const flows = Math.ceil(dataPlane.settings.maxFlows * OVERFILL);
  runChecked(wrapper, scene, path, range, flows, { from: scene.takeSerials(flows) });
  return scene;
}

function takePair(wrapper: Wrapper, scene: Scene, lane: Lane, unitFirst: boolean): Pair {
  const { path, range, flows } = lane;
  const used = { first: range.first, count: path.table === 'established' ? flows : 1 };
  const takeUnit = () => sampleUnit(wrapper, scene, used, path.table !== 'established');
  const before = unitFirst ? takeUnit() : undefined;
  wrapper.aim(scene.program);
  const cost = samplePath(wrapper, scene, path, used, flows);
  return { path: cost, unit: before ?? takeUnit() };
}

/** Whichever is sampled second finds the caches as the other left them, so the order alternates. */
function takePairs(wrapper: Wrapper, scene: Scene, lane: Lane): void {
  for (let i = 0; i < PAIRS[lane.path.table]; i++) lane.pairs.push(takePair(wrapper, scene, lane, lane.pairs.length % 2 === 0));
}

/** One round of a lane. A table that is filling begins empty: its scene is loaded anew, which takes long, so every second round is enough. */
async function runLane(stage: Stage, lane: Lane, round: number): Promise<void> {
  const { platform, dataPlane, wrapper } = stage;
  if (lane.path.table !== 'filling') return takePairs(wrapper, stage.full.get(lane.path.name) ?? stage.established, lane);
  if (round % 2 !== 0) return;
  const scene = await Scene.open(platform, dataPlane, { family: wrapper.family });
  try {
    takePairs(wrapper, scene, lane);
    const found = round === 0 ? await scene.countFlows() : { entries: await scene.countEntries() };
    checkNewFlows(lane.path, found, scene.serials, dataPlane.settings.maxFlows);
  } finally {
    scene.close();
  }
}

/** Measures the paths in one family. Throws FL_E_SYSTEM when packets did not take the path that they were sent for. */
export async function measurePaths(workshop: Workshop, family: Family, paths: readonly BenchPath[]): Promise<readonly BenchRow[]> {
  const { platform, toolbox, dataPlane, rounds } = workshop;
  const wrapper = await Wrapper.load(toolbox, family);
  let established = await Scene.open(platform, dataPlane, { family });
  const sets = new Set<FrameSet>(paths.filter(({ table }) => table === 'established').map(({ frames }) => frames));
  const ranges = await addFlowFrames(wrapper, sets, establishFlows(established, sets));

  const lanes: Lane[] = [];
  const full = new Map<string, Scene>();
  for (const path of paths) {
    const range = path.table === 'established' ? ranges.get(path.frames) : await addOpeningFrame(wrapper, path.frames);
    if (range === undefined) throw new RangeError(`no frames of ${path.frames}`);
    for (const flows of path.flows) lanes.push({ path, flows, range, pairs: [] });
    if (path.table === 'full') full.set(path.name, await openFullScene({ ...workshop, wrapper, established }, path, range));
  }
  for (let i = 0; i < rounds; i++) {
    // Which memory the maps got decides over the cache misses of many flows, so each round's flows are in maps of its own.
    if (i > 0) {
      established.close();
      established = await Scene.open(platform, dataPlane, { family });
    }
    for (const frames of sets) {
      // The tables hold as many flows as the row says, and none of another path's.
      await established.forgetFlows();
      establishFlows(established, new Set([frames]));
      const known = await established.countEntries();
      for (const lane of lanes.filter(({ path }) => path.table === 'established' && path.frames === frames))
        await runLane({ ...workshop, wrapper, established, full }, lane, i);
      checkKnownFlows(known, await established.countEntries());
    }
    for (const lane of lanes.filter(({ path }) => path.table !== 'established'))
      await runLane({ ...workshop, wrapper, established, full }, lane, i);
  }
  for (const lane of lanes) {
    const scene = full.get(lane.path.name);
    if (scene === undefined) continue;
    checkNewFlows(lane.path, { entries: await scene.countEntries() }, scene.serials, dataPlane.settings.maxFlows);
    lane.refused = refusedShare(lane.path, scene.countReasons());
  }
  for (const scene of [established, ...full.values()]) scene.close();
  wrapper.close();
  return summariseLanes(family, lanes);
}

/** The SYN that the wrapper makes every new flow's first packet of. */
export async function addOpeningFrame(wrapper: Wrapper, set: FrameSet): Promise<FrameRange> {
  if (set === 'reply') throw new RangeError('a reply begins no flow');
  return wrapper.addFrames([buildClientFrame(wrapper.family, set, 0, TCP_SYN)]);
}
