// How the lab starts a TypeScript program of its own as a process: node with tsx, which is found from the repository's root.
// Imports Node only.
// Invariant: it works from any working directory, and under mocha (where import.meta.resolve is missing).

import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Command line and working directory for a file of this folder. */
export function typescriptCommand(file: string, args: readonly string[]): { command: string[]; cwd: string } {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return { command: [process.execPath, '--import', 'tsx', path, ...args], cwd: ROOT };
}
