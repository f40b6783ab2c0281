// What the steps of a path cost one by one: the programs of bench/steps.c beside the unit, in the same run as the paths.
// Imports agent/model and its siblings.
// Invariant: a step's figure is a median of differences to a unit sampled right beside it; every run ended in the step's full course.

import type { Family } from '../agent/model/address.js';
import { checkVerdict } from './checks.js';
import { addOpeningFrame, type Workshop } from './course.js';
import { LAYOUTS } from './family.js';
import { medianOf, RUNS } from './measure.js';
import { MANY_FLOWS } from './paths.js';
import { type FrameRange, Wrapper } from './wrapper.js';

/** The steps, and how often the program of each takes it: BENCH_TIMES of bench/steps.c, or once. */
const TIMES = {
  parse: 4,
  flow: 4,
  service: 4,
  array: 4,
  count: 4,
  maglev: 4,
  checksum: 4,
  rewrite: 4,
  outer: 1,
  insert: 1,
} as const;

export type StepName = keyof typeof TIMES;
export const STEP_NAMES = Object.keys(TIMES) as readonly StepName[];

/** Nanoseconds of one step beyond do-nothing. */
export type StepCosts = Readonly<Record<StepName, number>>;

/** What the data plane has its flows in: the kernel's LRU hash table, or slots of an array. */
export type FlowStore = 'lru' | 'slot';

/** The program's name in bench/steps.c. */
function programOf(step: StepName, store: FlowStore): string {
  return step === 'flow' || step === 'insert' ? `step_${step}_${store}` : `step_${step}`;
}

/** Entries that the inserting step writes in one run, as many as a sample of new flows: the table does not fill up. */
const INSERTS = MANY_FLOWS;

/** Steps are simpler than paths, so their figures settle sooner. */
const MOST_ROUNDS = 7;

export async function measureSteps(workshop: Workshop, family: Family, store: FlowStore): Promise<StepCosts> {
  const wrapper = await Wrapper.load(workshop.toolbox, family);
  const range = await addOpeningFrame(wrapper, 'snat');
  const costs: [StepName, number][] = [];
  for (const name of STEP_NAMES) costs.push([name, await measureStep(workshop, wrapper, range, name, programOf(name, store))]);
  wrapper.close();
  return Object.fromEntries(costs) as StepCosts;
}

async function measureStep(
  { toolbox, dataPlane, rounds }: Workshop,
  wrapper: Wrapper,
  range: FrameRange,
  name: StepName,
  programName: string,
): Promise<number> {
  const { bytes, sourceAt, addressBytes, tcpAt, ipBytes } = LAYOUTS[wrapper.family];
  const program = await toolbox.load('steps.c', programName, {
    BENCH_FRAME_BYTES: bytes,
    BENCH_SOURCE_AT: sourceAt,
    BENCH_ADDRESS_BYTES: addressBytes,
    BENCH_TCP_AT: tcpAt,
    BENCH_IP_BYTES: ipBytes,
    BENCH_MAX_FLOWS: dataPlane.settings.maxFlows,
  });
  wrapper.aim(program);
  const inserts = name === 'insert';
  let serial = 0;
  const run = (target: 'measured' | 'nothing', runs: number): number => {
    const sample = wrapper.run({ range, target, runs, fresh: inserts ? { from: serial } : undefined });
    if (target === 'measured') serial += runs;
    checkVerdict({ name: `step ${name}` }, sample, 'tx');
    return sample.nanoseconds;
  };
  // The first run of a lookup writes the entry that the others find.
  wrapper.run({ range, target: 'measured', runs: 1, fresh: undefined });
  const differences: number[] = [];
  for (let i = 0; i < Math.min(rounds, MOST_ROUNDS); i++) {
    const before = i % 2 === 0 ? run('nothing', RUNS) : undefined;
    const step = run('measured', inserts ? INSERTS : RUNS);
    differences.push(step - (before ?? run('nothing', RUNS)));
  }
  program.close();
  return medianOf(differences) / TIMES[name];
}
