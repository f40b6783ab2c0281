// Where a path's time goes: its steps by number and cost, what more flows than the caches hold add, and what is left unexplained.
// Imports agent/model, platform/port.ts and its siblings.
// Invariant: the parts of a path add up to what it costs beyond do-nothing; what no step explains stands as `rest`, also below 0.

import type { Family } from '../agent/model/address.js';
import { FAMILIES } from '../agent/datapath/families.js';
import type { Workshop } from './course.js';
import { roundTo } from './lanes.js';
import { DO_NOTHING, MANY_FLOWS } from './paths.js';
import type { BenchRow } from './report.js';
import { Scene } from './scene.js';
import { type FlowStore, measureSteps, type StepCosts, type StepName } from './steps.js';

/** Columns of the table, each the sum of some steps. */
export const COLUMNS = {
  parse: ['parse'],
  lookups: ['flow', 'service', 'maglev', 'array', 'count'],
  checksum: ['checksum'],
  rewrite: ['rewrite'],
  adjustHead: ['outer'],
  insert: ['insert'],
} as const satisfies Record<string, readonly StepName[]>;
export type Column = keyof typeof COLUMNS;

/** How often each path takes each step: docs/packet-walk.md, counted. Array lookups: is the address a service's, the backend, the device. */
export const STEPS_OF: Readonly<Record<string, Readonly<Partial<Record<StepName, number>>>>> = {
  'snat-established': { parse: 1, array: 2, flow: 1, count: 1, checksum: 1, rewrite: 1 },
  'snat-reply': { parse: 1, array: 1, flow: 1, count: 1, checksum: 1, rewrite: 1 },
  'snat-new': { parse: 1, array: 2, flow: 1, service: 1, maglev: 1, count: 1, checksum: 1, rewrite: 1, insert: 2 },
  'snat-new-full': { parse: 1, array: 2, flow: 1, service: 1, maglev: 1, count: 1, checksum: 1, rewrite: 1, insert: 2 },
  'dsr-ipip-established': { parse: 1, array: 2, flow: 1, count: 1, outer: 1 },
  'dsr-ipip-new': { parse: 1, array: 2, flow: 1, service: 1, maglev: 1, count: 1, outer: 1, insert: 1 },
  'dsr-ipip-new-full': { parse: 1, array: 2, flow: 1, service: 1, maglev: 1, count: 1, outer: 1, insert: 1 },
  'dsr-l2-established': { parse: 1, array: 2, flow: 1, count: 1 },
  'pass-local': { parse: 1, count: 1 },
  'pass-transit': { parse: 1, array: 1, count: 1 },
};

/** Nanoseconds, all beyond do-nothing. */
export interface PathBreakdown extends Readonly<Record<Column, number>> {
  readonly path: string;
  readonly family: Family;
  /** With MANY_FLOWS flows. */
  readonly total: number;
  /** What MANY_FLOWS flows cost more than one; 0 where only many were measured. */
  readonly cache: number;
  readonly rest: number;
}

export interface Breakdown {
  /** Of one step, by family. */
  readonly steps: readonly ({ readonly family: Family } & StepCosts)[];
  readonly paths: readonly PathBreakdown[];
}

/** Splits a path's cost by the steps' costs. `beyond`: nanoseconds beyond do-nothing, with many flows and with one. */
export function splitCost(
  path: { readonly name: string; readonly family: Family },
  beyond: { readonly many: number; readonly one: number | undefined },
  cost: Readonly<Record<StepName, number>>,
): PathBreakdown {
  const counts = STEPS_OF[path.name] ?? {};
  const columns = Object.entries(COLUMNS).map(([column, steps]): [Column, number] => {
    const sum = steps.reduce((total: number, step: StepName) => total + (counts[step] ?? 0) * cost[step], 0);
    return [column as Column, roundTo(sum, 1)];
  });
  const total = roundTo(beyond.many, 1);
  const cache = roundTo(beyond.one === undefined ? 0 : beyond.many - beyond.one, 1);
  const explained = columns.reduce((sum, [, value]) => sum + value, cache);
  const named = Object.fromEntries(columns) as Record<Column, number>;
  return { path: path.name, family: path.family, total, ...named, cache, rest: roundTo(total - explained, 1) };
}

/** Measures the steps and splits the paths' rows by them. */
export async function breakDown(workshop: Workshop, families: readonly Family[], rows: readonly BenchRow[]): Promise<Breakdown> {
  const steps: ({ family: Family } & StepCosts)[] = [];
  const paths: PathBreakdown[] = [];
  for (const family of families) {
    const measured = await measureSteps(workshop, family, await readFlowStore(workshop, family));
    const rounded = Object.entries(measured).map(([name, cost]) => [name, roundTo(cost, 1)]);
    steps.push({ family, ...(Object.fromEntries(rounded) as StepCosts) });
    for (const name of Object.keys(STEPS_OF)) {
      const many = beyondNothing(rows, name, family, MANY_FLOWS);
      if (many !== undefined) paths.push(splitCost({ name, family }, { many, one: beyondNothing(rows, name, family, 1) }, measured));
    }
  }
  return { steps, paths };
}

/** From the ratio, not from the row's `ns`: the ratio's two sides were sampled side by side. */
function beyondNothing(rows: readonly BenchRow[], path: string, family: Family, flows: number): number | undefined {
  const find = (name: string) => rows.find((row) => row.path === name && row.family === family && row.flows === flows);
  const [row, unit] = [find(path), find(DO_NOTHING)];
  return row === undefined || unit === undefined ? undefined : unit.ns * (row.ratio - 1);
}

async function readFlowStore({ platform, dataPlane }: Workshop, family: Family): Promise<FlowStore> {
  const scene = await Scene.open(platform, dataPlane, { family });
  const name = FAMILIES.find((candidate) => candidate.family === family)?.maps.conntrack ?? '';
  const type = scene.program.maps.get(name)?.type;
  scene.close();
  return type === 'array' ? 'slot' : 'lru';
}
