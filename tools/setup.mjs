// Makes a fresh machine ready for `npm run demo`, `npm test` and `npm run bench`: packages, BPF file system, build.
// Imports tools/setup only; plain JavaScript, as it runs before anything is installed.
// Invariant: with nothing missing it only looks (stat), and ends in well under a second. What cannot be had is one line and a status.

import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkMachine, ensureNativeXdp, mountBpfFs, thisMachine } from './setup/machine.mjs';
import { installPackages, missingHere } from './setup/packages.mjs';
import { EXIT, reportProblem, SetupProblem } from './setup/problem.mjs';
import { build, buildCurrent, installNpmPackages, packagesCurrent, ROOT } from './setup/project.mjs';
import { extendPath } from './setup/run.mjs';

/**
 * Does what is missing and nothing else. Throws SetupProblem.
 * @param {(line: string) => void} say told before each step that takes time
 */
export function setUp(say) {
  extendPath();
  checkMachine(thisMachine());
  const missing = missingHere();
  if (missing.length > 0) {
    say(`installing ${missing.join(' ')}`);
    installPackages(missing);
    // Looks again: a package that came without its program, and Ubuntu's bpftool, which has to be chosen once it is there.
    const still = missingHere();
    if (still.length > 0)
      throw new SetupProblem(EXIT.unsupported, `still missing after apt installed it: ${still.join(', ')}`, 'install it by hand');
  }
  mountBpfFs();
  ensureNativeXdp(join(ROOT, '.fairlead-setup'));
  if (!packagesCurrent(ROOT)) {
    say('installing npm packages');
    installNpmPackages();
  }
  if (!buildCurrent()) {
    say('compiling the agent');
    build();
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    setUp((line) => process.stderr.write(`set-up: ${line}\n`));
  } catch (error) {
    process.exitCode = reportProblem(error);
  }
}
