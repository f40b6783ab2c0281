// Writing a file in one step: what a reader sees meanwhile, and what a failure leaves.

import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomically } from '../../../agent/control/write-file.js';

describe('writeFileAtomically', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'fairlead-write-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('puts a new file in the place of the old one, which a reader that has it open goes on reading whole', () => {
    const path = join(directory, 'deep', 'file');
    writeFileAtomically(path, 'the old content', 0o600);
    const reader = openSync(path, 'r');
    writeFileAtomically(path, 'new', 0o600);
    assert.equal(readFileSync(reader, 'utf8'), 'the old content');
    assert.notEqual(fstatSync(reader).ino, statSync(path).ino);
    closeSync(reader);
    assert.equal(readFileSync(path, 'utf8'), 'new');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(directory, 'deep')), ['file']);
  });

  it('leaves nothing beside the path when the rename fails', () => {
    const path = join(directory, 'taken');
    mkdirSync(join(path, 'inner'), { recursive: true });
    assert.throws(() => writeFileAtomically(path, 'text'), { code: 'EISDIR' });
    assert.deepEqual(readdirSync(directory), ['taken']);
    assert.deepEqual(readdirSync(path), ['inner']);
  });
});
