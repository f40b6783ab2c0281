// The programs that model and kernel are compared on: settings from the map or compiled in, tables so small that entries give way, and larger ones.
// Imports test/bpf's loader and its siblings.
// Invariant: what a program has compiled in is what its settings here say.

import { DEFAULT_HASH_SEED } from '../../agent/datapath/macros.js';
import { NO_BACKEND_ANSWERS, SYN_CHALLENGES } from '../../agent/model/settings.js';
import { HOSTS } from '../bpf/hosts.js';
import { type Flavour, type Loader, SIZES } from '../bpf/load.js';
import { type PlaneSettings, WORLDS } from '../bpf/world.js';
import { Kernel } from './kernel.js';
import type { Settings } from './state.js';
import { compiledSettings, FAMILIES, ownAddresses } from './world.js';

export interface Tested {
  readonly name: string;
  readonly kernel: Kernel;
  /** The program's own, when they are compiled in; undefined: they may be any. */
  readonly settings: Settings | undefined;
}

interface Program {
  readonly flavour: Flavour;
  /** Of a family's tables. */
  readonly slots: number;
  readonly settings?: Partial<PlaneSettings>;
}

const FROM_MAP = 'settings in the config map';
const COMPILED = 'compiled settings';
const ANSWERS = { answerRate: 1000, vipEcho: true, noBackend: 'reset' } as const;
/** `asking` and `pressed`: SYN challenges, which are compiled in or not there at all. */
export const PROGRAMS = {
  tiny: { flavour: FROM_MAP, slots: 64 },
  small: { flavour: FROM_MAP, slots: 128 },
  large: { flavour: FROM_MAP, slots: SIZES.maxFlows }, // test/bpf's own object
  compiled: { flavour: COMPILED, slots: 64 },
  asking: { flavour: COMPILED, slots: 64, settings: { ...ANSWERS, synChallenge: 'always' } },
  pressed: { flavour: COMPILED, slots: 64, settings: { ...ANSWERS, synChallenge: 'pressed', newFlowRate: 6 } },
} as const satisfies Readonly<Record<string, Program>>;
export type ProgramName = keyof typeof PROGRAMS;
/** Those that need SYN cookies of the kernel's. */
export const PROGRAMS_THAT_ASK: readonly ProgramName[] = ['asking', 'pressed'];

export async function loadTested(loader: Loader, name: ProgramName): Promise<Tested> {
  const { flavour, slots, settings: own }: Program = PROGRAMS[name];
  const lbAddresses = [HOSTS[4].LB.address, HOSTS[6].LB.address];
  const snatAddresses = flavour === FROM_MAP ? FAMILIES.flatMap(ownAddresses) : [];
  const given = { ...WORLDS[4].SETTINGS, lbAddresses, snatAddresses, answerRate: 0, vipEcho: false, ...own };
  const plane = await loader.load(flavour, given, { ...SIZES, maxFlows: slots });
  const { newFlowRate, answerRate, vipEcho, noBackend, synChallenge = 'off' } = given;
  const compiled = {
    newFlowRate,
    answerRate,
    vipEcho: Number(vipEcho),
    noBackend: NO_BACKEND_ANSWERS.indexOf(noBackend),
    synChallenge: SYN_CHALLENGES.indexOf(synChallenge),
  };
  const settings = compiledSettings(plane.clock.ticksPerSecond, SIZES.maglevSize, plane.slotSeed, DEFAULT_HASH_SEED, compiled);
  return { name, kernel: new Kernel(plane, flavour === FROM_MAP), settings: flavour === FROM_MAP ? undefined : settings };
}
