// The objects of `npm run build:bpf -- --platform windows` have nothing that eBPF for Windows lacks, as far as that can be seen without it.
// Imports the build and the profile check. Needs clang.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { checkWindowsProfile } from '../support/ebpf/profile-check.js';
import { readObject } from '../support/ebpf/object.js';
import { buildObjects } from '../../tools/build-bpf.js';

describe('the Windows objects', function () {
  this.timeout(120_000);
  let folder: string;
  let built: readonly string[];
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-profile-'));
    built = await buildObjects(folder, 'windows');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const object = (name: string) => readObject(built.find((path) => basename(path) === name) as string);

  it('of a machine with a just-in-time compiler keeps to the profile', () => {
    assert.deepEqual(checkWindowsProfile(object('fairlead-windows-jit.o'), 'jit'), []);
  });

  it('for a native driver keeps to the profile', () => {
    assert.deepEqual(checkWindowsProfile(object('fairlead-windows.o'), 'native'), []);
  });

  it('for a native driver has atomic instructions, and is none for the just-in-time compiler', () => {
    const faults = checkWindowsProfile(object('fairlead-windows.o'), 'jit');
    assert.ok(faults.length > 0 && faults.every((fault) => /an atomic instruction/.test(fault)), faults.join('\n'));
  });
});
