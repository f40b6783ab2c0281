// All that is measured, in order: each family's paths, the veth loop, what the steps cost, how cost grows with size.
// Imports platform/port.ts, agent/model and its siblings.
// Invariant: what was not asked for is not measured, except do-nothing, which stands beside everything.

import type { Platform } from '../platform/port.js';
import { type Breakdown, breakDown } from './breakdown.js';
import { measurePaths, type Workshop } from './course.js';
import { compileDataPlane, SETTINGS } from './data-plane.js';
import { MEASURED_FAMILIES } from './family.js';
import { measureLoop } from './loop-course.js';
import type { BenchOptions } from './options.js';
import { DO_NOTHING, LOOP_PATHS, PATH_NAMES, PATHS, pathNamed } from './paths.js';
import { readProgramFacts } from './program-facts.js';
import type { BenchReport, BenchRow } from './report.js';
import { measureScale } from './scale.js';
import { Toolbox } from './toolbox.js';

/** Runs the benchmark. Throws FL_E_SYSTEM when packets did not take the path that they were sent for. */
export async function runBench(
  platform: Platform,
  { rounds, paths: names, scale }: Pick<BenchOptions, 'rounds' | 'paths' | 'scale'>,
  machine: { kernel: string; cpu: string },
): Promise<BenchReport> {
  const toolbox = await Toolbox.open(platform, SETTINGS);
  const workshop: Workshop = { platform, toolbox, dataPlane: await compileDataPlane(platform), rounds };
  const families = MEASURED_FAMILIES;
  const chosen = PATHS.filter(({ name }) => names.includes(name));
  const loopPaths = LOOP_PATHS.filter(({ name }) => names.includes(name));
  const rows: BenchRow[] = [];
  for (const family of families) {
    // Asked for alone, do-nothing is measured beside a path that needs no flows.
    if (chosen.length > 0) rows.push(...(await measurePaths(workshop, family, chosen)));
    else if (names.includes(DO_NOTHING)) rows.push(...(await measurePaths(workshop, family, [pathNamed('pass-transit')])));
  }
  if (loopPaths.length > 0) rows.push(...(await measureLoop(workshop, families, loopPaths)));
  let breakdown: Breakdown | undefined;
  if (PATH_NAMES.every((name) => names.includes(name))) breakdown = await breakDown(workshop, families, rows);
  if (scale) rows.push(...(await measureScale(workshop, families)));
  const program = await readProgramFacts(workshop, families[0] ?? 4);
  toolbox.close();
  const asked = rows.filter(({ path }) => !PATHS.some(({ name }) => name === path) || names.includes(path));
  return { rows: asked, program, breakdown, rounds, ...machine };
}
