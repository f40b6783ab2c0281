// One attempt with a time limit, as all kinds of checks make it.
// Imports nothing.
// Invariant: whatever ends it first (an answer, the limit, stop), it is cleaned up once and settles once; no timer and no listener stays.

/** Ends the attempt: passed without `failure`, else failed with this text, short enough for a table. */
export type End = (failure?: string) => void;

/**
 * Begins what `begin` does and gives its outcome: resolves when it passed, rejects with why not. `begin` returns what gives back its socket,
 * stream or process; it is called however the attempt ends. `timeout`: milliseconds.
 */
export function attempt(timeout: number, stop: AbortSignal, begin: (end: End) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let clean: (() => void) | undefined;
    let ended = false;
    const end: End = (failure) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      stop.removeEventListener('abort', stopped);
      clean?.();
      if (failure === undefined) resolve();
      else reject(new Error(failure));
    };
    const stopped = () => end('not wanted any more');
    // A check that is under way does not keep the process alive.
    const timer = setTimeout(() => end(`no answer in ${timeout / 1000} s`), timeout).unref();
    if (stop.aborted) return stopped();
    stop.addEventListener('abort', stopped);
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
