// What does not work as it should, for the status command: one line a cause.
// Imports nothing.
// Invariant: a cause (key) has at most one line; it goes when the cause goes.

export class Warnings {
  readonly #lines = new Map<string, string>();

  /** Sets the line of this cause; undefined takes it away. */
  set(cause: string, line: string | undefined): void {
    if (line === undefined) this.#lines.delete(cause);
    else this.#lines.set(cause, line);
  }

  /** In the order in which the causes came up. */
  list(): readonly string[] {
    return [...this.#lines.values()];
  }
}
