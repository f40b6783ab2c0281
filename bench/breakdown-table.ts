// The breakdown as text: a table of whole nanoseconds for each family.
// Imports its siblings.
// Invariant: at most 80 columns.

import type { Breakdown, PathBreakdown } from './breakdown.js';
import { DO_NOTHING } from './paths.js';
import { alignColumns } from './table.js';

const FIGURES = ['total', 'parse', 'lookups', 'checksum', 'rewrite', 'adjustHead', 'insert', 'cache', 'rest'] as const;
const HEADER = ['', 'total', 'parse', 'maps', 'sum', 'write', 'head', 'insert', 'cache', 'rest'];

function cellsOf(path: PathBreakdown): readonly string[] {
  return [path.path, ...FIGURES.map((figure) => (Math.round(path[figure]) === 0 ? '-' : path[figure].toFixed(0)))];
}

export function renderBreakdown({ paths }: Breakdown): string[] {
  const families = [...new Set(paths.map(({ family }) => family))];
  return families.flatMap((family, i) => [
    ...(i > 0 ? [''] : []),
    `Where the time goes, IPv${family}: ns beyond ${DO_NOTHING}`,
    ...alignColumns([HEADER, ...paths.filter((path) => path.family === family).map(cellsOf)]),
  ]);
}
