// The BPF file system of the fake kernel.
// May import agent/model/errors and its siblings.
// Invariant: a pin's folder exists; an object is freed when its last pin and handle are gone.

import { posix } from 'node:path';
import { FairleadError } from '../../agent/model/errors.js';
import type { FakeKernel } from './kernel.js';
import type { KernelObject } from './objects.js';

const ROOT = '/sys/fs/bpf';

/** Throws FL_E_LOAD when there is no such folder, or something is pinned there. */
export function pinObject(kernel: FakeKernel, path: string, object: KernelObject): void {
  if (!kernel.directories.has(posix.dirname(path))) throw new FairleadError('FL_E_LOAD', `cannot pin at ${path}: no such folder`);
  if (kernel.pins.has(path))
    throw new FairleadError('FL_E_LOAD', `cannot pin at ${path}: file exists`, { hint: 'remove what is pinned there first' });
  kernel.pins.set(path, object);
}

export function makePinDirectory(kernel: FakeKernel, directory: string): void {
  if (directory !== ROOT && !directory.startsWith(`${ROOT}/`)) {
    throw new FairleadError('FL_E_LOAD', `pin folder ${directory} is not on a BPF file system`, { hint: `use a folder under ${ROOT}` });
  }
  for (let path = directory; path !== ROOT; path = posix.dirname(path)) kernel.directories.add(path);
}

export function listPins(kernel: FakeKernel, directory: string): readonly string[] {
  return [...kernel.pins.keys(), ...kernel.directories]
    .filter((path) => path !== directory && posix.dirname(path) === directory)
    .map((path) => posix.basename(path))
    .sort();
}

export function removePins(kernel: FakeKernel, path: string): void {
  const below = (other: string): boolean => other === path || other.startsWith(`${path}/`);
  for (const pin of [...kernel.pins.keys()]) if (below(pin)) kernel.pins.delete(pin);
  for (const directory of [...kernel.directories]) if (below(directory)) kernel.directories.delete(directory);
  kernel.collect();
}
