// `npm run build:bpf`: the objects that machines without clang take, into build/ or the folder given.
// fairlead.o reads its settings from the config map (cilium-agent --bpf-object), decap_*.o is for backends (install.sh --object).
// Imports agent/control/program and agent/model: what the agent compiles and this are compiled by one step.

import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileObject } from '../agent/control/program/compile.js';
import { findSourceDirectory } from '../agent/control/program/sources.js';
import { EXIT, FairleadError } from '../agent/model/errors.js';
import { DEFAULT_SETTINGS } from '../agent/model/settings.js';

const root = dirname(findSourceDirectory());
const backends = join(root, 'backends/linux');

const OBJECTS = [
  { name: 'fairlead.o', sourceDirectory: findSourceDirectory(), source: 'fairlead.c', macros: { FL_CONFIG_FROM_MAP: '1' } },
  { name: 'decap_tc.o', sourceDirectory: backends, source: 'decap_tc.c', macros: {} },
  { name: 'decap_xdp.o', sourceDirectory: backends, source: 'decap_xdp.c', macros: {} },
] as const;

/** Builds all objects into `folder` and returns their paths. Throws FL_E_COMPILE with file and line, FL_E_MISSING without clang. */
export async function buildObjects(folder: string): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true });
  const { clang, cacheDirectory } = DEFAULT_SETTINGS;
  const built: string[] = [];
  for (const { name, ...what } of OBJECTS) {
    const { objectFile } = await compileObject({ clang, cacheDirectory, flavour: 'linux', ...what });
    built.push(join(folder, name));
    copyFileSync(objectFile, join(folder, name));
  }
  return built;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const built = await buildObjects(process.argv[2] ?? join(root, 'build'));
    process.stdout.write(built.map((path) => `built ${path}\n`).join(''));
  } catch (error) {
    if (!(error instanceof FairleadError)) throw error;
    process.stderr.write(`error: ${error.message} (${error.code})\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`);
    process.exitCode = error.exitStatus ?? EXIT.failed;
  }
}
