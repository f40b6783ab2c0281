// What was read a moment ago: who asks for the next hops of a thousand backends in one turn reads the system's tables once.
// Imports nothing.
// Invariant: get() is never older than the time given, and now() is always fresh.

export class Recent<T> {
  readonly #read: () => T;
  readonly #milliseconds: number;
  #value: T | undefined;
  #readAt = -Infinity;

  constructor(read: () => T, milliseconds: number) {
    this.#read = read;
    this.#milliseconds = milliseconds;
  }

  /** Reads it, and keeps it for get(). */
  now(): T {
    this.#value = this.#read();
    this.#readAt = performance.now();
    return this.#value;
  }

  get(): T {
    const young = performance.now() - this.#readAt < this.#milliseconds;
    return young ? (this.#value as T) : this.now();
  }
}
