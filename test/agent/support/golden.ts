// Golden files: what a person reads, compared letter by letter. UPDATE_GOLDEN=1 writes them anew.
// Imports node's file modules. The file to compare with is given by its URL.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const UPDATE = 'UPDATE_GOLDEN';

export function compareGolden(text: string, file: URL): void {
  const path = fileURLToPath(file);
  if (process.env[UPDATE] === '1') {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return;
  }
  assert.equal(text, readFileSync(path, 'utf8'), `${path} differs; if the change is wanted, run with ${UPDATE}=1`);
}

/** No line is wider than `width`. */
export function assertWidth(text: string, width: number): void {
  for (const line of text.split('\n')) assert.ok(line.length <= width, `${line.length} characters: ${line}`);
}
