// Where an answer goes: a stream with its width and its right to colour, written with regard to backpressure.
// Imports node's stream types alone. agent/main.ts makes sinks of stdout and stderr, tests of memory.
// Invariant: write() resolves when the stream takes more, or has ended; it never rejects.

import type { Writable } from 'node:stream';

export interface Sink {
  /** Resolves when the next piece may be written. After the stream's end it resolves at once and writes nothing. */
  write(text: string): Promise<void>;
  /** Width in characters; 80 when the stream is no terminal. */
  readonly columns: number;
  /** Height in lines; undefined when the stream is no terminal. */
  readonly rows?: number | undefined;
  readonly colour: boolean;
  readonly terminal: boolean;
}

export const DEFAULT_COLUMNS = 80;
const MIN_COLUMNS = 60;

type TerminalStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** A sink over `stream`. `colour` is decided by the caller (terminal, NO_COLOR). */
export function openSink(stream: TerminalStream, options: { readonly colour: boolean }): Sink {
  return {
    get columns() {
      return Math.max(MIN_COLUMNS, stream.columns || DEFAULT_COLUMNS);
    },
    get rows() {
      return stream.rows || undefined;
    },
    colour: options.colour,
    terminal: stream.isTTY === true,
    async write(text) {
      if (!stream.writable || stream.write(text)) return;
      await drained(stream);
    },
  };
}

/** Waits until the stream takes more; a reader that left (EPIPE) ends the wait too. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const events = ['drain', 'close', 'error', 'finish'] as const;
    const done = () => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}

export type Paint = 'red' | 'green' | 'yellow' | 'bold' | 'dim';
const CODES: Record<Paint, readonly [number, number]> = { red: [31, 39], green: [32, 39], yellow: [33, 39], bold: [1, 22], dim: [2, 22] };

/** The text in an ANSI colour where the sink has the right to colour. */
export function paint(sink: Pick<Sink, 'colour'>, how: Paint, text: string): string {
  const [on, off] = CODES[how];
  return sink.colour ? `\x1b[${on}m${text}\x1b[${off}m` : text;
}
