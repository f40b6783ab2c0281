// Every packet case as a suite of tests, for each address family, in both flavours of the program.
// Imports the list of cases and the runner; a case says in its title what behaviour it fixes.
// A setting that few cases have would be a program of its own in the flavour that compiles settings in: those cases run in the other flavour,
// and in both in the long run (npm run test:long).

import { type PacketCase, runCase } from './case.js';
import { groupsOf } from './cases/index.js';
import { useLoader } from './harness.js';
import type { Flavour } from './load.js';
import type { TestBed } from './test-bed.js';
import { FAMILIES_UNDER_TEST } from './under-test.js';
import { type World, WORLDS } from './world.js';

export const FLAVOURS: readonly Flavour[] = ['compiled settings', 'settings in the config map'];

export interface PacketSuite {
  /** What the packets run on, for the suite's title, if it is not this kernel. */
  readonly on?: string;
  /** Default: this kernel, which needs root. */
  readonly makeBed?: () => TestBed;
  /** Default: both. */
  readonly flavours?: readonly Flavour[];
  /** What a case is on this bed; default: what it says. */
  readonly expected?: (given: PacketCase, world: World) => PacketCase;
  /** Cases to run; default: all. */
  readonly chosen?: (given: PacketCase, world: World) => boolean;
}

/** Made once for all suites of a file: that takes a second. */
const GROUPS = new Map(FAMILIES_UNDER_TEST.map((family) => [family, Object.entries(groupsOf(WORLDS[family], 'under test'))]));

function runsIn(flavour: Flavour, { settings }: PacketCase, { SETTINGS, ONE_PORT }: World): boolean {
  if (flavour === 'settings in the config map' || process.env.FAIRLEAD_LONG === '1') return true;
  return [undefined, SETTINGS, ONE_PORT].includes(settings);
}

/** One describe() for each flavour and family. */
export function describePackets({ on, makeBed, flavours = FLAVOURS, expected = (given) => given, chosen = () => true }: PacketSuite): void {
  for (const flavour of flavours) {
    for (const family of FAMILIES_UNDER_TEST) {
      describe(`packets${on === undefined ? '' : ` on ${on}`}, ${flavour}, IPv${family}`, () => {
        const loader = useLoader(makeBed);
        const world = WORLDS[family];
        for (const [group, cases] of GROUPS.get(family) ?? []) {
          describe(group, () => {
            for (const given of cases.filter((one) => runsIn(flavour, one, world) && chosen(one, world)))
              it(given.title, () => runCase(loader(), flavour, world, expected(given, world)));
          });
        }
      });
    }
  }
}
