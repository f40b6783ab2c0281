// Commands from a pipe or a file: line by line, no prompt, answers on one stream and errors on the other.
// Imports node:readline and its siblings.
// Invariant: a line is read only when the one before it is done.

import { createInterface } from 'node:readline';
import { LineRunner, type SessionEnd, type SessionOptions } from './line-runner.js';

export async function runLines(options: SessionOptions): Promise<SessionEnd> {
  const runner = new LineRunner(options);
  const reader = createInterface({ input: options.input, crlfDelay: Number.POSITIVE_INFINITY, terminal: false });
  const close = () => reader.close();
  options.stop.addEventListener('abort', close);
  // A terminal that went away ends the input.
  options.input.on('error', close);
  try {
    for await (const line of reader) {
      await runner.run(line);
      if (runner.left !== undefined) break;
    }
  } finally {
    options.stop.removeEventListener('abort', close);
    reader.close();
  }
  return { why: runner.left ?? 'end-of-input', status: runner.status };
}
