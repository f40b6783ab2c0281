// A file that is watched, changed in all the ways that files are changed. Real files.
// Imports agent/cli/file-watch.ts and Node.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchFile } from '../../../agent/cli/file-watch.js';

const INTERVAL = 20;

describe('a watched file', () => {
  let folder: string;
  let file: string;
  let told: string[];
  let watch: { close(): void } | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-watch-'));
    file = join(folder, 'config.yaml');
    writeFileSync(file, 'one');
    told = [];
  });
  afterEach(() => {
    watch?.close();
    rmSync(folder, { recursive: true });
  });
  const start = (path = file) => {
    watch = watchFile(
      path,
      async () => void told.push('changed'),
      () => void told.push('gone'),
      INTERVAL,
    );
  };
  /** Waits for so many calls, and a little more for one too many. */
  async function expect(...calls: readonly string[]): Promise<void> {
    for (let waited = 0; told.length < calls.length && waited < 5000; waited += 10) await sleep(10);
    await sleep(4 * INTERVAL);
    assert.deepEqual(told, calls);
  }

  it('is not told of when nothing changes', async () => {
    start();
    await expect();
  });

  it('is told of when it is written in place, and when another takes its name', async () => {
    start();
    writeFileSync(file, 'two!');
    await expect('changed');
    writeFileSync(join(folder, 'new'), 'three');
    renameSync(join(folder, 'new'), file);
    await expect('changed', 'changed');
  });

  it('is told of when it goes, and when it is back', async () => {
    start();
    rmSync(file);
    await expect('gone');
    writeFileSync(file, 'back');
    await expect('gone', 'changed');
  });

  it('is told of when a link on the way to it is moved', async () => {
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, 'config.yaml'), version);
    }
    symlinkSync('v1', join(folder, 'data'));
    symlinkSync('data/config.yaml', join(folder, 'linked.yaml'));
    start(join(folder, 'linked.yaml'));
    symlinkSync('v2', join(folder, 'fresh'));
    renameSync(join(folder, 'fresh'), join(folder, 'data'));
    await expect('changed');
  });

  it('is told of once it rests, not while it is being written', async () => {
    start();
    for (let i = 0; i < 10; i++) {
      writeFileSync(file, 'x'.repeat(i + 10));
      await sleep(INTERVAL / 2);
    }
    await expect('changed');
  });
});
