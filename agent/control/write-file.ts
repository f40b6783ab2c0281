// Writing a file so that a reader sees the old content or the new, never a part of it.
// Imports node's own modules alone.
// Invariant: after a crash at any point the path holds a whole file; at worst a '.tmp' file lies beside it.

import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes `content` to a temporary file beside `path`, flushes it to the disk and renames it. Makes the folder when it is missing. */
export function writeFileAtomically(path: string, content: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  try {
    const file = openSync(temporary, 'w', mode);
    try {
      for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  flushDirectory(dirname(path));
}

/** Makes `copy` a second name of the file at `path`, in place of what it named. False where the file system has no such names. */
export function linkFileAtomically(path: string, copy: string): boolean {
  const second = `${copy}.${process.pid}.tmp`;
  try {
    rmSync(second, { force: true });
    linkSync(path, second);
    renameSync(second, copy);
    return true;
  } catch {
    return false;
  } finally {
    // A rename between two names of one file leaves both.
    rmSync(second, { force: true });
  }
}

/** The rename itself reaches the disk with the folder. Some file systems cannot flush a folder; the file's content is safe then as well. */
function flushDirectory(path: string): void {
  try {
    const directory = openSync(path, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  } catch {
    // Windows refuses to open a folder.
  }
}
