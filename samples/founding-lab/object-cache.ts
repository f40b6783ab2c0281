// Where labs and tests keep compiled programs: one compilation takes seconds of a processor, and most of them want the same few objects.
// Imports node's own modules.
// Invariant: what is compiled for one purpose is in one folder of few objects, so that no other purpose pushes it out of the cache.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OBJECTS = fileURLToPath(new URL('../../build/objects', import.meta.url));

/** The cache folder for this purpose (flags, macros: anything that JSON holds); the agent's compile step makes it and keeps it small. */
export function objectCache(purpose: unknown): string {
  return join(OBJECTS, createHash('sha256').update(JSON.stringify(purpose)).digest('hex').slice(0, 16));
}
