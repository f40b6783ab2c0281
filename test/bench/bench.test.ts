// The benchmark's contract: which results there are, of what shape, and that a figure is refused for a path not taken.
// Runs bench/main.ts as a process, with one round. No time is checked: machines differ, and this one may be busy.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Family } from '../../agent/model/address.js';
import { EXIT, FairleadError } from '../../agent/model/errors.js';
import { type Breakdown, STEPS_OF, splitCost } from '../../bench/breakdown.js';
import { checkKnownFlows, checkNewFlows, checkReasons, checkVerdict } from '../../bench/checks.js';
import { LAYOUTS, MEASURED_FAMILIES } from '../../bench/family.js';
import { buildReply, sumWords, TCP_ACK, TCP_SYN } from '../../bench/frames.js';
import { confirmRegressions, countCommon, findRegressions, readLastEntry, saveEntry } from '../../bench/history.js';
import { medianOf } from '../../bench/measure.js';
import { parseOptions } from '../../bench/options.js';
import { MANY_FLOWS, PATH_NAMES, PATHS } from '../../bench/paths.js';
import { type BenchResult, renderTable } from '../../bench/report.js';
import { STEP_NAMES, type StepCosts } from '../../bench/steps.js';
import { buildClientFrame } from '../../bench/traffic.js';
import { checkLoop } from '../../bench/veth-loop.js';
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
  'veth-loop-do-nothing': [MANY_FLOWS],
  'veth-loop-snat': [MANY_FLOWS],
  'veth-loop-dsr-ipip': [MANY_FLOWS],
};

interface Row {
  path: string;
  family: number;
  flows: number;
  ns: number;
  ratio: number;
  mpps?: number;
}

interface Output {
  results: Row[];
  program: Record<string, number>;
  breakdown?: Breakdown;
}

function runBench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--import', 'tsx', MAIN, ...args], { encoding: 'utf8' });
}

function readRows(stdout: string): readonly Row[] {
  return (JSON.parse(stdout) as Output).results;
}

