// The list of seeded faults against the sources: a change that makes a fault stale is to be seen at once, not at the next campaign.
// Imports the faults. The campaign itself takes minutes: npm run test:mutants.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { MUTANTS } from './faults/index.js';
import { findStale } from './mutant.js';

describe('seeded faults', () => {
  it('each fits its source in exactly one place', () => {
    const read = (file: string): string | undefined => {
      const path = new URL(`../../${file}`, import.meta.url);
      return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    };
    assert.ok(MUTANTS.length >= 15);
    assert.deepEqual(findStale(MUTANTS, read), []);
  });
});
