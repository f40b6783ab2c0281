// Compiles the data plane for the benchmark: the agent's default settings, but no bound on the rate of new flows.
// Imports agent/control/compile.ts, agent/datapath, agent/model and platform/port.ts.
// Invariant: the program measured is made by the same steps as the one that the agent attaches.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileObject } from '../agent/control/program/compile.js';
import { findSourceDirectory } from '../agent/control/program/sources.js';
import { buildConfig, buildMacros, layoutDigest, platformMacros } from '../agent/datapath/macros.js';
import { DEFAULT_SETTINGS, type Settings } from '../agent/model/settings.js';
import type { Platform } from '../platform/port.js';
import { MEASURED_FAMILIES, PLACES } from './family.js';

/** A rate bound would refuse what the benchmark is there to measure; see docs/benchmarks.md. */
export const SETTINGS: Settings = { ...DEFAULT_SETTINGS, newFlowRate: 0 };

/** The part of 1024-65535 outside Linux' default range for the node's own connections. */
const SNAT_RANGE = [1024, 32767] as const;

/** An object file, and the settings that it was compiled with. */
export interface DataPlane {
  readonly objectFile: string;
  readonly settings: Settings;
}

/** Throws what compileObject throws. */
export async function compileDataPlane(platform: Platform, settings: Settings = SETTINGS): Promise<DataPlane> {
  const sourceDirectory = findSourceDirectory();
  const clock = await platform.clock();
  const config = buildConfig(settings, {
    layoutDigest: layoutDigest(readFileSync(join(sourceDirectory, 'layout.h'), 'utf8'), settings),
    ticksPerSecond: clock.ticksPerSecond,
    snatRange: SNAT_RANGE,
    lbAddresses: MEASURED_FAMILIES.map((family) => PLACES[family].lb),
    bootIdentity: 'benchmark',
  });
  const { objectFile } = await compileObject({
    clang: settings.clang,
    cacheDirectory: settings.cacheDirectory,
    sourceDirectory,
    source: 'fairlead.c',
    flavour: platform.flavour,
    macros: { ...buildMacros(config, settings), ...platformMacros(platform.capabilities) },
  });
  return { objectFile, settings };
}
