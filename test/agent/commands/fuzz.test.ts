import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isBlankLine, splitLine } from '../../../agent/commands/split-line.js';
import { VERBS } from '../../../agent/commands/verbs.js';
import { answer } from '../support/run-with-double.js';

const word = fc.constantFrom(
  ...VERBS.flatMap((verb) => [...verb.words.split(' '), ...Object.values(verb.flags).map((flag) => `--${flag.name}`)]),
  ...[
    '-o',
    'json',
    '1',
    '2',
    '65536',
    '-1',
    '--',
    '=',
    '"',
    "'",
    '40.1.1.1:80',
    '[::1]:80',
    ',',
    '-h',
    '--help',
    '\u0000',
    '__proto__',
    '--constructor=1',
    '--no-id',
  ],
);
const line = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(word, { maxLength: 8 }).map((words) => words.join(' ')),
  fc.array(fc.oneof(word, fc.string({ maxLength: 5 })), { maxLength: 8 }).map((words) => words.join('')),
);

/** Whether the line is `cls`, however it is quoted, and with the `--` that ends flags. */
function clears(text: string): boolean {
  return splitLine(text).find((one) => one !== '--') === 'cls';
}

describe('lines of any kind', () => {
  it('10,000 random lines: each gets an answer, none breaks anything', async function () {
    this.timeout(120_000);
    const rejections: unknown[] = [];
    const note = (reason: unknown) => rejections.push(reason);
    process.on('unhandledRejection', note);
    try {
      await fc.assert(
        fc.asyncProperty(line, async (text) => {
          // A dump of a million flows is another test's matter; `cls` and `exit` answer by what they do.
          fc.pre(!/dumpstate/.test(text));
          const { out, err, left, status } = await answer(text);
          assert.doesNotMatch(err, /internal error/, text);
          const answered = out !== '' || err !== '' || left !== undefined;
          assert.ok(answered || isBlankLine(text) || clears(text), `no answer to ${JSON.stringify(text)}`);
          // The doctor's answer itself can be that something is wrong.
          if (/^\d+ problems?\b|level"?: ?"?problem\b/m.test(out)) return;
          assert.equal(status !== 0, /^error: .*\(FL_E_[A-Z_]+\)$/m.test(err));
        }),
        { numRuns: 10_000 },
      );
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(rejections, []);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});
