// The benchmark's own programs: compiles and loads the C files of bench/.
// Imports agent/control/program/compile.ts and platform/port.ts.
// Invariant: each load has maps of its own.

import { fileURLToPath } from 'node:url';
import { platformMacros } from '../agent/datapath/macros.js';
import { compileObject } from '../agent/control/program/compile.js';
import type { BpfProgram, Platform } from '../platform/port.js';

export class Toolbox {
  readonly #platform: Platform;
  readonly #compiler: { readonly clang: string; readonly cacheDirectory: string };
  /** Swaps the MAC addresses and answers XDP_TX. */
  readonly nothing: BpfProgram;

  private constructor(platform: Platform, compiler: { clang: string; cacheDirectory: string }, nothing: BpfProgram) {
    this.#platform = platform;
    this.#compiler = compiler;
    this.nothing = nothing;
  }

  static async open(platform: Platform, { clang, cacheDirectory }: { clang: string; cacheDirectory: string }): Promise<Toolbox> {
    const nothing = await load(platform, { clang, cacheDirectory }, 'ends.c', 'bench_nothing', {});
    return new Toolbox(platform, { clang, cacheDirectory }, nothing);
  }

  /** One program of a file of this folder; the caller closes it. Throws what compiling and loading throw. */
  load(source: string, program: string, macros: Readonly<Record<string, number>> = {}): Promise<BpfProgram> {
    return load(this.#platform, this.#compiler, source, program, macros);
  }

  close(): void {
    this.nothing.close();
  }
}

async function load(
  platform: Platform,
  compiler: { clang: string; cacheDirectory: string },
  source: string,
  program: string,
  macros: Readonly<Record<string, number>>,
): Promise<BpfProgram> {
  const sourceDirectory = fileURLToPath(new URL('.', import.meta.url));
  const { objectFile } = await compileObject({
    ...compiler,
    sourceDirectory,
    source,
    flavour: 'linux',
    macros: { ...macros, ...platformMacros(platform.capabilities) },
  });
  return platform.bpf.load({ objectFile, program, pinDirectory: undefined });
}
