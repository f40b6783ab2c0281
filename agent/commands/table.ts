// Tables of lists that are held in memory (services, backends, next hops): titles, a line under them, a row for each entry, folded where they are too wide.
// Imports the sink and fold.ts. By hand, where the package `table` would do: it takes a fifth of a command's time to load, 2.5 s for 16,000 rows, and folds nothing.
// Invariant: widths are settled by the whole list; no line is wider than `width`, unless one column other than the last is.

import { setImmediate } from 'node:timers/promises';
import { foldColumns, foldIndent, FOLD_INDENT } from './fold.js';
import type { Sink } from './sink.js';

export interface Column<Row> {
  readonly title: string;
  readonly align?: 'right';
  readonly value: (row: Row) => string;
}

const GAP = 2;
const MIN_LAST = 16;
const PAGE = 250;

/** The table as text, each line ending in a newline; the last column is wrapped at words to stay within `width`, and what does not fit is folded. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string {
  return [...tablePages(columns, rows, width)].join('');
}

/** Writes the table page by page; timers and other calls run between two pages. */
export async function writeTable<Row>(sink: Sink, columns: readonly Column<Row>[], rows: readonly Row[]): Promise<void> {
  for (const page of tablePages(columns, rows, sink.columns)) {
    await sink.write(page);
    await setImmediate();
  }
}

/** The table in pieces; the first begins with titles and a line under them. */
function* tablePages<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): Generator<string> {
  const cells = rows.map((row) => columns.map((column) => column.value(row)));
  const widths = columns.map((column, index) =>
    cells.reduce((widest, line) => Math.max(widest, line[index]?.length ?? 0), column.title.length),
  );
  const last = widths.length - 1;
  // A word of the last column, such as an address, is not cut.
  const words = cells.flatMap((line) => line[last]?.split(' ') ?? []);
  const least = Math.min(
    widths[last] ?? 0,
    words.reduce((longest, word) => Math.max(longest, word.length), MIN_LAST),
  );
  const folded = foldColumns(widths.with(last, least), GAP, width);
  // What stands beside the last column on its line.
  const indent = folded.length > 1 ? FOLD_INDENT : 0;
  const before = (folded.at(-1) ?? []).slice(0, -1).reduce((sum, index) => sum + (widths[index] ?? 0) + GAP, indent);
  widths[last] = Math.min(widths[last] ?? 0, Math.max(least, width - before));
  const lines = [columns.map((column) => column.title), widths.map((one) => '='.repeat(one)), ...cells];
  const textOf = (line: readonly string[]): string => rowText(columns, line, widths, folded, before);
  for (let at = 0; at < lines.length; at += PAGE)
    yield lines
      .slice(at, at + PAGE)
      .map(textOf)
      .join('');
}

/** One row, on as many lines as the columns are folded into; titles, the line under them and cells alike. `before`: characters beside the last column, which wraps. */
function rowText<Row>(
  columns: readonly Column<Row>[],
  cells: readonly string[],
  widths: readonly number[],
  folded: readonly (readonly number[])[],
  before: number,
): string {
  const last = columns.length - 1;
  const [first = '', ...more] = wrapText(cells[last] ?? '', widths[last] ?? 0);
  const fields = cells.with(last, first).map((cell, index) => pad(cell, widths[index] ?? 0, columns[index]?.align));
  const lines = folded.map((indexes, line) => foldIndent(line) + indexes.map((index) => fields[index]).join(' '.repeat(GAP)));
  return [...lines, ...more.map((rest) => ' '.repeat(before) + rest)].map((line) => `${line.trimEnd()}\n`).join('');
}

/** The value in a field of `width` characters; a wider one stays whole. */
export function pad(value: string, width: number, align?: 'right'): string {
  return align === 'right' ? value.padStart(width) : value.padEnd(width);
}

/** The text in lines of at most `width` characters, broken at blanks; a longer word stays whole. */
export function wrapText(text: string, width: number): string[] {
  if (text.length <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}
