// The one writer: calls that change something run one after the other, in the order in which they came.
// Imports agent/model/errors alone.
// Invariant: a call begins when the one before it has ended, however that ended; after close() none begins.

import { FairleadError } from '../model/errors.js';

export class Writer {
  #last: Promise<unknown> = Promise.resolve();
  #closed: string | undefined;

  /** Runs `call` when its turn comes; its result or error is the answer. Throws FL_E_CONFLICT after close(). */
  run<Result>(call: () => Promise<Result> | Result): Promise<Result> {
    const turn = this.#last.then(() => {
      if (this.#closed !== undefined) throw new FairleadError('FL_E_CONFLICT', this.#closed);
      return call();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Waits for the calls that came before, runs `last`, and refuses all that come after, saying `reason`. */
  close<Result>(reason: string, last: () => Promise<Result> | Result): Promise<Result> {
    return this.run(async () => {
      const result = await last();
      this.#closed = reason;
      return result;
    });
  }
}
