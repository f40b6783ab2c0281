// How the page writes numbers and times.
// Imports agent/api/page.

import assert from 'node:assert/strict';
import { formats } from './pages.js';

describe('on the page', () => {
  const cases: readonly (readonly [name: string, cases: readonly (readonly [given: unknown, text: string])[]])[] = [
    [
      'formatNumber',
      [
        [0, '0'],
        [7.54, '7.5'],
        [99.94, '99.9'],
        [2401.7, '2402'],
        [999.96, '1000'],
        [9999, '9999'],
        [10_000, '10 k'],
        [12_345, '12.3 k'],
        [123_456, '123 k'],
        [999_999, '1.00 M'],
        [1_234_567, '1.23 M'],
        [5e9, '5 G'],
        [null, '–'],
        [undefined, '–'],
        [Number.NaN, '–'],
      ],
    ],
    [
      'formatBits',
      [
        [0, '0 bit/s'],
        [999, '999 bit/s'],
        [1000, '1 kbit/s'],
        [1_183, '1.18 kbit/s'],
        [9.876e9, '9.88 Gbit/s'],
        [null, '–'],
      ],
    ],
    [
      'formatPackets',
      [
        [2401.7, '2402 packets/s'],
        [24_117, '24.1 k packets/s'],
        [null, '– packets/s'],
      ],
    ],
    [
      'formatWhole',
      [
        [0, '0'],
        [999, '999'],
        [1000, '1,000'],
        [1_234_567, '1,234,567'],
      ],
    ],
    [
      'formatDuration',
      [
        [0, '0 s'],
        [59.9, '59 s'],
        [60, '1 min'],
        [3600, '1 h 0 min'],
        [90_000, '1 d 1 h'],
      ],
    ],
  ];
  for (const [name, values] of cases) {
    it(`${name} gives ${values.map(([, text]) => text).join(', ')}`, async () => {
      const format = (await formats())[name];
      assert.deepEqual(
        values.map(([given]) => format?.(given)),
        values.map(([, text]) => text),
      );
    });
  }
});
