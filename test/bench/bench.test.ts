// The benchmark's contract: which results there are, of what shape, and that a figure is refused for a path not taken.
// Runs bench/main.ts as a process, with one round. No time is checked: machines differ, and this one may be busy.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EXIT, FairleadError } from '../../agent/model/errors.js';
import { checkKnownFlows, checkNewFlows, checkReasons } from '../../bench/checks.js';
import { medianOf } from '../../bench/measure.js';
import { MANY_FLOWS } from '../../bench/paths.js';
import { renderTable } from '../../bench/report.js';
import { skipTest } from '../tools/skip.js';

const MAIN = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

const EXPECTED: Readonly<Record<string, readonly number[]>> = {
  'do-nothing': [1, MANY_FLOWS],
  'snat-established': [1, MANY_FLOWS],
  'snat-reply': [1, MANY_FLOWS],
  'snat-new': [MANY_FLOWS],
  'snat-new-full': [MANY_FLOWS],
  'dsr-ipip-established': [1, MANY_FLOWS],
  'dsr-ipip-new': [MANY_FLOWS],
  'dsr-ipip-new-full': [MANY_FLOWS],
  'dsr-l2-established': [1, MANY_FLOWS],
  'pass-local': [1, MANY_FLOWS],
  'pass-transit': [1, MANY_FLOWS],
};

interface Row {
  path: string;
  family: number;
  flows: number;
  ns: number;
  ratio: number;
}

function runBench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--import', 'tsx', MAIN, ...args], { encoding: 'utf8' });
}

function readRows(stdout: string): readonly Row[] {
  const parsed = JSON.parse(stdout) as { results: Row[] };
  assert.deepEqual(Object.keys(parsed), ['results']);
  return parsed.results;
}

/** Skips with a reason where the caller may not load programs. */
function skipWithoutRights(context: Mocha.Context): void {
  if (process.getuid?.() !== 0) skipTest(context, 'loading BPF programs needs root');
}

describe('npm run bench', function () {
  this.timeout(120_000);

  it('gives every path with its numbers of flows, as JSON alone on standard output', function () {
    skipWithoutRights(this);
    const { status, stdout, stderr } = runBench('--json', '--rounds', '1');
    assert.equal(status, EXIT.done, stderr);
    const rows = readRows(stdout);
    const found = Object.fromEntries(
      Object.keys(EXPECTED).map((name) => [name, rows.filter((row) => row.path === name).map((row) => row.flows)]),
    );
    assert.deepEqual(found, EXPECTED);
    assert.equal(rows.length, Object.values(EXPECTED).flat().length);
    for (const row of rows) {
      assert.deepEqual(Object.keys(row), ['path', 'family', 'flows', 'ns', 'ratio']);
      assert.equal(row.family, 4);
      assert.ok(row.ns > 0 && row.ratio > 0, JSON.stringify(row));
      if (row.path === 'do-nothing') assert.equal(row.ratio, 1);
    }
  });

  it('measures the paths asked for beside do-nothing, and no other', function () {
    skipWithoutRights(this);
    const { status, stdout, stderr } = runBench('--rounds=1', '--json', '--path', 'pass-local,snat-reply');
    assert.equal(status, EXIT.done, stderr);
    assert.deepEqual([...new Set(readRows(stdout).map((row) => row.path))].sort(), ['do-nothing', 'pass-local', 'snat-reply']);
  });

  it('explains its options', () => {
    const { status, stdout } = runBench('--help');
    assert.equal(status, EXIT.done);
    for (const flag of ['--rounds', '--path', '--json', '--help']) assert.ok(stdout.includes(flag), flag);
  });

  it('refuses what it does not know, with nothing on standard output', () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--path', 'snat-old'], /path snat-old: not one of do-nothing, snat-established/],
      [['--rounds', '0'], /rounds 0: not a number from 1 to/],
      [['--rounds', '1e2'], /rounds 1e2/],
      [['--fast'], /--fast/],
      [['surplus'], /too many arguments/],
    ];
    for (const [args, message] of cases) {
      const { status, stdout, stderr } = runBench(...args);
      assert.equal(status, EXIT.usage, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, message);
    }
  });
});

describe('bench: figures', () => {
  const path = { name: 'snat-reply', reason: 'snat_reply' };
  const none = new Map([['snat_reply', 7]]);

  it('counts a sample only when all its packets were counted by the reason of the path', () => {
    checkReasons(path, none, new Map([['snat_reply', 17]]), 10);
    const wrong = [
      new Map([['snat_reply', 16]]),
      new Map([
        ['snat_reply', 17],
        ['local', 1],
      ]),
      new Map([
        ['snat_reply', 7],
        ['local', 10],
      ]),
      none,
    ];
    for (const after of wrong) {
      assert.throws(
        () => checkReasons(path, none, after, 10),
        (error) => error instanceof FairleadError && /expected 10 snat_reply/.test(error.message),
      );
    }
  });

  it('do-nothing must not reach the data plane', () => {
    const nothing = { name: 'do-nothing', reason: undefined };
    checkReasons(nothing, none, none, 10);
    assert.throws(() => checkReasons(nothing, none, new Map([['snat_reply', 8]]), 10), /1 snat_reply; expected none/);
  });

  it('new flows must each have left an entry with one packet', () => {
    const filling = { name: 'snat-new', table: 'filling' } as const;
    checkNewFlows(filling, { entries: 40, packets: 40 }, 40, 100);
    assert.throws(() => checkNewFlows(filling, { entries: 39, packets: 39 }, 40, 100), /40 new flows left 39 entries/);
    assert.throws(() => checkNewFlows(filling, { entries: 40, packets: 41 }, 40, 100), /of 41 packets/);
    const full = { name: 'snat-new-full', table: 'full' } as const;
    checkNewFlows(full, { entries: 99, packets: 99 }, 4000, 100);
    assert.throws(() => checkNewFlows(full, { entries: 80, packets: 80 }, 4000, 100), /left 80 entries/);
    assert.throws(() => checkNewFlows(full, { entries: 99, packets: 4000 }, 4000, 100), /of 4000 packets/);
  });

  it('known flows must not have grown in number', () => {
    checkKnownFlows({ entries: 10, packets: 10 }, { entries: 10, packets: 5000 });
    assert.throws(() => checkKnownFlows({ entries: 10, packets: 10 }, { entries: 11, packets: 12 }), /10 entries before, 11 after/);
  });

  it('takes medians', () => {
    assert.equal(medianOf([9, 1, 4]), 4);
    assert.equal(medianOf([9, 1, 4, 6]), 5);
    assert.throws(() => medianOf([]), RangeError);
  });

  it('says in the table whether a goal is met, within 80 columns', () => {
    const row = { family: 4, flows: 10000, ns: 100, about: '', goal: 3.4 } as const;
    const rows = [
      { ...row, path: 'snat-established', ratio: 3.4 },
      { ...row, path: 'dsr-ipip-established', ratio: 3.41 },
    ];
    const facts = {
      rounds: 7,
      verifiedInstructions: 12345,
      translatedInstructions: 1234,
      machineCodeBytes: 12345,
      kernel: '6.18.0',
      cpu: 'CPU',
    };
    const lines = renderTable(rows, facts).split('\n');
    assert.match(lines[1] ?? '', /^snat-established +10000 +100\.0 +3\.40 +<= 3\.4 +ok$/);
    assert.match(lines[2] ?? '', /^dsr-ipip-established +10000 +100\.0 +3\.41 +<= 3\.4 +over$/);
    assert.ok(lines.every((line) => line.length <= 80));
  });
});
