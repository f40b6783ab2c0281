// Every packet case against the data plane in the kernel, for each address family, in both flavours of the program.
// Imports the list of cases and the runner; a case says in its title what behaviour it fixes.
// A setting that few cases have would be a program of its own in the flavour that compiles settings in: those cases run in the other flavour,
// and in both in the long run (npm run test:long).
// Needs root: without it the tests are skipped, and say so.

import { type PacketCase, runCase } from './case.js';
import { groupsOf } from './cases/index.js';
import { useLoader } from './harness.js';
import type { Flavour } from './load.js';
import { FAMILIES_UNDER_TEST } from './under-test.js';
import { type World, WORLDS } from './world.js';

const FLAVOURS: readonly Flavour[] = ['compiled settings', 'settings in the config map'];

function runsIn(flavour: Flavour, { settings }: PacketCase, { SETTINGS, ONE_PORT }: World): boolean {
  if (flavour === 'settings in the config map' || process.env.FAIRLEAD_LONG === '1') return true;
  return [undefined, SETTINGS, ONE_PORT].includes(settings);
}

for (const flavour of FLAVOURS) {
  for (const family of FAMILIES_UNDER_TEST) {
    describe(`packets, ${flavour}, IPv${family}`, () => {
      const loader = useLoader();
      const world = WORLDS[family];
      for (const [group, cases] of Object.entries(groupsOf(world, 'under test'))) {
        describe(group, () => {
          for (const given of cases.filter((one) => runsIn(flavour, one, world)))
            it(given.title, () => runCase(loader(), flavour, world, given));
        });
      }
    });
  }
}
