// Warnings that come with an answer, on the stream of errors so that JSON stays clean.
// Imports its siblings.

import { paint, type Sink } from './sink.js';

/** One line for each: 'warning: backend 20.1.1.50:80: no route to host'. */
export async function writeWarnings(sink: Sink, warnings: readonly string[]): Promise<void> {
  for (const warning of warnings) await sink.write(`${paint(sink, 'yellow', 'warning:')} ${warning}\n`);
}
