// What every part of the adapter works with: the two libraries.
// May import platform/shared and its siblings libbpf.ts, libc.ts and errno.ts.

import { type Closer, Descriptor } from '../shared/descriptor.js';
import { systemError } from './errno.js';
import { lastErrno, type Libc, loadLibc } from './libc.js';
import { type Libbpf, loadLibbpf } from './libbpf.js';

export interface Context extends Closer {
  readonly bpf: Libbpf;
  readonly libc: Libc;
  /** Possible (not only online) CPUs: per-CPU values have one part for each. */
  readonly cpus: number;
}

/** Loads the libraries. Throws FL_E_MISSING. */
export function createContext(): Context {
  const bpf = loadLibbpf();
  const libc = loadLibc();
  return { bpf, libc, cpus: bpf.libbpf_num_possible_cpus(), closeFd: (fd) => void libc.close(fd) };
}

const F_DUPFD_CLOEXEC = 1030;

/** A descriptor of our own for what `fd` refers to, so that it outlives the libbpf object that `fd` belongs to. */
export function duplicate(context: Context, fd: number, what: string): Descriptor {
  const copy = context.libc.fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw systemError('FL_E_SYSTEM', `cannot duplicate the descriptor of ${what}`, lastErrno());
  return new Descriptor(context, copy, what);
}
