// The BPF file system: its mount, the pin folders, what is in them.
// May import node:fs, node:path and its siblings.
// Invariant: folders are only made where a BPF file system is, so that no pin ends on a disk.

import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { FairleadError } from '../../agent/model/errors.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { lastErrno } from './libc.js';

export const BPF_FILE_SYSTEM = '/sys/fs/bpf';
const BPF_FS_MAGIC = 0xcafe4a11;

/** Makes the folder and its parents; mounts the BPF file system when /sys/fs/bpf has none. Throws FL_E_LOAD, FL_E_PERMISSION. */
export function makePinDirectory(context: Context, directory: string): void {
  if (isBelow(directory, BPF_FILE_SYSTEM) && !isBpfFileSystem(BPF_FILE_SYSTEM)) mountBpfFileSystem(context);
  let existing = directory;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  if (!isBpfFileSystem(existing)) {
    throw new FairleadError('FL_E_LOAD', `pin folder ${directory} is not on a BPF file system`, {
      hint: `use a folder under ${BPF_FILE_SYSTEM}`,
    });
  }
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(`cannot make the pin folder ${directory}`, error, 'names on the BPF file system have no dots');
  }
}

/** Pins what the descriptor is of; `what` names it. Throws FL_E_LOAD, FL_E_PERMISSION. */
export function pinObject(context: Context, fd: number, what: string, path: string): void {
  const result = context.bpf.bpf_obj_pin(fd, path);
  if (result === 0) return;
  const hint = result === -ERRNO.EEXIST ? 'remove what is pinned there first' : 'is the folder there, on the BPF file system?';
  throw systemError('FL_E_LOAD', `cannot pin ${what} at ${path}`, result, hint);
}

/** Names in the folder, sorted; empty when it does not exist. Throws FL_E_LOAD, FL_E_PERMISSION. */
export function listPins(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (errnoOf(error) === ERRNO.ENOENT) return [];
    throw fileError(`cannot list the pin folder ${directory}`, error);
  }
}

/** Removes a pin, or a folder with all that is in it. Refuses what is not on a BPF file system. Throws FL_E_LOAD, FL_E_PERMISSION. */
export function removePins(path: string): void {
  if (!existsSync(path)) return;
  if (!isBpfFileSystem(dirname(path))) {
    throw new FairleadError('FL_E_LOAD', `${path} is not on a BPF file system: nothing was removed`, { hint: 'give the path of a pin' });
  }
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    throw fileError(`cannot remove the pin ${path}`, error);
  }
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

function isBpfFileSystem(path: string): boolean {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC;
  } catch (error) {
    if (errnoOf(error) === ERRNO.ENOENT) return false;
    throw fileError(`cannot look at ${path}`, error);
  }
}

function mountBpfFileSystem(context: Context): void {
  if (context.libc.mount('bpf', BPF_FILE_SYSTEM, 'bpf', 0, null) === 0) return;
  throw systemError(
    'FL_E_LOAD',
    `cannot mount the BPF file system at ${BPF_FILE_SYSTEM}`,
    lastErrno(),
    `mount -t bpf bpf ${BPF_FILE_SYSTEM}`,
  );
}

/** errno (positive) of an error thrown by node:fs. */
export function errnoOf(error: unknown): number {
  return -((error as NodeJS.ErrnoException).errno ?? 0);
}

function fileError(what: string, error: unknown, hint?: string): FairleadError {
  return systemError('FL_E_LOAD', what, errnoOf(error), hint);
}
