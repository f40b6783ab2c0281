// `npm run build:bpf`: the objects are there, and this kernel's verifier takes them.
// Imports tools/build-bpf.ts and platform/linux. Loading needs root.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import { findSourceDirectory } from '../../agent/control/program/sources.js';
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

describe('npm run build:bpf -- --platform windows', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-build-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const isInstalled = (clang: string) => spawnSync(clang, ['--version']).status === 0;

  for (const clang of ['clang', 'clang-16', 'clang-19']) {
    it(`builds the object for a native driver and the one for the just-in-time compiler: ${clang}`, async function () {
      if (!isInstalled(clang)) skipTest(this, `${clang} is not installed`);
      const built = await buildObjects(join(folder, clang), 'windows', clang);
      assert.deepEqual(
        built.map((path) => basename(path)),
        ['fairlead-windows.o', 'fairlead-windows-jit.o', 'decap-windows.o'],
      );
    });
  }

  it('needs no header of this system', () => {
    const source = join(findSourceDirectory(), 'fairlead.c');
    const macros = ['-DFL_PLATFORM_WINDOWS=1', '-DFL_CONFIG_FROM_MAP=1'];
    const { status, stdout, stderr } = spawnSync('clang', ['-target', 'bpf', '-M', ...macros, source], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const foreign = stdout.split(/[\s\\]+/).filter((path) => /^\/usr\/(local\/)?include\//.test(path));
    assert.deepEqual(foreign, []);
    assert.match(stdout, /platform\/windows\.h/);
  });
});
