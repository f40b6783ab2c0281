// The benchmark's course: prepare what each path needs, then rounds of path and unit side by side, then medians.
// Imports platform/port.ts, agent/model and its siblings.
// Invariant: a ratio is made of two samples taken one right after the other, so that a machine that slows down slows both sides.

import type { Platform } from '../platform/port.js';
import { checkKnownFlows, checkNewFlows } from './checks.js';
import { compileDataPlane, SETTINGS } from './data-plane.js';
import { addFlowFrames, establishFlows } from './flows.js';
import { LAYOUT_V4, TCP_SYN } from './frames.js';
import { medianOf, type Pair, runChecked, samplePath, sampleUnit } from './measure.js';
import type { BenchOptions } from './options.js';
import { type BenchPath, DO_NOTHING, type FrameSet, PATHS } from './paths.js';
import type { BenchFacts, BenchRow } from './report.js';
import { Scene } from './scene.js';
import { buildClientFrame } from './traffic.js';
import { type FrameRange, Wrapper } from './wrapper.js';

/** What is sent before a path of a full table is measured, as a multiple of the table's size. */
const OVERFILL = 1.25;

/** Pairs that a lane takes in one round: of new flows more, as a sample of theirs is shorter. */
const PAIRS = { established: 1, filling: 4, full: 4 } as const;

/** A path with a number of flows, and where its frames are. */
interface Lane {
  readonly path: BenchPath;
  readonly flows: number;
  readonly range: FrameRange;
  readonly pairs: Pair[];
}

interface Stage {
  readonly platform: Platform;
  readonly objectFile: string;
  readonly wrapper: Wrapper;
  /** Where the paths of known flows run, and those that need none. */
  readonly established: Scene;
  /** Scenes of paths with a full table, by the path's name. */
  readonly full: ReadonlyMap<string, Scene>;
}

/** Without a path that was asked for, do-nothing is measured beside one that needs no flows. */
function choosePaths(names: readonly string[]): readonly BenchPath[] {
  const chosen = PATHS.filter(({ name }) => names.includes(name));
  return chosen.length > 0 ? chosen : PATHS.filter(({ name }) => name === 'pass-transit');
}

async function openFullScene(stage: Omit<Stage, 'full'>, path: BenchPath, range: FrameRange): Promise<Scene> {
  const scene = await Scene.open(stage.platform, stage.objectFile);
  stage.wrapper.aim(scene.program);
  const flows = Math.ceil(SETTINGS.maxFlows * OVERFILL);
  runChecked(stage.wrapper, scene, path, range, flows, scene.takeSerials(flows));
  return scene;
}

function takePair(stage: Stage, scene: Scene, lane: Lane, unitFirst: boolean): Pair {
  const { wrapper } = stage;
  const { path, range, flows } = lane;
  const used = { first: range.first, count: path.table === 'established' ? flows : 1 };
  const takeUnit = () => sampleUnit(wrapper, scene, used, path.table !== 'established');
  const before = unitFirst ? takeUnit() : undefined;
  wrapper.aim(scene.program);
  const cost = samplePath(wrapper, scene, path, used, flows);
  return { path: cost, unit: before ?? takeUnit() };
}

/** Whichever is sampled second finds the caches as the other left them, so the order alternates. */
function takePairs(stage: Stage, scene: Scene, lane: Lane): void {
  for (let i = 0; i < PAIRS[lane.path.table]; i++) lane.pairs.push(takePair(stage, scene, lane, lane.pairs.length % 2 === 0));
}

/** One round of a lane. A table that is filling begins empty: its scene is loaded anew. */
async function runLane(stage: Stage, lane: Lane): Promise<void> {
  if (lane.path.table !== 'filling') return takePairs(stage, stage.full.get(lane.path.name) ?? stage.established, lane);
  const scene = await Scene.open(stage.platform, stage.objectFile);
  try {
    takePairs(stage, scene, lane);
    checkNewFlows(lane.path, await scene.countFlows(), scene.serials, SETTINGS.maxFlows);
  } finally {
    scene.close();
  }
}

