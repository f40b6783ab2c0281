// Mocha's spec reporter, plus what our rules ask for: every skipped test with its reason, the files that took longest, and the totals for tools/test.mjs.
// Imports mocha only. Reasons come from skipTest() of test/tools/skip.ts.
// Invariant: the file named by FAIRLEAD_TOTALS, when it is set, always holds the totals, what failed, and the test that runs; none when mocha ended.

import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import Mocha from 'mocha';

/** The reason stands on the test, or on a suite around it when a hook skipped them all. */
function skipReason(test) {
  for (let at = test; at !== undefined; at = at.parent) {
    if (at.skipReason !== undefined) return at.skipReason;
  }
  return 'no reason given';
}

/** So many files are named with their time, so that who adds a test sees what it costs. */
const SLOWEST = 15;

/** Ticks of a second in /proc (USER_HZ of proc(5)). */
const TICKS = 100;

/** Seconds of processor time that this process and its children that have ended took until now; 0 where the kernel does not say. */
function processorTime() {
  try {
    // Fields 14 to 17 of proc(5); the second, a name in brackets, may hold blanks.
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
  } catch {
    return 0;
  }
}

/** Seconds from a file's first hook or test to the next file's, as files run one after the other, and of processor time. */
class FileTimes {
  #files = new Map();
  #at;
  #since = performance.now();
  #spent = processorTime();

  /** `file`: whose hook or test begins; undefined at the end. */
  enter(file) {
    // Once a file: reading it takes longer than many a test.
    if (file === this.#at) return;
    const [now, spent] = [performance.now(), processorTime()];
    if (this.#at !== undefined) {
      const { wall, cpu } = this.#files.get(this.#at) ?? { wall: 0, cpu: 0 };
      this.#files.set(this.#at, { wall: wall + (now - this.#since) / 1000, cpu: cpu + spent - this.#spent });
    }
    this.#at = file;
    this.#since = now;
    this.#spent = spent;
  }

  lines() {
    const slowest = [...this.#files].toSorted(([, a], [, b]) => b.wall - a.wall).slice(0, SLOWEST);
    const seconds = (number) => `${number.toFixed(1).padStart(6)} s`;
    return slowest.map(([file, { wall, cpu }]) => `${seconds(wall)} ${seconds(cpu)}  ${relative(process.cwd(), file)}\n`);
  }
}

export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const skipped = [];
    const failures = [];
    const times = new FileTimes();
    const file = process.env.FAIRLEAD_TOTALS;
    const save = (running) => {
      const { passes, failures: failed, pending } = this.stats;
      if (file) writeFileSync(file, JSON.stringify({ passed: passes, failed, skipped: pending, failures, running }));
    };
    runner.on('pending', (test) => skipped.push(test));
    runner.on('fail', (test, error) => failures.push({ test: test.fullTitle(), error: error.message ?? String(error) }));
    // Also before each test: when one never comes back, the totals name it.
    const begin = (runnable) => {
      times.enter(runnable.file ?? runnable.parent?.file);
      save(runnable.fullTitle());
    };
    runner.on('test', begin);
    runner.on('hook', begin);
    runner.once('end', () => {
      times.enter(undefined);
      process.stdout.write(`Longest, and their processor time:\n${times.lines().join('')}`);
      if (skipped.length > 0) process.stdout.write('Skipped:\n');
      for (const test of skipped) process.stdout.write(`  ${test.fullTitle()}: ${skipReason(test)}\n`);
      save();
    });
  }
}
