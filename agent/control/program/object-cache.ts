// Compiled object files by what went into them.
// Imports its siblings and node's own modules.
// Invariant: an object is used only when its content still has the hash that its name says; else it is removed and made anew.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../write-file.js';

const KEPT_OBJECTS = 16;

/** The cached object for these inputs, or undefined. `digest` is the inputs' hash in hex. */
export function findCachedObject(directory: string, name: string, digest: string): string | undefined {
  for (const file of listObjects(directory, name).filter((entry) => entry.startsWith(`${name}-${digest}-`))) {
    const path = join(directory, file);
    if (file === objectName(name, digest, readFileSync(path))) return path;
    rmSync(path, { force: true });
  }
  return undefined;
}

/** Puts an object into the cache and returns its path. Old objects of the same name are removed when there are many. */
export function storeObject(directory: string, name: string, digest: string, content: Buffer): string {
  const path = join(directory, objectName(name, digest, content));
  writeFileAtomically(path, content);
  const newestFirst = listObjects(directory, name)
    .map((file) => ({ path: join(directory, file), time: timeOf(join(directory, file)) }))
    .sort((a, b) => b.time - a.time);
  for (const old of newestFirst.slice(KEPT_OBJECTS).filter((entry) => entry.path !== path)) rmSync(old.path, { force: true });
  return path;
}

function objectName(name: string, digest: string, content: Buffer): string {
  return `${name}-${digest}-${createHash('sha256').update(content).digest('hex').slice(0, 16)}.o`;
}

/** 0 when another agent removed the file meanwhile. */
function timeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function listObjects(directory: string, name: string): readonly string[] {
  try {
    return readdirSync(directory).filter((file) => file.startsWith(`${name}-`) && file.endsWith('.o'));
  } catch {
    return [];
  }
}