function summarise(lanes: readonly Lane[]): readonly BenchRow[] {
  const rows = lanes.map(({ path, flows, pairs }): BenchRow => {
    const ns = medianOf(pairs.map((pair) => pair.path));
    const ratio = medianOf(pairs.map((pair) => pair.path / pair.unit));
    const goal = flows > 1 ? path.goal : undefined;
    return { path: path.name, family: 4, flows, ns: round(ns, 1), ratio: round(ratio, 2), about: path.about, goal };
  });
  const units = [...new Set(lanes.map(({ flows }) => flows))].map((flows): BenchRow => {
    const samples = lanes.filter((lane) => lane.flows === flows && lane.path.table === 'established').flatMap((lane) => lane.pairs);
    const all = samples.length > 0 ? samples : lanes.filter((lane) => lane.flows === flows).flatMap((lane) => lane.pairs);
    const ns = round(medianOf(all.map((pair) => pair.unit)), 1);
    return { path: DO_NOTHING, family: 4, flows, ns, ratio: 1, about: 'swap the MAC addresses, send back', goal: undefined };
  });
  return [...units, ...rows];
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Runs the benchmark. Throws FL_E_SYSTEM when packets did not take the path that they were sent for. */
export async function runBench(
  platform: Platform,
  options: BenchOptions,
  machine: { kernel: string; cpu: string },
): Promise<{ rows: readonly BenchRow[]; facts: BenchFacts }> {
  const paths = choosePaths(options.paths);
  const objectFile = await compileDataPlane(platform);
  const wrapper = await Wrapper.load(platform, SETTINGS, LAYOUT_V4);
  let established = await Scene.open(platform, objectFile);
  const sets = new Set<FrameSet>(paths.filter(({ table }) => table === 'established').map(({ frames }) => frames));
  const ranges = await addFlowFrames(wrapper, sets, establishFlows(established, sets));

  const lanes: Lane[] = [];
  const full = new Map<string, Scene>();
  for (const path of paths) {
    const range = path.table === 'established' ? ranges.get(path.frames) : await addOpeningFrame(wrapper, path);
    if (range === undefined) throw new RangeError(`no frames of ${path.frames}`);
    for (const flows of path.flows) lanes.push({ path, flows, range, pairs: [] });
    if (path.table === 'full') full.set(path.name, await openFullScene({ platform, objectFile, wrapper, established }, path, range));
  }
  for (let i = 0; i < options.rounds; i++) {
    // Which memory the maps got decides over the cache misses of many flows, so each round's flows are in maps of its own.
    const next = i === 0 ? established : await Scene.open(platform, objectFile);
    if (i > 0) {
      establishFlows(next, sets);
      established.close();
    }
    established = next;
    const known = await established.countFlows();
    for (const lane of lanes) await runLane({ platform, objectFile, wrapper, established, full }, lane);
    checkKnownFlows(known, await established.countFlows());
  }
  for (const path of paths) {
    const scene = full.get(path.name);
    if (scene !== undefined) checkNewFlows(path, await scene.countFlows(), scene.serials, SETTINGS.maxFlows);
  }

  const { verifiedInstructions, translatedInstructions, machineCodeBytes } = established.program;
  for (const scene of [established, ...full.values()]) scene.close();
  wrapper.close();
  const rows = summarise(lanes).filter(({ path }) => path === DO_NOTHING || options.paths.includes(path));
  return { rows, facts: { rounds: options.rounds, verifiedInstructions, translatedInstructions, machineCodeBytes, ...machine } };
}

/** The SYN that the wrapper makes every new flow's first packet of. */
async function addOpeningFrame(wrapper: Wrapper, path: BenchPath): Promise<FrameRange> {
  if (path.frames === 'reply') throw new RangeError('a reply begins no flow');
  return wrapper.addFrames([buildClientFrame(path.frames, 0, TCP_SYN)]);
}
