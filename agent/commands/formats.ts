// Ways to write an answer: a table for people, JSON for programs. A further one (YAML) is one more entry of FORMATS.
// Imports agent/commands/sink.ts alone. docs/json.md documents what JSON holds.
// Invariant: rows are written as they come, with regard to backpressure; memory does not grow with their number.

import type { Sink } from './sink.js';

/** Version of the JSON forms; grows when one changes in a way that a reader could notice. */
export const JSON_VERSION = 1;

/** An answer of one thing: `name` is its key in JSON, `toText` what a person reads. */
export interface Answer {
  readonly name: string;
  readonly value: unknown;
  readonly toText: (width: number) => string;
}

/** An answer of many rows. `head` stands beside them in JSON. */
export interface RowsAnswer<Row> {
  readonly name: string;
  readonly head?: Readonly<Record<string, unknown>>;
  readonly rows: AsyncIterable<Row> | Iterable<Row>;
  /** Rows come as they happen: each is written at once. */
  readonly live?: boolean;
  /** Writes the rows as text. */
  readonly toText: (sink: Sink, rows: AsyncIterable<Row> | Iterable<Row>) => Promise<void>;
}

export interface Format {
  answer(sink: Sink, answer: Answer): Promise<void>;
  rows<Row>(sink: Sink, answer: RowsAnswer<Row>): Promise<void>;
}

const TABLE: Format = {
  answer: (sink, { toText }) => sink.write(toText(sink.columns)),
  rows: (sink, { rows, toText }) => toText(sink, rows),
};

const JSON_FORMAT: Format = {
  answer: (sink, { name, value }) => sink.write(`{"version":${JSON_VERSION},${JSON.stringify(name)}:${toJson(value)}}\n`),
  async rows(sink, { name, head = {}, rows, live = false }) {
    const before = Object.entries({ version: JSON_VERSION, ...head }).map(([key, value]) => `${JSON.stringify(key)}:${toJson(value)},`);
    let text = `{${before.join('')}${JSON.stringify(name)}:[`;
    let separator = '\n';
    for await (const row of rows) {
      text += separator + toJson(row);
      separator = ',\n';
      if (text.length < PIECE && !live) continue;
      await sink.write(text);
      text = '';
    }
    await sink.write(`${text}\n]}\n`);
  },
};

/** Characters that are gathered before they are written. */
export const PIECE = 65536;

export const FORMATS = { table: TABLE, json: JSON_FORMAT } as const satisfies Record<string, Format>;
export type FormatName = keyof typeof FORMATS;
export const FORMAT_NAMES = Object.keys(FORMATS) as readonly FormatName[];

/** One line of JSON in which what is unknown is null, so that each object has all its keys. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, one) => (one === undefined ? null : one)) ?? 'null';
}
