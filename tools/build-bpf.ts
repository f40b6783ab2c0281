// `npm run build:bpf`: the objects that machines without clang take, into build/ or the folder given.
// fairlead.o reads its settings from the config map (cilium-agent --bpf-object), decap_*.o is for backends (install.sh --object).
// `-- --platform windows` builds for eBPF for Windows: fairlead-windows.o reads its settings from the config map too and is to become a native driver,
// fairlead-windows-jit.o shows what the agent there makes for itself, with settings and addresses of nobody; decap-windows.o is for backends.
// Imports agent/control/program, agent/datapath and agent/model: what the agent compiles and this are compiled by one step.

import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type CompileRequest, compileObject } from '../agent/control/program/compile.js';
import { findSourceDirectory } from '../agent/control/program/sources.js';
import { buildConfig, buildMacros, layoutDigest } from '../agent/datapath/macros.js';
import { EXIT, FairleadError } from '../agent/model/errors.js';
import { DEFAULT_SETTINGS } from '../agent/model/settings.js';

export type BpfPlatform = CompileRequest['flavour'];

interface BpfObject extends Pick<CompileRequest, 'sourceDirectory' | 'source' | 'macros'> {
  readonly name: string;
}

const program = { sourceDirectory: findSourceDirectory(), source: 'fairlead.c' };
const root = dirname(program.sourceDirectory);
const backends = join(root, 'backends/linux');
const windowsBackends = join(root, 'backends/windows');

const OBJECTS: Readonly<Record<BpfPlatform, readonly BpfObject[]>> = {
  linux: [
    { ...program, name: 'fairlead.o', macros: { FL_CONFIG_FROM_MAP: '1' } },
    { name: 'decap_tc.o', sourceDirectory: backends, source: 'decap_tc.c', macros: {} },
    { name: 'decap_xdp.o', sourceDirectory: backends, source: 'decap_xdp.c', macros: {} },
  ],
  windows: [
    { ...program, name: 'fairlead-windows.o', macros: { FL_CONFIG_FROM_MAP: '1', FL_HAS_ATOMICS: '1' } },
    { ...program, name: 'fairlead-windows-jit.o', macros: specimenMacros() },
    { name: 'decap-windows.o', sourceDirectory: windowsBackends, source: 'decap_xdp.c', macros: {} },
  ],
};

/** The default settings on a machine with addresses of documentation (RFC 5737, RFC 3849) whose clock counts milliseconds. */
function specimenMacros(): BpfObject['macros'] {
  const layoutHeader = readFileSync(join(program.sourceDirectory, 'layout.h'), 'utf8');
  const config = buildConfig(DEFAULT_SETTINGS, {
    layoutDigest: layoutDigest(layoutHeader, DEFAULT_SETTINGS),
    ticksPerSecond: 1000,
    snatRange: [1024, 32767],
    lbAddresses: ['192.0.2.1', '2001:db8::1'],
    bootIdentity: 'nobody',
  });
  return buildMacros(config, DEFAULT_SETTINGS);
}

/** Builds all objects of a platform into `folder` and returns their paths. Throws FL_E_COMPILE with file and line, FL_E_MISSING without clang. */
export async function buildObjects(folder: string, platform: BpfPlatform, clang = DEFAULT_SETTINGS.clang): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true });
  const { cacheDirectory } = DEFAULT_SETTINGS;
  const built: string[] = [];
  for (const { name, ...what } of OBJECTS[platform]) {
    const { objectFile } = await compileObject({ clang, cacheDirectory, flavour: platform, ...what });
    built.push(join(folder, name));
    copyFileSync(objectFile, join(folder, name));
  }
  return built;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { platform: { type: 'string', default: 'linux' } } });
    const { platform } = values;
    if (platform !== 'linux' && platform !== 'windows') throw new FairleadError('FL_E_USAGE', `--platform ${platform}: linux or windows`);
    const built = await buildObjects(positionals[0] ?? join(root, 'build'), platform);
    process.stdout.write(built.map((path) => `built ${path}\n`).join(''));
  } catch (error) {
    if (!(error instanceof FairleadError)) throw error;
    process.stderr.write(`error: ${error.message} (${error.code})\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`);
    process.exitCode = error.exitStatus ?? EXIT.failed;
  }
}
