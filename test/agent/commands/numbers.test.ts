import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatAge, formatCount, formatShare } from '../../../agent/commands/numbers.js';

describe('numbers in tables', () => {
  it('counts are exact below 10,000 and have three digits beyond', () => {
    const cases: [number | undefined, string][] = [
      [0, '0'],
      [7762, '7762'],
      [9999, '9999'],
      [10_000, '10.0k'],
      [15_880, '15.9k'],
      [99_949, '99.9k'],
      [99_950, '100k'],
      [999_499, '999k'],
      [999_500, '1.00M'],
      [1_234_567, '1.23M'],
      [1.5e19, '15.0E'],
      [undefined, '-'],
    ];
    for (const [value, text] of cases) assert.equal(formatCount(value), text);
  });

  it('a count is at most 5 characters wide and within half a percent of the value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(Number), (value) => {
        const text = formatCount(value);
        assert.ok(text.length <= 5, text);
        const unit = 'kMGTPE'.indexOf(text.at(-1) ?? '') + 1;
        const shown = Number.parseFloat(text) * 1000 ** unit;
        assert.ok(Math.abs(shown - value) <= value * 0.00501, `${value} as ${text}`);
      }),
    );
  });

  it('ages go from seconds to days in at most 4 characters', () => {
    const cases: [number, string][] = [
      [0, '0s'],
      [0.4, '0s'],
      [99, '99s'],
      [120, '2m'],
      [5_940, '99m'],
      [7_300, '2h'],
      [21_600, '6h'],
      [604_800, '7d'],
    ];
    for (const [seconds, text] of cases) assert.equal(formatAge(seconds), text);
    fc.assert(fc.property(fc.nat({ max: 863_000_000 }), (seconds) => assert.ok(formatAge(seconds).length <= 5)));
  });

  it('a share has one decimal', () => {
    assert.equal(formatShare(1 / 6), '16.7 %');
    assert.equal(formatShare(0), '0.0 %');
  });
});