function runInside<Result>(name: string, family: Family): Result {
  const script = fileURLToPath(new URL('inside.ts', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script, name, String(family)], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Result;
}

/** Skips with a reason where the caller may not load programs. */
function skipWithoutRights(context: Mocha.Context): void {
  if (process.getuid?.() !== 0) skipTest(context, 'loading BPF programs needs root');
}

describe('npm run bench', function () {
  this.timeout(120_000);

  it('gives the paths asked for with their numbers of flows, as JSON alone on standard output', function () {
    skipWithoutRights(this);
    const asked = ['snat-established', 'dsr-ipip-new', 'veth-loop-snat'];
    const { status, stdout, stderr } = runBench('--json', '--rounds=1', '--path', asked.join(','));
    assert.equal(status, EXIT.done, stderr);
    const { results: rows, program, breakdown } = JSON.parse(stdout) as Output;
    const besides = ['do-nothing', 'veth-loop-do-nothing'];
    const expected = Object.fromEntries([...asked, ...besides].map((name) => [name, EXPECTED[name]]));
    for (const family of MEASURED_FAMILIES) {
      const ofFamily = rows.filter((row) => row.family === family);
      const flowsOf = (name: string) => ofFamily.filter((row) => row.path === name).map((row) => row.flows);
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, flowsOf(name)])), expected);
    }
    for (const row of rows) {
      const inLoop = row.path.startsWith('veth-loop-');
      assert.deepEqual(Object.keys(row), ['path', 'family', 'flows', 'ns', 'ratio', ...(inLoop ? ['mpps'] : [])]);
      assert.ok(row.ns > 0 && row.ratio > 0 && (row.mpps ?? 1) > 0, JSON.stringify(row));
      if (row.path.endsWith('do-nothing')) assert.equal(row.ratio, 1);
    }
    assert.equal(rows.length, MEASURED_FAMILIES.length * Object.values(expected).flat().length);
    const names = ['verifiedInstructions', 'translatedInstructions', 'machineCodeBytes', 'mapBytes', 'maglevBytes'];
    assert.deepEqual(Object.keys(program), names);
    for (const name of names) assert.ok((program[name] ?? 0) > 0, name);
    assert.equal(breakdown, undefined, 'where the time goes is told of whole runs');
  });

  it('measures every path when none is named', () => {
    assert.deepEqual([...PATH_NAMES, 'veth-loop-do-nothing'].sort(), Object.keys(EXPECTED).sort());
    const options = parseOptions([], () => {});
    assert.deepEqual(options?.paths, PATH_NAMES);
  });

  it('keeps runs in a file, and fails by name where one is more than 10 % worse twice', function () {
    skipWithoutRights(this);
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-'));
    try {
      const file = join(folder, 'history.jsonl');
      const args = ['--rounds', '1', '--path', 'pass-local', '--json', '--compare', file];
      // Made up, so that no noise can reach it: a time that nobody needs, and a tenth of a nanosecond.
      const program = { verifiedInstructions: 1, translatedInstructions: 1, machineCodeBytes: 1, mapBytes: 1, maglevBytes: 1 };
      const slow: BenchResult = { path: 'pass-local', family: 4, flows: MANY_FLOWS, ns: 1000, ratio: 1000 };
      saveEntry(file, { date: '', commit: '', kernel: '', cpu: '', rounds: 1, program, results: [slow] });
      const better = runBench(...args, '--save', file);
      assert.equal(better.status, EXIT.done, better.stderr);
      assert.match(better.stderr, /Compared 1 rows with .*: none is more than 10 % worse/);
      const entry = readLastEntry(file);
      assert.deepEqual(entry.results, readRows(better.stdout));
      saveEntry(file, { ...entry, results: entry.results.map((row) => ({ ...row, ratio: 0.01 })) });
      const worse = runBench(...args);
      assert.equal(worse.status, EXIT.failed, worse.stderr);
      assert.match(worse.stderr, /worse by \d+ %: pass-local IPv4 10000 flows: .* was 0\.01/);
      assert.ok(readRows(worse.stdout).length > 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('explains its options', () => {
    let stdout = '';
    assert.equal(
      parseOptions(['--help'], (text) => (stdout += text)),
      undefined,
    );
    for (const flag of ['--rounds', '--path', '--scale', '--save', '--compare', '--json', '--help']) assert.ok(stdout.includes(flag), flag);
  });

  it('refuses what it does not know, with nothing on standard output', () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--path', 'snat-old'], /path snat-old: not one of do-nothing, snat-established.*veth-loop-snat/],
      [['--rounds', '0'], /rounds 0: not a number from 1 to/],
      [['--rounds', '1e2'], /rounds 1e2/],
      [['--fast'], /--fast/],
      [['surplus'], /too many arguments/],
    ];
    for (const [args, message] of cases) {
      assert.throws(
        () => parseOptions(args, () => {}),
        (error) => error instanceof FairleadError && error.exitStatus === EXIT.usage && message.test(error.message),
      );
    }
    const { status, stdout, stderr } = runBench('--compare', '/nonexistent/history');
    assert.equal(status, EXIT.usage, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /has no run to compare with/);
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

  it('a path that may refuse packets may refuse its share by its own reason, no more', () => {
    const full = { name: 'snat-new-full', reason: 'snat_request', refused: { reasons: ['snat_ports', 'flow_table'], share: 0.5 } };
    const grown = (request: number, ports: number, local = 0) =>
      checkReasons(full, new Map(), new Map(Object.entries({ snat_request: request, snat_ports: ports, local })), 10);
    grown(10, 0);
    grown(5, 5);
    assert.throws(() => grown(4, 6), /expected 10 snat_request, of them 50 % snat_ports or flow_table at most/);
    assert.throws(() => grown(5, 4), /counted as 5 snat_request, 4 snat_ports/);
    assert.throws(() => grown(9, 0, 1), /1 local/);
    checkVerdict(full, { verdict: 'drop' }, 'tx');
    assert.throws(() => checkVerdict(full, { verdict: 'pass' }, 'tx'), /answered pass, not tx/);
    assert.throws(() => checkVerdict({ name: 'snat-new' }, { verdict: 'drop' }, 'tx'), /answered drop, not tx/);
  });

  it('do-nothing must not reach the data plane', () => {
    const nothing = { name: 'do-nothing', reason: undefined };
    checkReasons(nothing, none, none, 10);
    assert.throws(() => checkReasons(nothing, none, new Map([['snat_reply', 8]]), 10), /1 snat_reply; expected none/);
  });

  it('new flows must each have left an entry with one packet', () => {
    const filling = { name: 'snat-new', table: 'filling' } as const;
    const check = (entries: number, packets: number) => checkNewFlows(filling, { entries, packets }, 40000, 100000);
    check(40000, 40000);
    check(39970, 39970);
    assert.throws(() => check(39950, 39950), /40000 new flows left 39950 entries/);
    assert.throws(() => check(40001, 40001), /left 40001 entries/);
    assert.throws(() => check(40000, 40001), /of 40001 packets/);
    const full = { name: 'snat-new-full', table: 'full' } as const;
    checkNewFlows(full, { entries: 99, packets: 99 }, 4000, 100);
    assert.throws(() => checkNewFlows(full, { entries: 79, packets: 79 }, 4000, 100), /left 79 entries/);
    assert.throws(() => checkNewFlows(full, { entries: 99, packets: 4000 }, 4000, 100), /of 4000 packets/);
  });

  it('known flows must not have grown in number', () => {
    checkKnownFlows(10, 10);
    assert.throws(() => checkKnownFlows(10, 11), /10 entries before, 11 after/);
  });

  it('the veth loop counts only when all frames came back with the right length', () => {
    const sent = { runs: 100, bytesBack: 84 };
    checkLoop(sent, { frames: 100, bytes: 8400 });
    for (const back of [
      { frames: 99, bytes: 8316 },
      { frames: 100, bytes: 6400 },
      { frames: 101, bytes: 8484 },
    ]) {
      assert.throws(() => checkLoop(sent, back), /of 100 frames of 84 bytes sent/);
    }
  });

  it('takes medians', () => {
    assert.equal(medianOf([9, 1, 4]), 4);
    assert.equal(medianOf([9, 1, 4, 6]), 5);
    assert.throws(() => medianOf([]), RangeError);
  });

  it('says in the tables whether a goal is met, within 80 columns', () => {
    const row = { kind: 'path', family: 6, flows: 10000, ns: 100 } as const;
    const rows = [
      { ...row, path: 'snat-established', ratio: 3.4, goal: { most: 3.4 } },
      { ...row, path: 'dsr-ipip-established', ratio: 3.41, goal: { most: 3.4 } },
      { ...row, kind: 'loop' as const, path: 'veth-loop-snat', ratio: 0.75, mpps: 3.25, goal: { least: 0.75 } },
      { ...row, kind: 'loop' as const, path: 'veth-loop-dsr-ipip', ratio: 0.74, mpps: 3.2, goal: { least: 0.75 } },
      {
        ...row,
        kind: 'growth' as const,
        path: 'scale-services-dsr-ipip-established',
        flows: 1_000_000,
        ns: 1234.5,
        ratio: 10.41,
        goal: { most: 10.4 },
      },
    ];
    const program = {
      verifiedInstructions: 123456,
      translatedInstructions: 12345,
      machineCodeBytes: 123456,
      mapBytes: 128 * 1024 * 1024 + 65536,
      maglevBytes: 65536,
    };
    const cost = Object.fromEntries(STEP_NAMES.map((name) => [name, 100])) as StepCosts;
    const path = splitCost({ name: 'dsr-ipip-established', family: 6 }, { many: 1999, one: 1000 }, cost);
    const breakdown = { steps: [], paths: [path, { ...path, lookups: 999, checksum: 999, rewrite: 999, insert: 999, rest: -99 }] };
    const text = renderTable({ rows, program, breakdown, rounds: 7, kernel: '6.18.0', cpu: 'CPU' });
    const lines = text.split('\n');
    assert.match(lines[1] ?? '', /^snat-established +v6 +10000 +100\.0 +3\.40 +<= 3\.4 +ok$/);
    assert.match(lines[2] ?? '', /^dsr-ipip-established +v6 +10000 +100\.0 +3\.41 +<= 3\.4 +over$/);
    assert.match(lines[5] ?? '', /^veth-loop-snat +v6 +10000 +100\.0 +3\.25 +0\.75 +>= 0\.75 +ok$/);
    assert.match(lines[6] ?? '', /^veth-loop-dsr-ipip +.* 3\.20 +0\.74 +>= 0\.75 +under$/);
    assert.match(text, /^MiB of maps, default sizes +128\.1 +<= 128 +over$/m);
    for (const line of lines) assert.ok(line.length <= 80, line);
  });
});

describe('bench: breakdown', () => {
  const cost = Object.fromEntries(STEP_NAMES.map((name, i) => [name, 10 + i])) as StepCosts;

  it('counts the steps of every path', () => {
    assert.deepEqual(Object.keys(STEPS_OF).sort(), PATHS.map(({ name }) => name).sort());
  });

  it('splits a cost into parts that add up to it', () => {
    for (const { name } of PATHS) {
      const { path, family, total, ...parts } = splitCost({ name, family: 4 }, { many: 100, one: 70 }, cost);
      assert.deepEqual([path, family, total, parts.cache], [name, 4, 100, 30]);
      const sum = Object.values(parts).reduce((all, part) => all + part, 0);
      assert.ok(Math.abs(sum - total) < 0.01, `${name}: ${sum}`);
    }
    const l2 = splitCost({ name: 'dsr-l2-established', family: 4 }, { many: 100, one: 70 }, cost);
    assert.equal(l2.lookups, cost.flow + 2 * cost.array + cost.count);
    assert.deepEqual([l2.checksum, l2.adjustHead, l2.insert], [0, 0, 0]);
  });
});

describe('bench: history', () => {
  const row = { path: 'snat-reply', family: 4, flows: 10000, ns: 80, ratio: 2 } as const;
  const loop = { path: 'veth-loop-snat', family: 4, flows: 10000, ns: 300, ratio: 0.8, mpps: 3.3 } as const;

  it('more than 10 % is worse: of a cost more, of a rate less', () => {
    assert.deepEqual(findRegressions([{ ...row, ratio: 2.2 }], [row]), []);
    assert.equal(findRegressions([{ ...row, ratio: 2.21 }], [row]).length, 1);
    assert.deepEqual(findRegressions([{ ...loop, ratio: 0.95 }], [loop]), []);
    assert.deepEqual(findRegressions([{ ...loop, ratio: 0.73 }], [loop]), []);
    assert.equal(findRegressions([{ ...loop, ratio: 0.72 }], [loop]).length, 1);
  });

  it('compares a row with the same path, family and flows alone', () => {
    const slow = { ...row, ratio: 9 };
    for (const other of [
      { ...row, path: 'snat-new' },
      { ...row, family: 6 as const },
      { ...row, flows: 1 },
    ]) {
      assert.deepEqual(findRegressions([slow], [other]), []);
      assert.equal(countCommon([slow], [other]), 0);
    }
    assert.equal(countCommon([slow, loop], [row]), 1);
  });

  it('a row that is well the second time is no regression', () => {
    const other = { ...row, path: 'pass-local' };
    const found = findRegressions(
      [
        { ...row, ratio: 3 },
        { ...other, ratio: 3 },
      ],
      [row, other],
    );
    const confirmed = confirmRegressions(found, [row, { ...other, ratio: 2.5 }], [row, other]);
    assert.deepEqual(
      confirmed.map((regression) => regression.row.path),
      ['pass-local'],
    );
  });
});

describe('bench: frames', () => {
  for (const family of [4, 6] as const) {
    it(`IPv${family}: has the least length and right checksums`, () => {
      const { bytes, tcpAt, sourceAt, ipBytes } = LAYOUTS[family];
      assert.equal(bytes, { 4: 64, 6: 74 }[family]);
      for (const flags of [TCP_SYN, TCP_ACK]) {
        const frame = buildClientFrame(family, 'snat', 7, flags);
        assert.equal(frame.length, bytes);
        const length = family === 4 ? frame.readUInt16BE(16) - ipBytes : frame.readUInt16BE(18);
        // RFC 1071: the sum over data and checksum is all ones.
        assert.equal(sumWords(frame, tcpAt, tcpAt + length, sumWords(frame, sourceAt, tcpAt, 6 + length)), 0xffff);
        if (family === 4) assert.equal(sumWords(frame, 14, tcpAt, 0), 0xffff);
        assert.deepEqual(buildReply(buildReply(frame, TCP_ACK), flags), frame);
      }
    });

    it(`IPv${family}: the wrapper restores every byte, frames and serials in turn`, function () {
      skipWithoutRights(this);
      const { frames, plain, fresh } = runInside<{ frames: string[]; plain: string[]; fresh: string[] }>('wrapper', family);
      const swapped = frames.map((frame) => frame.slice(12, 24) + frame.slice(0, 12) + frame.slice(24));
      assert.deepEqual(plain, [swapped[0], swapped[1], swapped[0]]);
      // A serial for each turn of the two frames. After 1, 3 and 7 runs: serials 5, 6 and 5 again.
      assert.equal(fresh[0], fresh[2]);
      assert.notEqual(fresh[0], fresh[1]);
      const { sourceAt, addressBytes, tcpAt } = LAYOUTS[family];
      const without = (frame = '') => {
        const source = 2 * (sourceAt + addressBytes - 4);
        return [frame.slice(0, source), frame.slice(source + 8, 2 * tcpAt), frame.slice(2 * tcpAt + 4)];
      };
      assert.deepEqual(without(fresh[0]), without(swapped[0]));
      assert.notEqual(fresh[0], swapped[0]);
    });

    it(`IPv${family}: the veth loop returns every frame, and refuses a length that is not the path's`, function () {
      skipWithoutRights(this);
      const { nanoseconds, refused } = runInside<{ nanoseconds: number; refused: string }>('loop', family);
      assert.ok(nanoseconds > 0);
      assert.match(refused, /veth loop: of 1000 frames of \d+ bytes sent, 1000 of together/);
    });

    it(`IPv${family}: every step runs its course in the kernel`, function () {
      skipWithoutRights(this);
      for (const costs of Object.values(runInside<Record<string, StepCosts>>('steps', family))) {
        assert.deepEqual(Object.keys(costs), [...STEP_NAMES]);
        for (const value of Object.values(costs)) assert.equal(typeof value, 'number');
      }
    });
  }
});
