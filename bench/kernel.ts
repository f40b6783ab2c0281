// The two kernel calls that the benchmark needs and platform/port.ts has no use for.
// Imports koffi and agent/model/errors.ts.
// Invariant: nothing is loaded before it is called for; a file descriptor handed out is the caller's to close.

import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { FairleadError } from '../agent/model/errors.js';

const CLONE_NEWNET = 0x40000000; // linux/sched.h

function loadLibrary(name: string, aptPackage: string): ReturnType<typeof koffi.load> {
  try {
    return koffi.load(name);
  } catch (cause) {
    throw new FairleadError('FL_E_MISSING', `${name} cannot be loaded`, { hint: `apt-get install ${aptPackage}`, cause });
  }
}

function throwErrno(what: string, errno: number): never {
  const permission = errno === koffi.os.errno.EPERM;
  throw new FairleadError(permission ? 'FL_E_PERMISSION' : 'FL_E_SYSTEM', `${what}: ${getSystemErrorName(-errno)}`, {
    errno,
    ...(permission ? { hint: 'run it as root' } : {}),
  });
}

/**
 * Moves this thread into an empty network namespace, which ends with the process: the program measured then finds no route
 * and no neighbour of this machine, so its next hops stay as the benchmark wrote them. Call it before anything else.
 */
export function enterEmptyNetwork(): void {
  const unshare = loadLibrary('libc.so.6', 'libc6').func('int unshare(int)');
  if (unshare(CLONE_NEWNET) !== 0) throwErrno('a network namespace cannot be made', koffi.errno());
}

/** A file descriptor of the loaded program with this id; the caller closes it. */
export function openProgramById(id: number): number {
  const open = loadLibrary('libbpf.so.1', 'libbpf1').func('int bpf_prog_get_fd_by_id(uint32_t)');
  const fd: number = open(id);
  if (fd < 0) throwErrno(`program ${id} cannot be opened`, -fd);
  return fd;
}
