// docs/errors.md against the code: every error code with its exit status, every reason with its verdict and text, and no other.
// Imports agent/model.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ERROR_CODES } from '../../agent/model/errors.js';
import { REASONS } from '../../agent/model/reasons.js';

/** Rows of all tables in the page, as their cells. */
function tableRows(page: string): string[][] {
  const rows = page.split('\n').filter((line) => line.startsWith('| '));
  return rows.map((line) => line.slice(2, -2).split(' | '));
}

describe('docs/errors.md', () => {
  const rows = tableRows(readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8'));

  it('lists every error code with its exit status', () => {
    const listed = rows.filter(([code]) => code?.startsWith('FL_E_')).map(([code, status]) => `${code} ${status}`);
    assert.deepEqual(
      listed,
      Object.entries(ERROR_CODES).map(([code, status]) => `${code} ${status}`),
    );
  });

  it('lists every reason in the order of the metrics map', () => {
    const listed = rows.filter(([, kind]) => ['forward', 'pass', 'drop'].includes(kind ?? ''));
    assert.deepEqual(
      listed,
      REASONS.map(({ name, kind, text }) => [name, kind, text]),
    );
  });
});
