import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

const CHECKS = new URL('../../../agent/doctor/checks/', import.meta.url);
const PAGE = readFileSync(new URL('../../../docs/doctor.md', import.meta.url), 'utf8');

describe('docs/doctor.md', () => {
  it('lists every check, and no other', () => {
    const sources = readdirSync(CHECKS).map((file) => readFileSync(new URL(file, CHECKS), 'utf8'));
    const made = sources.flatMap((text) =>
      [...text.matchAll(/\bcheck: '([\w-]+)'|\bfine\('([\w-]+)'/g)].map(([, one, other]) => one ?? other),
    );
    const rows = [...PAGE.matchAll(/^\| (`[^|]*) \| (?:both|balancer|backend) \|/gm)];
    const listed = rows.flatMap(([, names = '']) => [...names.matchAll(/`([\w-]+)`/g)].map((match) => match[1]));
    assert.deepEqual(listed.toSorted(), [...new Set(made)].toSorted());
  });
});
