// Every packet case against the data plane in the kernel, in both flavours of the program.
// Imports the cases as data and the runner; a case says in its title what behaviour it fixes.
// Needs root: without it the tests are skipped, and say so.

import { type PacketCase, runCase } from './case.js';
import { passCases } from './cases/pass.js';
import { snatRequestCases } from './cases/snat-request.js';
import { type Flavour, Loader } from './load.js';

const GROUPS: Readonly<Record<string, readonly PacketCase[]>> = {
  'what is not for Fairlead': passCases,
  'requests under SNAT': snatRequestCases,
};
const FLAVOURS: readonly Flavour[] = ['compiled settings', 'settings in the config map'];

for (const flavour of FLAVOURS) {
  describe(`packets, ${flavour}`, () => {
    let loader: Loader;
    before(function () {
      if (process.getuid?.() !== 0) {
        this.test?.parent?.suites.forEach((suite) => {
          suite.title += ' (skipped: loading programs needs root)';
        });
        this.skip();
      }
      loader = new Loader();
    });
    after(() => loader?.close());
    for (const [group, cases] of Object.entries(GROUPS)) {
      describe(group, () => {
        for (const given of cases) it(given.title, () => runCase(loader, flavour, given));
      });
    }
  });
}
