// What the tests of the checks share: one row is a change of healthy facts and the finding that it leads to.
// Imports agent/doctor.

import assert from 'node:assert/strict';
import { commandText } from '../../../agent/doctor/commands.js';
import { type Finding, isFixable, type Level } from '../../../agent/doctor/finding.js';

export interface Row<Facts> {
  /** What is wrong. */
  readonly fault: string;
  readonly facts: Facts;
  readonly level: Level;
  readonly check: string;
  readonly text: RegExp;
  /** As typed; undefined: there is none. */
  readonly command?: string;
  readonly fixable?: boolean;
}

/** Exactly one thing is found amiss, and it is the row's. */
export function checkRow<Facts>(row: Row<Facts>, findings: readonly Finding[]): void {
  const amiss = findings.filter(({ level }) => level !== 'ok');
  assert.deepEqual(
    amiss.map(({ level, check }) => `${level} ${check}`),
    [`${row.level} ${row.check}`],
    JSON.stringify(amiss, undefined, 1),
  );
  const [found] = amiss;
  assert.ok(found !== undefined);
  assert.match(found.text, row.text);
  assert.equal(found.command && commandText(found.command), row.command);
  assert.equal(isFixable(found), row.fixable ?? false, 'fixable');
  // A finding that names no command says in words what to do, or is only good to know.
  assert.ok(found.command !== undefined || found.advice !== undefined || found.level === 'note' || /says|asked/.test(found.text));
}
