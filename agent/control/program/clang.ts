// Running clang: an argument array, never a shell.
// Imports node's own modules and agent/model; the one place of agent/control that starts a process.
// Invariant: what clang says reaches the caller whole; only a compiler that is not there is an error of its own here.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { FairleadError } from '../../model/errors.js';

export interface ClangRun {
  readonly succeeded: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs clang in the folder `directory`. Throws FL_E_MISSING when there is no such compiler, FL_E_SYSTEM when it cannot be run. */
export function runClang(clang: string, args: readonly string[], directory?: string): Promise<ClangRun> {
  return new Promise((resolve, reject) => {
    execFile(clang, [...args], { cwd: directory, maxBuffer: 1 << 26, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error === null) return resolve({ succeeded: true, stdout, stderr });
      if (error.code === 'ENOENT') {
        return reject(
          new FairleadError('FL_E_MISSING', `${clang}: no such compiler`, {
            hint: 'apt-get install clang libbpf-dev linux-libc-dev, or give its path with --clang, or a compiled object with --bpf-object',
          }),
        );
      }
      if (typeof error.code === 'number') return resolve({ succeeded: false, stdout, stderr });
      reject(new FairleadError('FL_E_SYSTEM', `${clang} could not be run: ${error.message}`, { cause: error }));
    });
  });
}

export interface ClangFacts {
  /** All that `clang --version` says. */
  readonly version: string;
  /** Folder of the C library's per-architecture headers (Debian keeps asm/types.h there); undefined where there is none. */
  readonly includeDirectory: string | undefined;
}

const TRIPLES: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
  s390x: 's390x-linux-gnu',
};

/** What of the installed compiler the object file depends on. */
export async function probeClang(clang: string): Promise<ClangFacts> {
  const version = await runClang(clang, ['--version']);
  if (!version.succeeded) throw new FairleadError('FL_E_COMPILE', `${clang} --version failed: ${version.stderr.trim()}`);
  const includeDirectory = findIncludeDirectory(TRIPLES[process.arch]) ?? findIncludeDirectory(await askTriple(clang));
  return { version: version.stdout, includeDirectory };
}

/** Of an architecture without a line above; clang's own answer, where it has one. */
async function askTriple(clang: string): Promise<string | undefined> {
  const { succeeded, stdout } = await runClang(clang, ['-print-multiarch']);
  return succeeded ? stdout.trim() || undefined : undefined;
}

function findIncludeDirectory(triple: string | undefined): string | undefined {
  const directory = `/usr/include/${triple}`;
  return triple !== undefined && existsSync(directory) ? directory : undefined;
}
