// The campaign itself, on a tree of one function and one test: what counts as caught, what stops it, what it leaves.
// Imports the campaign. The tree lies in a temporary folder; mocha and tsx are this project's.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CampaignProblem, runCampaign } from './campaign.js';
import type { Mutant } from './mutant.js';
import { formatList, formatResults } from './report.js';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const FILES = {
  'package.json': '{ "type": "module" }',
  'add.ts': 'export const add = (a: number, b: number): number => a + b;\nexport const twice = (a: number): number => 2 * a;\n',
  'add.test.ts': `import assert from 'node:assert/strict';
import { add, twice } from './add.js';
describe('adding', () => {
  before(() => void twice(1));
  it('is exact', () => assert.equal(add(1, 2), 3));
});
describe('what fails', () => it('always', () => assert.fail('it does')));
describe('what is skipped', () => it.skip('always', () => undefined));
`,
};
const base = { file: 'add.ts', breaks: 'It adds wrongly.', tests: [{ file: 'add.test.ts', only: 'adding' }] };
const minus: Mutant = { ...base, name: 'minus', find: 'a + b', replace: 'a - b' };

describe('the campaign of seeded faults', function () {
  this.timeout(60_000);
  let source: string;
  let trees: string;
  const formerFolder = process.env['TMPDIR'];
  beforeEach(() => {
    source = mkdtempSync(join(tmpdir(), 'fairlead-campaign-'));
    trees = join(source, 'copies');
    for (const [name, text] of Object.entries(FILES)) {
      const path = join(source, 'source', name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    symlinkSync(MODULES, join(source, 'source/node_modules'));
    mkdirSync(trees);
    process.env['TMPDIR'] = trees;
  });
  afterEach(() => {
    if (formerFolder === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = formerFolder;
    rmSync(source, { recursive: true, force: true });
  });

  const lines: string[] = [];
  const run = (mutants: readonly Mutant[], stop = new AbortController().signal) =>
    runCampaign({ source: join(source, 'source'), mutants, jobs: 2, stop, write: (line) => void lines.push(line) });
  const problems = (mutants: readonly Mutant[]) =>
    run(mutants).then(
      () => [],
      (error: unknown) => (error as CampaignProblem).lines,
    );

  it('names the test that caught a fault, and tells one that survives from one that no test judged', async () => {
    const results = await run([
      minus,
      { ...base, name: 'untested', find: '2 * a', replace: '3 * a' },
      { ...base, name: 'no-syntax', find: 'a + b', replace: 'a +' },
      { ...base, name: 'hook-fails', find: '2 * a', replace: '(a as unknown as () => number)()' },
    ]);
    assert.deepEqual(results.map(({ mutant, outcome, text }) => [mutant.name, outcome, text]).slice(0, 2), [
      ['minus', 'caught', 'adding is exact'],
      ['untested', 'survived', 'passed: add.test.ts (adding)'],
    ]);
    assert.deepEqual(
      results.slice(2).map(({ outcome }) => outcome),
      ['broken', 'broken'],
    );
    const table = formatResults(results);
    assert.match(table, /4 faults: 1 caught, 1 survived, 2 broken\n$/);
    for (const line of table.split('\n')) assert.ok(line.length <= 80, line);
    assert.deepEqual(readdirSync(trees), []);
  });

  it('refuses faults that do not fit the source before any test runs', async () => {
    lines.length = 0;
    const found = await problems([
      { ...base, name: 'gone', find: 'c + d', replace: '' },
      { ...base, name: 'twofold', find: 'number', replace: 'string' },
      { ...minus, name: 'elsewhere', file: 'sub.ts' },
      minus,
      minus,
    ]);
    assert.deepEqual(found, [
      'gone: its text is not in add.ts exactly once',
      'twofold: its text is not in add.ts exactly once',
      'elsewhere: sub.ts does not exist',
      'minus: two faults have this name',
    ]);
    assert.deepEqual([lines, readdirSync(trees)], [[], []]);
  });

  it('refuses tests that fail, are skipped or are not there without any fault', async () => {
    const tests = ['what fails', 'what is skipped', 'what is not there'].map((only) => ({ file: 'add.test.ts', only }));
    const found = await problems([{ ...minus, tests }]);
    assert.deepEqual([...found].sort(), [
      'add.test.ts (what fails): what fails always: it does',
      'add.test.ts (what is not there): no test has this title',
      'add.test.ts (what is skipped): 1 tests were skipped (are you root?)',
    ]);
  });

  it('ends at once when it is stopped, and leaves nothing', async () => {
    const stop = new AbortController();
    const began = performance.now();
    setTimeout(() => stop.abort(), 300);
    assert.deepEqual(await run([minus], stop.signal), []);
    assert.ok(performance.now() - began < 10_000);
    assert.deepEqual(readdirSync(trees), []);
  });

  it('lists what each fault breaks', () => assert.match(formatList([minus]), /^minus {2}It adds wrongly\.$/m));
});
