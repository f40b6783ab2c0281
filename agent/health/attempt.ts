// One attempt with a time limit, as all kinds of checks make it.
// Imports nothing.
// Invariant: whatever ends it first (an answer, the limit, stop), it is cleaned up once and settles once; no timer and no listener stays.

/** Ends what is under way, once and for all; an AbortSignal does the same and costs more, and there are hundreds of checks a second. */
export class Stop {
  readonly #ends = new Set<() => void>();
  #stopped = false;

  get stopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
    for (const end of [...this.#ends]) end();
  }

  /** `end` is called at stop(), unless it is forgotten before. */
  add(end: () => void): void {
    this.#ends.add(end);
  }

  forget(end: () => void): void {
    this.#ends.delete(end);
  }
}

/** Ends the attempt: passed without `failure`, else failed with this text, short enough for a table. */
export type End = (failure?: string) => void;

/**
 * Begins what `begin` does and gives its outcome: resolves when it passed, rejects with why not. `begin` returns what gives back its socket,
 * stream or process; it is called however the attempt ends. `timeout`: milliseconds.
 */
export function attempt(timeout: number, stop: Stop, begin: (end: End) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let clean: (() => void) | undefined;
    let ended = false;
    const end: End = (failure) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      stop.forget(stopped);
      clean?.();
      if (failure === undefined) resolve();
      else reject(new Error(failure));
    };
    const stopped = () => end('not wanted any more');
    const late = () => end(`no answer in ${timeout / 1000} s`);
    // Timers come first in a turn of the event loop: an answer that lay there while this process was held up is read before the verdict.
    // A check that is under way does not keep the process alive.
    const timer = setTimeout(() => setImmediate(late), timeout).unref();
    if (stop.stopped) return stopped();
    stop.add(stopped);
    try {
      const cleaner = begin(end);
      if (ended) cleaner();
      else clean = cleaner;
    } catch (error) {
      end(textOf(error as Error));
    }
  });
}

const KNOWN: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'no answer',
};

/** Short, for a table: 'connection refused'. */
export function textOf(error: NodeJS.ErrnoException): string {
  return KNOWN[error.code ?? ''] ?? error.message;
}
