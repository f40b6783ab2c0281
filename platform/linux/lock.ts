// The lock file of an instance: an advisory lock (flock(2)) that the kernel frees when the process ends, however it ends.
// May import node:fs, node:path, platform/port and its siblings.
// Invariant: the file's content (a pid) is information for people; the lock alone decides.

import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync, constants as fsConstants } from 'node:fs';
import { dirname } from 'node:path';
import type { Lock } from '../port.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { lastErrno } from './libc.js';
import { errnoOf } from './pins.js';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Throws FL_E_SYSTEM, FL_E_PERMISSION when the file cannot be made. */
export function takeLock(context: Context, path: string): Lock {
  const fd = openLockFile(path);
  if (context.libc.flock(fd, LOCK_EX | LOCK_NB) === 0) {
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
    return { held: true, release: releaseOnce(fd) };
  }
  const errno = lastErrno();
  closeSync(fd);
  if (errno !== ERRNO.EAGAIN) throw systemError('FL_E_SYSTEM', `cannot lock ${path}`, errno);
  const pid = Number.parseInt(readFileSync(path, 'latin1'), 10);
  return { held: false, pid: pid > 0 ? pid : undefined };
}

function openLockFile(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true });
    // Node.js opens with O_CLOEXEC: programs that we start do not inherit the lock.
    return openSync(path, fsConstants.O_RDWR | fsConstants.O_CREAT, 0o644);
  } catch (error) {
    throw systemError('FL_E_SYSTEM', `cannot open the lock file ${path}`, errnoOf(error));
  }
}

/** The file stays, empty: removing it would let two processes lock two files of the same name. */
function releaseOnce(fd: number): () => void {
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    ftruncateSync(fd);
    closeSync(fd);
  };
}
