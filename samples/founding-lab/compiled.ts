// How the lab starts a program of its own as a process: compiled by the set-up beside the agent, as it starts three times as fast so.
// Imports Node only.

import { fileURLToPath } from 'node:url';

const COMPILED = new URL('../../dist/samples/founding-lab/', import.meta.url);

/** Command line for a file of this folder ('watchdog.ts'); tsconfig.build.json names those that are compiled. */
export function compiledCommand(file: string, args: readonly string[]): string[] {
  return [process.execPath, fileURLToPath(new URL(file.replace(/\.ts$/, '.js'), COMPILED)), ...args];
}
