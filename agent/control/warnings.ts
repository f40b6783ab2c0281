// What does not work as it should, for the status command: one line a cause.
// Imports nothing.
// Invariant: a cause (key) has at most one line; it goes when the cause goes.

export interface Warning {
  readonly line: string;
  /** When its cause came up, seconds since 1970; the line may be another since. */
  readonly since: number;
}

export class Warnings {
  readonly #lines = new Map<string, Warning>();

  /** Sets the line of this cause; undefined takes it away. */
  set(cause: string, line: string | undefined): void {
    if (line === undefined) this.#lines.delete(cause);
    else this.#lines.set(cause, { line, since: this.#lines.get(cause)?.since ?? Date.now() / 1000 });
  }

  /** In the order in which the causes came up. */
  list(): readonly Warning[] {
    return [...this.#lines.values()];
  }
}
