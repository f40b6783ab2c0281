// Columns that do not fit beside each other, as with IPv6 addresses, go on below: one row takes several lines.
// Imports nothing. Shared by the tables of lists and of flows.
// Invariant: columns keep their order; a line is wider than the terminal only when one column alone is.

/** Blanks before the second and further lines of a row. */
export const FOLD_INDENT = 2;

/** The columns of each line, as indexes into `widths`; one line when all fit into `width` with `gap` blanks between. */
export function foldColumns(widths: readonly number[], gap: number, width: number): readonly (readonly number[])[] {
  const lines: number[][] = [[]];
  let used = 0;
  for (const [index, one] of widths.entries()) {
    const line = lines.at(-1) as number[];
    const wanted = line.length === 0 ? one : gap + one;
    if (line.length > 0 && used + wanted > width) {
      lines.push([index]);
      used = FOLD_INDENT + one;
    } else {
      line.push(index);
      used += wanted;
    }
  }
  return lines;
}

/** What stands before the line of this number, from 0. */
export function foldIndent(line: number): string {
  return line === 0 ? '' : ' '.repeat(FOLD_INDENT);
}
