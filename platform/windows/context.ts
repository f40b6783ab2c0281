// What every part of the adapter works with: the library, and the descriptors of BPF objects.
// May import its siblings ebpfapi.ts and errno.ts, agent/model/errors.
// Invariant: a Descriptor is closed at most once, and cannot be used after that.

import { FairleadError } from '../../agent/model/errors.js';
import { type EbpfApi, loadEbpfApi } from './ebpfapi.js';
import { systemError } from './errno.js';

export interface Context {
  readonly api: EbpfApi;
  /** Per-CPU values have one part for each. */
  readonly cpus: number;
}

/** Loads the library. Throws FL_E_MISSING. */
export function createContext(): Context {
  const api = loadEbpfApi();
  return { api, cpus: api.libbpf_num_possible_cpus() };
}

/** A descriptor that we own, of a map, program or link: a number of the library's, not of the C runtime's. */
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

  /** Takes what a call answered: a descriptor, or -errno. */
  static from(context: Context, answer: number, what: string): Descriptor {
    if (answer < 0) throw systemError('FL_E_LOAD', `cannot open ${what}`, answer);
    return new Descriptor(context, answer, what);
  }

  /** Throws FL_E_SYSTEM after close(). */
  get fd(): number {
    if (this.#fd < 0) throw new FairleadError('FL_E_SYSTEM', `${this.#what} was used after it was closed`);
    return this.#fd;
  }

  close(): void {
    if (this.#fd >= 0) this.#context.api.ebpf_close_fd(this.#fd);
    this.#fd = -1;
  }
}
