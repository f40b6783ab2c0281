// Answers of any length over HTTP: JSON lines, written as they come, with a last line that says how it ended.
// Imports its siblings. Both ends of a stream stand here.
// Invariant: memory does not grow with the number of rows; a stream without its last line is not whole, and its reader says so.

import { Readable } from 'node:stream';
import { FairleadError } from '../model/errors.js';
import { decodeError, encodeError, fromJson, toJson, type WireError } from './wire.js';

/** Characters that are gathered before they are sent. */
const PIECE = 65536;

/** The rows as lines, then {"end":{"rows":N}} or {"error":...}. `live`: each row is sent at once. */
export function writeLines(rows: AsyncIterable<unknown>, live: boolean): Readable {
  return Readable.from(linesOf(rows, live), { objectMode: false });
}

async function* linesOf(rows: AsyncIterable<unknown>, live: boolean): AsyncGenerator<string> {
  let text = '';
  let count = 0;
  try {
    for await (const row of rows) {
      text += `${toJson(row)}\n`;
      count++;
      if (text.length < PIECE && !live) continue;
      yield text;
      text = '';
    }
    text += `${toJson({ end: { rows: count } })}\n`;
  } catch (error) {
    text += `${toJson({ error: encodeError(error) })}\n`;
  }
  yield text;
}

/** The rows of a stream. Throws what the server could not do, and FL_E_SYSTEM when the stream was cut. */
export async function* readLines(stream: AsyncIterable<Buffer | string>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const row = fromJson(line) as { end?: unknown; error?: WireError };
      if (row.end !== undefined) return;
      if (row.error !== undefined) throw decodeError(row.error);
      yield row;
    }
  }
  throw new FairleadError('FL_E_SYSTEM', 'the answer was cut off: the agent went away in the middle of it', {
    hint: 'see whether the agent runs, then ask again',
  });
}
