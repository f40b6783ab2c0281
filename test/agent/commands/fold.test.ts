// How columns go on below when they do not fit: order, widths, and one line as long as there is room.
// Imports agent/commands.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FOLD_INDENT, foldColumns } from '../../../agent/commands/fold.js';
import { renderTable } from '../../../agent/commands/table.js';

describe('a table whose last column has a word longer than the room beside the others', () => {
  it('puts it on a line of its own instead of cutting it', () => {
    const columns = [
      { title: 'A', value: () => 'x'.repeat(50) },
      { title: 'B', value: ([word = '']: readonly string[]) => word },
    ];
    assert.match(renderTable(columns, [['y'.repeat(40)]], 80), /^x{50}\n {2}y{40}\n$/m);
    assert.match(renderTable(columns, [['yyyy yyyy yyyy yyyy yyyy yyyy']], 80), /^x{50} {2}(yyyy ?)+\n {52}yyyy/m);
  });
});

describe('foldColumns', () => {
  it('keeps one line while all fit, to the last character', () => {
    assert.deepEqual(foldColumns([10, 20, 30], 2, 64), [[0, 1, 2]]);
    assert.deepEqual(foldColumns([10, 20, 30], 2, 63), [[0, 1], [2]]);
    assert.deepEqual(foldColumns([], 2, 80), [[]]);
  });

  it('counts the indent of further lines', () => {
    assert.deepEqual(foldColumns([60, 20, 40], 1, 63), [[0], [1, 2]]);
    assert.deepEqual(foldColumns([60, 20, 41], 1, 63), [[0], [1], [2]]);
  });

  it('keeps every column once, in order; only a column that is alone makes a line too wide', () => {
    const widths = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 16 });
    fc.assert(
      fc.property(widths, fc.constantFrom(1, 2), fc.integer({ min: 10, max: 150 }), (given, gap, width) => {
        const lines = foldColumns(given, gap, width);
        assert.deepEqual(lines.flat(), [...given.keys()]);
        for (const [number, line] of lines.entries()) {
          const used = line.reduce((sum, index) => sum + (given[index] ?? 0), gap * (line.length - 1) + (number === 0 ? 0 : FOLD_INDENT));
          assert.ok(line.length <= 1 || used <= width, `${used} of ${width}`);
        }
      }),
    );
  });
});
