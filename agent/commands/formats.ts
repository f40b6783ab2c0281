// Ways to write an answer: a table for people, JSON for programs, YAML for both. A further one is one more entry of FORMATS.
// Imports yaml, late, and agent/commands/sink.ts. docs/json.md documents what JSON holds; YAML holds the same.
// Invariant: rows are written as they come, with regard to backpressure; memory does not grow with their number.

import { loadYaml } from '../config/late-packages.js';
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

const YAML: Format = {
  answer: (sink, { name, value }) => sink.write(toYaml({ version: JSON_VERSION, [name]: value })),
  async rows(sink, { name, head = {}, rows, live = false }) {
    let text = toYaml({ version: JSON_VERSION, ...head });
    let any = false;
    for await (const row of rows) {
      if (!any) text += `${name}:\n`;
      any = true;
      // As an item of a list below the name: each row is a document of its own, moved to the right.
      text += toYaml([row]).replace(/^(?=.)/gm, '  ');
      if (text.length < PIECE && !live) continue;
      await sink.write(text);
      text = '';
    }
    await sink.write(any ? text : `${text}${name}: []\n`);
  },
};

/** Characters that are gathered before they are written. */
export const PIECE = 65536;

export const FORMATS = { table: TABLE, json: JSON_FORMAT, yaml: YAML } as const satisfies Record<string, Format>;
export type FormatName = keyof typeof FORMATS;
export const FORMAT_NAMES = Object.keys(FORMATS) as readonly FormatName[];

/** One line of JSON in which what is unknown is null, so that each object has all its keys. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, one) => (one === undefined ? null : one)) ?? 'null';
}

/** What is unknown is null, as in JSON. */
function toYaml(value: unknown): string {
  return loadYaml().stringify(JSON.parse(toJson(value)), { lineWidth: 0 });
}
