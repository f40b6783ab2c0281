// What our mocha reporter adds: a reason for each skipped test, and the totals for tools/test.mjs.
// Runs mocha on a test file made here, in a process of its own.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MADE_UP = `import { skipTest } from './../skip.js';
describe('outer', () => {
  it('passes', () => {});
  it('fails', () => { throw new Error('on purpose'); });
  it('is skipped', function () { skipTest(this, 'no second CPU'); });
  it('has no body');
  describe('inner', () => {
    before(function () { skipTest(this, 'no root'); });
    it('is skipped by a hook', () => {});
  });
});
`;

describe('the reporter', function () {
  this.timeout(60_000);
  let folder: string;
  // Inside the repository: the file imports a helper of it.
  before(() => {
    folder = mkdtempSync(join(ROOT, 'test/tools/made-up-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('prints why a test was skipped, and counts', () => {
    const file = join(folder, 'a.ts');
    const totals = join(folder, 'totals.json');
    writeFileSync(file, MADE_UP);
    const { status, stdout } = spawnSync(join(ROOT, 'node_modules/.bin/mocha'), [file], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, FAIRLEAD_TOTALS: totals },
    });
    assert.equal(status, 1);
    assert.match(stdout, /outer is skipped: no second CPU\n/);
    assert.match(stdout, /outer has no body: no reason given\n/);
    assert.match(stdout, /outer inner is skipped by a hook: no root\n/);
    assert.deepEqual(JSON.parse(readFileSync(totals, 'utf8')), {
      passed: 1,
      failed: 1,
      skipped: 3,
      failures: [{ test: 'outer fails', error: 'on purpose' }],
    });
  });

  it('names the test that never came back', () => {
    const file = join(folder, 'b.ts');
    const totals = join(folder, 'totals.json');
    writeFileSync(file, "describe('outer', () => { it('passes', () => {}); it('ends all', () => process.exit(7)); });");
    const env = { ...process.env, FAIRLEAD_TOTALS: totals };
    const { status } = spawnSync(join(ROOT, 'node_modules/.bin/mocha'), [file], { cwd: ROOT, encoding: 'utf8', env });
    assert.equal(status, 7);
    assert.deepEqual(JSON.parse(readFileSync(totals, 'utf8')), {
      passed: 1,
      failed: 0,
      skipped: 0,
      failures: [],
      running: 'outer ends all',
    });
  });
});
