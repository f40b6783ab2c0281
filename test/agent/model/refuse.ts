// For tests of errors: runs something that must be refused and gives what a person would read.
// Imports agent/model/errors.
// Anything but a FairleadError is a defect and fails the test.

import assert from 'node:assert/strict';
import { FairleadError } from '../../../agent/model/errors.js';

/** '<code> <message>' and, when there is one, ' | <hint>'. Fails when nothing was thrown or anything but a FairleadError. */
export function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof FairleadError)) throw error;
    return `${error.code} ${error.message}${error.hint === undefined ? '' : ` | ${error.hint}`}`;
  }
  return assert.fail('nothing was refused');
}
