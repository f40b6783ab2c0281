// Every packet case against the data plane in the kernel, in both flavours of the program.
// Imports the cases as data and the runner; a case says in its title what behaviour it fixes.
// Needs root: without it the tests are skipped, and say so.

import { type PacketCase, runCase } from './case.js';
import { dsrCases } from './cases/dsr.js';
import { flowLifeCases } from './cases/flow-life.js';
import { limitCases } from './cases/limits.js';
import { nextHopCases } from './cases/next-hop.js';
import { passCases } from './cases/pass.js';
import { snatPortCases } from './cases/snat-port.js';
import { snatReplyCases } from './cases/snat-reply.js';
import { snatRequestCases } from './cases/snat-request.js';
import { useLoader } from './harness.js';
import type { Flavour } from './load.js';

const GROUPS: Readonly<Record<string, readonly PacketCase[]>> = {
  'what is not for Fairlead': passCases,
  'requests under SNAT': snatRequestCases,
  'replies under SNAT': snatReplyCases,
  'requests under DSR': dsrCases,
  'the life of a flow': flowLifeCases,
  'SNAT ports': snatPortCases,
  'next hops': nextHopCases,
  'what cannot be served': limitCases,
};
const FLAVOURS: readonly Flavour[] = ['compiled settings', 'settings in the config map'];

for (const flavour of FLAVOURS) {
  describe(`packets, ${flavour}`, () => {
    const loader = useLoader();
    for (const [group, cases] of Object.entries(GROUPS)) {
      describe(group, () => {
        for (const given of cases) it(given.title, () => runCase(loader(), flavour, given));
      });
    }
  });
}
