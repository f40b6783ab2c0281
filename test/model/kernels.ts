// The programs that model and kernel are compared on: settings from the map or compiled in, tables so small that entries give way, and larger ones.
// Imports test/bpf's loader and its siblings.

import { DEFAULT_HASH_SEED } from '../../agent/datapath/macros.js';
import { type Flavour, type Loader, SIZES } from '../bpf/load.js';
import { HOSTS } from '../bpf/hosts.js';
import { WORLDS } from '../bpf/world.js';
import { Kernel } from './kernel.js';
import type { Settings } from './state.js';
import { compiledSettings, FAMILIES, ownAddresses } from './world.js';

export interface Tested {
  readonly name: string;
  readonly kernel: Kernel;
  /** The program's own, when they are compiled in; undefined: they may be any. */
  readonly settings: Settings | undefined;
}

/** Settings and slots of a family's tables. */
export const PROGRAMS = {
  tiny: ['settings in the config map', 16],
  small: ['settings in the config map', 64],
  large: ['settings in the config map', 1024],
  compiled: ['compiled settings', 32],
} as const satisfies Readonly<Record<string, readonly [Flavour, number]>>;
export type ProgramName = keyof typeof PROGRAMS;

export async function loadTested(loader: Loader, name: ProgramName): Promise<Tested> {
  const [flavour, maxFlows] = PROGRAMS[name];
  const lbAddresses = [HOSTS[4].LB.address, HOSTS[6].LB.address];
  const generic = flavour === 'settings in the config map';
  const snatAddresses = generic ? FAMILIES.flatMap(ownAddresses) : [];
  const given = { ...WORLDS[4].SETTINGS, lbAddresses, snatAddresses, answerRate: 0, vipEcho: false };
  const plane = await loader.load(flavour, given, { ...SIZES, maxFlows });
  const settings = generic ? undefined : compiledSettings(plane.clock.ticksPerSecond, SIZES.maglevSize, plane.slotSeed, DEFAULT_HASH_SEED);
  return { name, kernel: new Kernel(plane, generic), settings };
}
