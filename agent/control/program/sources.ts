// Where the data plane's C sources are, and what is in them.
// Imports node's own modules and agent/model alone.
// Invariant: the sources are found the same way from agent/ (run by tsx) and from dist/agent/ (compiled).

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FairleadError } from '../../model/errors.js';

export interface SourceFile {
  /** Path below the source folder, with '/'. */
  readonly path: string;
  readonly content: Buffer;
}

/** The folder bpf/ of this package. Throws FL_E_MISSING when the package is incomplete. */
export function findSourceDirectory(from: string = dirname(fileURLToPath(import.meta.url))): string {
  for (let directory = from; ; directory = dirname(directory)) {
    if (existsSync(join(directory, 'package.json')) && existsSync(join(directory, 'bpf', 'layout.h'))) return join(directory, 'bpf');
    if (dirname(directory) === directory) {
      throw new FairleadError('FL_E_MISSING', `no folder bpf/ beside a package.json above ${from}`, {
        hint: 'install the whole package: the data plane is compiled from its C sources',
      });
    }
  }
}

/** All C sources and headers in the folder, in the order of their paths. */
export function readSources(directory: string): readonly SourceFile[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[ch]$/.test(path))
    .sort()
    .map((path) => {
      const full = join(directory, path);
      return { path: relative(directory, full).split(sep).join('/'), content: readFileSync(full) };
    });
}
