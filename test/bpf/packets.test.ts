// Every packet case against the data plane in the kernel, for each address family, in both flavours of the program.
// Imports the list of cases and the runner; a case says in its title what behaviour it fixes.
// Needs root: without it the tests are skipped, and say so.

import { runCase } from './case.js';
import { groupsOf } from './cases/index.js';
import { useLoader } from './harness.js';
import type { Flavour } from './load.js';
import { FAMILIES_UNDER_TEST } from './under-test.js';
import { WORLDS } from './world.js';

const FLAVOURS: readonly Flavour[] = ['compiled settings', 'settings in the config map'];

for (const flavour of FLAVOURS) {
  for (const family of FAMILIES_UNDER_TEST) {
    describe(`packets, ${flavour}, IPv${family}`, () => {
      const loader = useLoader();
      const world = WORLDS[family];
      for (const [group, cases] of Object.entries(groupsOf(world, 'under test'))) {
        describe(group, () => {
          for (const given of cases) it(given.title, () => runCase(loader(), flavour, world, given));
        });
      }
    });
  }
}
