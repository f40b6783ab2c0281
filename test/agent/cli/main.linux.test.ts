// The program on the real kernel, in a network namespace of its own: how it starts, ends and leaves the data plane.

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { objectCache } from '../../../samples/founding-lab/object-cache.js';
import { skipTest } from '../../tools/skip.js';

const NAME = `flmain${process.pid}`;
const PINS = `/sys/fs/bpf/fairlead/${NAME}`;

class Program {
  out = '';
  err = '';
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(folder: string, words: readonly string[] = []) {
    const own = [`--instance=${NAME}`, `--state=${folder}/state.json`, `--cache-dir=${objectCache('the program on this kernel')}`];
    const inside = ['dist/program/main.js', '--device=eth0', ...own, ...words];
    this.child = spawn('nsenter', [`--net=/run/netns/${NAME}`, process.execPath, ...inside], { stdio: 'pipe' });
    this.child.stdout?.on('data', (piece: Buffer) => (this.out += piece.toString()));
    this.child.stderr?.on('data', (piece: Buffer) => (this.err += piece.toString()));
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  async until(pattern: RegExp): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!pattern.test(this.out + this.err)) {
      if (Date.now() > deadline) throw new Error(`${pattern} did not come: ${this.out}${this.err}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' });

describe('the program on this kernel', function () {
  this.timeout(90_000);
  let folder = '';
  let running: Program | undefined;

  before(function () {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) skipTest(this, 'needs Linux and root');
    folder = mkdtempSync(join(tmpdir(), 'fairlead-main-'));
    ip('netns', 'add', NAME);
    ip('-n', NAME, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'peer0');
    ip('-n', NAME, 'addr', 'add', '20.1.1.1/24', 'dev', 'eth0');
    for (const device of ['lo', 'eth0', 'peer0']) ip('-n', NAME, 'link', 'set', device, 'up');
  });

  after(async () => {
    if (folder === '') return;
    running?.child.kill('SIGKILL');
    await running?.ended;
    ip('netns', 'del', NAME);
    rmSync(folder, { recursive: true, force: true });
    // A pin is removed as a file is; only a test that failed leaves any.
    execFileSync('rm', ['-rf', PINS]);
  });

  it('starts step by step, answers, and at the end of its input leaves the data plane', async () => {
    running = new Program(folder, ['--bpf-lb-mode=snat']);
    running.child.stdin?.end('service update --frontend=40.1.1.1:80 --backends=20.1.1.10:80 --id=1\nservice list -o json\n');
    assert.equal(await running.ended, 0, running.err);
    assert.match(
      running.err,
      /^interface {2}eth0: index \d+, [0-9a-f:]{17}, MTU 1500, 20\.1\.1\.1 \(\d+ ms\)\ncompile .*\nverify .*\nattach .*\nadopt .*\n/,
    );
    assert.match(running.err, /traffic goes on; `unload` takes the data plane away\n$/);
    assert.match(running.out, /^service 1 created: .*\n\{"version":1,"services":\[\n/);
    assert.ok(existsSync(`${PINS}/link-eth0`));
  });

  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    it(`ends in order at ${signal} and leaves the data plane`, async () => {
      running = new Program(folder);
      running.child.stdin?.write('service list\n');
      await running.until(/1 service\n/);
      running.child.kill(signal);
      assert.equal(await running.ended, 0, running.err);
      assert.match(running.err, /traffic goes on; `unload` takes the data plane away\n$/);
      assert.ok(existsSync(`${PINS}/link-eth0`));
    });
  }

  it('has the exit status of the last command that failed', async () => {
    running = new Program(folder);
    running.child.stdin?.end('nonsense\nservice get --id=77\nmode get\n');
    assert.equal(await running.ended, 1);
    assert.equal(running.out, 'mode snat\n');
    assert.match(running.err, /error: unknown command "nonsense" \(FL_E_USAGE\)\n/);
  });

  it('a device that is not there ends it with one error', async () => {
    const other = new Program(folder, ['--device=nowhere0', `--instance=${NAME}x`]);
    assert.equal(await other.ended, 1);
    assert.match(other.err, /^interface {2}failed \(\d+ ms\)\nerror: .*nowhere0.*\(FL_E_NOT_FOUND\)\n/);
    assert.doesNotMatch(other.err, /^\s+at /m);
  });

  it('unload takes the data plane away', async () => {
    running = new Program(folder);
    running.child.stdin?.end('unload\n');
    assert.equal(await running.ended, 0, running.err);
    assert.match(running.out, /^unloaded: program fairlead removed from eth0/);
    assert.doesNotMatch(running.err, /traffic goes on/);
    assert.ok(!existsSync(`${PINS}/link-eth0`));
    assert.doesNotMatch(ip('-n', NAME, 'link', 'show', 'eth0').toString(), /xdp/);
  });
});
