// Tables of lists that are held in memory (services, backends, next hops), laid out by the package `table`.
// Imports `table` and the sink. That package takes 2.5 s for 16,000 rows, so a list is laid out in pages, one at a time.
// Invariant: widths are settled by the whole list; no line is wider than `width` while the last column has 16 characters to wrap in.

import { setImmediate } from 'node:timers/promises';
import { getBorderCharacters, table } from 'table';
import type { Sink } from './sink.js';

export interface Column<Row> {
  readonly title: string;
  readonly align?: 'right';
  readonly value: (row: Row) => string;
}

const GAP = 2;
const MIN_LAST = 16;
const PAGE = 250;

/** The table as text, each line ending in a newline; the last column is wrapped at words to stay within `width`. */
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
  const before = widths.slice(0, -1).reduce((sum, one) => sum + one + GAP, 0);
  widths[widths.length - 1] = Math.min(widths.at(-1) ?? 0, Math.max(MIN_LAST, width - before));
  const config = {
    border: getBorderCharacters('void'),
    drawHorizontalLine: () => false,
    columnDefault: { paddingLeft: 0, paddingRight: GAP, wrapWord: true },
    columns: columns.map((column, index) => ({ width: widths[index] ?? 0, alignment: column.align ?? ('left' as const) })),
  };
  const lines = [columns.map((column) => column.title), widths.map((one) => '='.repeat(one)), ...cells];
  for (let at = 0; at < lines.length; at += PAGE) {
    // The package fills each line with blanks up to its last column's width.
    yield table(lines.slice(at, at + PAGE), config).replace(/ +$/gm, '');
  }
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
