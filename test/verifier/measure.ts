// Compiles the data plane with given macros and loads it: what the kernel's verifier says of it.
// Imports agent/control's compile step, platform/linux. Nothing is pinned and nothing attached.
// Invariant: what does not compile or load is a result, not an exception.

import { compileObject } from '../../agent/control/program/compile.js';
import { findSourceDirectory } from '../../agent/control/program/sources.js';
import { FairleadError } from '../../agent/model/errors.js';
import type { Platform } from '../../platform/port.js';

export interface Size {
  /** Instructions that the verifier processed. */
  readonly verified: number;
  /** After the kernel's rewriting. */
  readonly translated: number;
  /** Bytes of machine code. */
  readonly machineCode: number;
}

export type Measured = { readonly size: Size } | { readonly refused: string };

export class Measurer {
  readonly #platform: Platform;
  readonly #cacheDirectory: string;
  /** By clang and digest: combinations that compile to one object are loaded once. */
  readonly #known = new Map<string, Measured>();

  constructor(platform: Platform, cacheDirectory: string) {
    this.#platform = platform;
    this.#cacheDirectory = cacheDirectory;
  }

  async measure(clang: string, macros: Readonly<Record<string, string>>): Promise<Measured> {
    const key = `${clang} ${JSON.stringify(macros)}`;
    const known = this.#known.get(key) ?? (await this.#measure(clang, macros));
    this.#known.set(key, known);
    return known;
  }

  async #measure(clang: string, macros: Readonly<Record<string, string>>): Promise<Measured> {
    try {
      const { objectFile } = await compileObject({
        clang,
        cacheDirectory: this.#cacheDirectory,
        sourceDirectory: findSourceDirectory(),
        source: 'fairlead.c',
        flavour: this.#platform.flavour,
        macros,
      });
      const program = await this.#platform.bpf.load({ objectFile, program: 'fairlead', pinDirectory: undefined });
      const { verifiedInstructions: verified, translatedInstructions: translated, machineCodeBytes: machineCode } = program;
      for (const map of program.maps.values()) map.close();
      program.close();
      return { size: { verified, translated, machineCode } };
    } catch (error) {
      if (error instanceof FairleadError) return { refused: error.message };
      throw error;
    }
  }
}
