// `npm run build:bpf`: the objects are there, and this kernel's verifier takes them.
// Imports tools/build-bpf.ts and platform/linux. Loading needs root.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import { buildObjects } from '../../tools/build-bpf.js';
import { skipTest } from './skip.js';

describe('npm run build:bpf', function () {
  this.timeout(60_000);
  let folder: string;
  let built: readonly string[];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-build-'));
    built = await buildObjects(folder, 'linux');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('builds the data plane and both decapsulators', () => {
    assert.deepEqual(
      built.map((path) => basename(path)),
      ['fairlead.o', 'decap_tc.o', 'decap_xdp.o'],
    );
  });

  for (const [object, program] of [
    ['fairlead.o', 'fairlead'],
    ['decap_xdp.o', 'decap_xdp'],
  ] as const) {
    it(`the kernel takes ${object}`, async function () {
      if (process.getuid?.() !== 0) skipTest(this, 'needs root to load a program');
      const loaded = await createLinuxPlatform().bpf.load({ objectFile: join(folder, object), program, pinDirectory: undefined });
      assert.equal(loaded.name, program);
      assert.ok(loaded.verifiedInstructions > 0);
      loaded.close();
    });
  }
});
