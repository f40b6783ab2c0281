// What every part of the adapter works with: the two libraries, and the file descriptors of BPF objects.
// May import its siblings libbpf.ts, libc.ts and errno.ts.
// Invariant: a Descriptor is closed at most once, and cannot be used after that.

import { FairleadError } from '../../agent/model/errors.js';
import { systemError } from './errno.js';
import { lastErrno, type Libc, loadLibc } from './libc.js';
import { type Libbpf, loadLibbpf } from './libbpf.js';

export interface Context {
  readonly bpf: Libbpf;
  readonly libc: Libc;
  /** Possible (not only online) CPUs: per-CPU values have one part for each. */
  readonly cpus: number;
}

/** Loads the libraries. Throws FL_E_MISSING. */
export function createContext(): Context {
  const bpf = loadLibbpf();
  return { bpf, libc: loadLibc(), cpus: bpf.libbpf_num_possible_cpus() };
}

const F_DUPFD_CLOEXEC = 1030;

/** A file descriptor that we own, of a map, program or link. */
export class Descriptor {
  readonly #context: Context;
  readonly #what: string;
  #fd: number;

  /** Takes ownership of `fd`; `what` names it in errors ('map ct4'). */
  constructor(context: Context, fd: number, what: string) {
    this.#context = context;
    this.#fd = fd;
    this.#what = what;
  }

  /** A descriptor of our own for what `fd` refers to, so that it outlives the libbpf object that `fd` belongs to. */
  static duplicate(context: Context, fd: number, what: string): Descriptor {
    const copy = context.libc.fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) throw systemError('FL_E_SYSTEM', `cannot duplicate the descriptor of ${what}`, lastErrno());
    return new Descriptor(context, copy, what);
  }

  /** Throws FL_E_SYSTEM after close(): the number may belong to another file by then. */
  get fd(): number {
    if (this.#fd < 0) throw new FairleadError('FL_E_SYSTEM', `${this.#what} was used after it was closed`);
    return this.#fd;
  }

  close(): void {
    if (this.#fd >= 0) this.#context.libc.close(this.#fd);
    this.#fd = -1;
  }
}
