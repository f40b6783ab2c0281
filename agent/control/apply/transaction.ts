// Steps that are done in order, each with its inverse: all of them, or none.
// Imports agent/model/errors alone.
// Invariant: rollback() undoes exactly the steps that were done, the last first, and goes on when an inverse fails.

import { FairleadError } from '../../model/errors.js';

export interface Step {
  /** For messages: 'Maglev table of service 1'. */
  readonly text: string;
  run(): void | Promise<void>;
  undo(): void | Promise<void>;
}

export class Transaction {
  readonly #done: Step[] = [];

  /** Steps done so far. */
  get length(): number {
    return this.#done.length;
  }

  async run(step: Step): Promise<void> {
    await step.run();
    this.#done.push(step);
  }

  /**
   * Undoes what was done. The result is the error to throw: `cause` itself, or one that also says what could not be undone.
   * A step that fails in the middle of its own run() has to leave nothing behind.
   */
  async rollback(cause: unknown): Promise<unknown> {
    const failures: string[] = [];
    for (const step of this.#done.splice(0).reverse()) {
      try {
        await step.undo();
      } catch (error) {
        failures.push(`${step.text}: ${(error as Error).message}`);
      }
    }
    if (failures.length === 0) return cause;
    const code = cause instanceof FairleadError ? cause.code : 'FL_E_MAP';
    return new FairleadError(code, `${(cause as Error).message}; and undoing it failed (${failures.join('; ')})`, {
      hint: 'start the agent again: it compares the maps with the state file and completes them',
      cause,
    });
  }
}
