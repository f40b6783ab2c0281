// Mocha's spec reporter, plus what our rules ask for: every skipped test with its reason, the files that took longest, and the totals for tools/test.mjs.
// Imports mocha only. Reasons come from skipTest() of test/tools/skip.ts.
// Invariant: the file named by FAIRLEAD_TOTALS, when it is set, always holds the totals, what failed, and the test that runs; none when mocha ended.

import { writeFileSync } from 'node:fs';
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

/** Seconds from a file's first hook or test to the next file's: files run one after the other. */
class FileTimes {
  #files = new Map();
  #at;
  #since = performance.now();

  /** `file`: whose hook or test begins; undefined at the end. */
  enter(file) {
    const now = performance.now();
    if (this.#at !== undefined) this.#files.set(this.#at, (this.#files.get(this.#at) ?? 0) + now - this.#since);
    this.#at = file;
    this.#since = now;
  }

  lines() {
    const slowest = [...this.#files].toSorted((a, b) => b[1] - a[1]).slice(0, SLOWEST);
    return slowest.map(([file, ms]) => `  ${(ms / 1000).toFixed(1).padStart(6)} s  ${relative(process.cwd(), file)}\n`);
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
      process.stdout.write(`Longest:\n${times.lines().join('')}`);
      if (skipped.length > 0) process.stdout.write('Skipped:\n');
      for (const test of skipped) process.stdout.write(`  ${test.fullTitle()}: ${skipReason(test)}\n`);
      save();
    });
  }
}
