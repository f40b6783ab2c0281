// Mocha's spec reporter, plus what our rules ask for: every skipped test with its reason, and the totals for tools/test.mjs.
// Imports mocha only. Reasons come from skipTest() of test/tools/skip.ts.
// Invariant: the file named by FAIRLEAD_TOTALS, when it is set, always holds the totals and the test that runs; none when mocha ended.

import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** The reason stands on the test, or on a suite around it when a hook skipped them all. */
function skipReason(test) {
  for (let at = test; at !== undefined; at = at.parent) {
    if (at.skipReason !== undefined) return at.skipReason;
  }
  return 'no reason given';
}

export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const skipped = [];
    const file = process.env.FAIRLEAD_TOTALS;
    const save = (running) => {
      const { passes, failures, pending } = this.stats;
      if (file) writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending, running }));
    };
    runner.on('pending', (test) => skipped.push(test));
    // Also before each test: when one never comes back, the totals name it.
    runner.on('test', (test) => save(test.fullTitle()));
    runner.on('hook', (hook) => save(hook.fullTitle()));
    runner.once('end', () => {
      if (skipped.length > 0) process.stdout.write('Skipped:\n');
      for (const test of skipped) process.stdout.write(`  ${test.fullTitle()}: ${skipReason(test)}\n`);
      save();
    });
  }
}
