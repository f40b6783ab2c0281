// A descriptor of a BPF object that we own; how it is given back is the platform's.
// May import agent/model/errors.
// Invariant: it is closed at most once, and cannot be used after that.

import { FairleadError } from '../../agent/model/errors.js';

/** Gives descriptors back. */
export interface Closer {
  closeFd(fd: number): void;
}

export class Descriptor {
  readonly #closer: Closer;
  readonly #what: string;
  #fd: number;

  /** Takes ownership of `fd`; `what` names it in errors ('map ct4'). */
  constructor(closer: Closer, fd: number, what: string) {
    this.#closer = closer;
    this.#fd = fd;
    this.#what = what;
  }

  /** Throws FL_E_SYSTEM after close(): the number may belong to something else by then. */
  get fd(): number {
    if (this.#fd < 0) throw new FairleadError('FL_E_SYSTEM', `${this.#what} was used after it was closed`);
    return this.#fd;
  }

  close(): void {
    if (this.#fd >= 0) this.#closer.closeFd(this.#fd);
    this.#fd = -1;
  }
}
