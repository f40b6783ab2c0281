// The set-up: what it finds missing, what it says when it cannot go on, and that it does nothing when nothing is missing.
// Imports tools/setup (plain JavaScript, by dynamic import) and runs tools/setup.mjs.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT } from '../../agent/model/errors.js';
import { skipTest } from './skip.js';

const SETUP = fileURLToPath(new URL('../../tools/setup.mjs', import.meta.url));

/** The modules are JavaScript without types; their functions are documented there. */
async function load(name: string): Promise<Record<string, (...args: readonly unknown[]) => unknown> & { EXIT: unknown }> {
  return import(new URL(`../../tools/setup/${name}`, import.meta.url).href);
}

const all = { distribution: 'debian', hasProgram: () => true, hasFile: () => true };

describe('the set-up', () => {
  it('has the exit statuses of the agent', async () => {
    assert.deepEqual((await load('problem.mjs')).EXIT, EXIT);
  });

  it('finds nothing missing where everything is', async () => {
    const { missingPackages } = await load('packages.mjs');
    assert.deepEqual(missingPackages!(all), []);
  });

  it('names each missing package once, and bpftool as the distribution does', async () => {
    const { missingPackages } = await load('packages.mjs');
    const without = (name: string) => ({ ...all, hasProgram: (program: string) => program !== name });
    assert.deepEqual(missingPackages!(without('nginx')), ['nginx']);
    assert.deepEqual(missingPackages!(without('bpftool')), ['bpftool']);
    assert.deepEqual(missingPackages!({ ...without('bpftool'), distribution: 'ubuntu' }), ['linux-tools-common', 'linux-tools-generic']);
    assert.deepEqual(missingPackages!({ ...all, hasFile: () => false }), ['libbpf-dev', 'linux-libc-dev', 'libbpf1']);
    const none = missingPackages!({ distribution: 'debian', hasProgram: () => false, hasFile: () => false }) as string[];
    assert.equal(new Set(none).size, none.length);
    for (const name of ['clang', 'iproute2', 'ethtool', 'tcpdump', 'tshark', 'nginx', 'curl', 'iperf3', 'util-linux', 'chromium'])
      assert.ok(none.includes(name), name);
    assert.deepEqual(missingPackages!({ ...without('chromium'), distribution: 'ubuntu' }), [], 'a snap there: not asked for');
  });

  it('says where apt is missing which packages to install', async () => {
    const { installPackages } = await load('packages.mjs');
    const path = process.env['PATH'];
    process.env['PATH'] = '/nonexistent';
    try {
      assert.throws(() => installPackages!(['clang', 'nginx']), {
        exitStatus: EXIT.unsupported,
        message: /missing here: clang, nginx .*no apt/,
      });
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('says what the Windows tests lack, and goes no further where there is no apt', async () => {
    const { setUpWindows, windowsToolsMissing } = await load('windows.mjs');
    const path = process.env['PATH'];
    process.env['PATH'] = '/nonexistent';
    try {
      assert.match(String(windowsToolsMissing!()), /^not installed: .*gcc-mingw-w64/);
      if (process.arch !== 'x64') return;
      assert.throws(() => setUpWindows!(() => undefined), { exitStatus: EXIT.unsupported, message: /gcc-mingw-w64.*no apt/ });
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('passes on the line that says why a program failed', async () => {
    const { tellingLine } = await load('run.mjs');
    assert.equal(tellingLine!('Reading lists\nE: Unable to locate package x\n\n'), 'E: Unable to locate package x');
    assert.equal(
      tellingLine!('npm warn a\nnpm error code EUSAGE\nnpm error\nnpm error out of sync\nnpm error help\n'),
      'code EUSAGE: out of sync',
    );
    assert.equal(tellingLine!('\n'), 'no output');
  });

  const good = { platform: 'linux', uid: 0, kernel: '6.1.0-13-amd64', node: 'v20.19.0' };
  const refused: readonly (readonly [string, object, number, RegExp])[] = [
    ['another user', { uid: 1000 }, EXIT.permission, /root .*uid 1000/],
    ['an old kernel', { kernel: '5.4.0-150-generic' }, EXIT.unsupported, /Linux 5\.4\.0-150-generic is too old: 5\.15/],
    ['an old Node.js', { node: 'v20.9.0' }, EXIT.unsupported, /Node\.js v20\.9\.0 is too old/],
    ['another system', { platform: 'darwin' }, EXIT.unsupported, /need Linux, this is darwin/],
  ];
  it('accepts a machine that will do', async () => {
    const { checkMachine } = await load('machine.mjs');
    for (const change of [{}, { kernel: '5.15.0' }, { kernel: '10.0' }, { node: 'v22.1.0' }]) checkMachine!({ ...good, ...change });
  });
  for (const [title, change, exitStatus, message] of refused) {
    it(`refuses ${title}, with what would do`, async () => {
      const { checkMachine } = await load('machine.mjs');
      assert.throws(() => checkMachine!({ ...good, ...change }), { exitStatus, message, hint: /./ });
    });
  }
});

describe('what is up to date', () => {
  let root: string;
  const write = (path: string, text: string, seconds: number) => {
    writeFileSync(join(root, path), text);
    utimesSync(join(root, path), seconds, seconds);
  };
  const lock = (version: string) =>
    JSON.stringify({ packages: { '': {}, 'node_modules/a': { version }, 'node_modules/o': { version: '1', optional: true } } });
  const installed = (version: string) => JSON.stringify({ packages: { 'node_modules/a': { version } } });

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'fairlead-setup-test-'));
    mkdirSync(join(root, 'node_modules'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('is not what was never installed', async () => {
    const { packagesCurrent } = await load('project.mjs');
    write('package-lock.json', lock('1'), 1000);
    assert.equal(packagesCurrent!(root), false);
  });

  it('is a newer lock file only when it asks for the same versions', async () => {
    const { packagesCurrent } = await load('project.mjs');
    write('node_modules/.package-lock.json', installed('1'), 1000);
    write('package-lock.json', lock('1'), 2000);
    assert.equal(packagesCurrent!(root), true);
    write('package-lock.json', lock('2'), 2000);
    assert.equal(packagesCurrent!(root), false);
  });

  it('sees a deleted file by its folder', async () => {
    const { newestChange } = await load('project.mjs');
    write('a.ts', '', 1000);
    utimesSync(join(root, 'node_modules'), 1000, 1000);
    utimesSync(root, 1000, 1000);
    assert.equal(newestChange!([root]), 1_000_000);
    rmSync(join(root, 'a.ts'));
    assert.ok((newestChange!([root]) as number) > 1_000_000);
  });
});

describe('tools/setup.mjs', function () {
  this.timeout(60_000);

  it('ends with one line and status 4 for a person who is not root', function () {
    if (process.getuid?.() !== 0) skipTest(this, 'needs root to become somebody else');
    // A copy: the repository may be in root's own folder.
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-setup-test-'));
    try {
      cpSync(join(SETUP, '..'), folder, { recursive: true });
      chmodSync(folder, 0o755);
      const args = ['--reuid', '65534', '--clear-groups', process.execPath, join(folder, 'setup.mjs')];
      const { status, stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8' });
      assert.equal(status, EXIT.permission, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /^fairlead: this needs root .*sudo\n$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('does nothing and says nothing the second time, in under five seconds', function () {
    if (process.getuid?.() !== 0) skipTest(this, 'needs root');
    spawnSync(process.execPath, [SETUP]);
    const stamp = fileURLToPath(new URL('../../dist/.built', import.meta.url));
    const built = statSync(stamp).mtimeMs;
    const began = performance.now();
    const { status, stdout, stderr } = spawnSync(process.execPath, [SETUP], { encoding: 'utf8' });
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
    assert.ok(performance.now() - began < 5000);
    assert.equal(statSync(stamp).mtimeMs, built);
  });
});
