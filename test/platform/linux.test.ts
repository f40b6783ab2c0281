// The Linux platform, held to the suite of all platforms; then what only a real kernel shows.
// Imports platform/linux and its siblings. The network part runs in a namespace of its own (linux-inside.ts).
// Invariant: the machine's own devices are not touched.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import { tellingLine } from '../../platform/linux/log.js';
import { describeConformance, type Subject, withCode } from './conformance.js';
import { compileProbe, makeLinuxSubject, requireLinuxRoot } from './linux-subject.js';
import { u32, u64 } from './probe-maps.js';

const FRAME = Buffer.alloc(60);

/** Runs a TypeScript program in another process; resolves with its output when it has ended. */
async function runProgram(source: string): Promise<{ status: number | null; output: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', source], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 15_000,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output };
}

describeConformance(
  'linux',
  async (context) => {
    requireLinuxRoot(context);
    return makeLinuxSubject(undefined);
  },
  ['bpf'],
);

describe('linux platform: network and links', () => {
  it('hold to the suite in a network namespace of their own', async function () {
    requireLinuxRoot(this);
    this.timeout(120_000);
    const mocha = fileURLToPath(new URL('../../node_modules/mocha/bin/mocha.js', import.meta.url));
    const inside = fileURLToPath(new URL('./linux-inside.ts', import.meta.url));
    const args = ['--net', process.execPath, mocha, '--no-config', '--import=tsx', '--timeout', '20000', inside];
    const child = spawn('unshare', args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 100_000,
      env: { ...process.env, OUTER_NETWORK: readlinkSync('/proc/self/ns/net') },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
    const [status] = await once(child, 'close');
    assert.equal(status, 0, output);
    assert.match(output, /(\d\d) passing/, output);
  });
});

describe('linux platform, beyond the port', () => {
  let subject: Subject;
  before(function () {
    requireLinuxRoot(this);
    subject = makeLinuxSubject(undefined);
  });
  after(() => subject?.dispose());

  it('the program sees the device of the test run, and the clock is its own', async () => {
    const { platform, objectFile } = subject;
    const program = await platform.bpf.load({ objectFile, program: 'probe_device', pinDirectory: undefined });
    const clock = await platform.clock();
    assert.equal(program.testRun(FRAME, { ingressIfindex: 1 }).verdict, 'pass');
    const seen = program.maps.get('probe_array')?.lookup(u32(1))?.readUInt32LE() ?? 0;
    assert.deepEqual(program.maps.get('probe_array')?.lookup(u32(0)), u64(1));
    assert.ok(Math.abs((clock.now() - seen) | 0) <= clock.ticksPerSecond / 4, `${clock.now()} against ${seen}`);
    program.close();
  });

  it('a test run repeats as often as asked', async () => {
    const { platform, objectFile } = subject;
    const program = await platform.bpf.load({ objectFile, program: 'probe_grow', pinDirectory: undefined });
    program.testRun(FRAME, { repeat: 3 });
    const counts = program.maps.get('probe_percpu')?.lookup(u32(0)) ?? Buffer.alloc(0);
    let sum = 0;
    for (let at = 0; at < counts.length; at += 8) sum += counts.readUInt32LE(at);
    assert.equal(sum, 3);
    program.close();
  });

  it('an inner map is what the program reads and writes', async () => {
    const { platform, objectFile } = subject;
    const program = await platform.bpf.load({ objectFile, program: 'probe_grow', pinDirectory: undefined });
    const inner = platform.bpf.createMap({
      name: 'a_name_that_is_longer_than_15',
      type: 'array',
      keySize: 4,
      valueSize: 8,
      maxEntries: 100,
    });
    await program.maps.get('probe_outer')?.setInner([{ key: u32(0), inner }]);
    program.testRun(FRAME);
    program.testRun(FRAME);
    assert.equal(inner.lookup(u32(0))?.readUInt32LE(), 2);
    program.close();
  });

  it('maps pinned with other sizes are refused, and stay', async () => {
    const { platform, objectFile, pinDirectory, directory } = subject;
    const other = compileProbe(directory, 'other', ['-DPROBE_ENTRIES=100']);
    platform.bpf.makePinDirectory(pinDirectory);
    const load = (file: string) => platform.bpf.load({ objectFile: file, program: 'probe_device', pinDirectory });
    const program = await load(objectFile);
    await assert.rejects(load(other), (error: { hint?: string }) => {
      withCode('FL_E_LOAD', /parameter mismatch/)(error);
      assert.match(error.hint ?? '', /another layout/);
      return true;
    });
    assert.equal(platform.bpf.listPins(pinDirectory).length, 6);
    program.close();
  });

  it('a file that is no object is refused, without a word on stderr', async () => {
    const { status, output } = await runProgram(`
      import { createLinuxPlatform } from '../../platform/linux/index.ts';
      const request = { objectFile: '/etc/passwd', program: 'x', pinDirectory: undefined };
      await createLinuxPlatform().bpf.load(request).catch(error => console.log(error.code, error.message));
    `);
    assert.equal(status, 0, output);
    assert.match(output, /^FL_E_LOAD cannot open object file \/etc\/passwd \(.*ELF.*\)[^\n]*\n$/);
    const missing = { objectFile: '/nowhere/x.o', program: 'x', pinDirectory: undefined };
    await assert.rejects(subject.platform.bpf.load(missing), withCode('FL_E_LOAD', /nowhere.*does not exist/));
  });

  it('without permission the error says so', () => {
    const platform = createLinuxPlatform();
    process.seteuid?.(65534);
    try {
      assert.throws(() => platform.capabilities.fibLookup, withCode('FL_E_PERMISSION'));
      assert.throws(() => platform.bpf.openMapById(1), withCode('FL_E_PERMISSION'));
    } finally {
      process.seteuid?.(0);
    }
    assert.equal(platform.capabilities.fibLookup, true);
    assert.equal(platform.capabilities.redirect, true);
    assert.equal(platform.capabilities.atomicReplace, true);
  });

  it('a killed process leaves the lock free', async () => {
    const path = `${subject.directory}/killed`;
    const source = `
      import { createLinuxPlatform } from '../../platform/linux/index.ts';
      console.log(createLinuxPlatform().lock(${JSON.stringify(path)}).held);
      setTimeout(() => undefined, 15_000);
    `;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', source];
    const child = spawn(process.execPath, args, {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [said] = await once(child.stdout, 'data');
      assert.equal(String(said), 'true\n');
      assert.deepEqual(subject.platform.lock(path), { held: false, pid: child.pid });
    } finally {
      child.kill('SIGKILL');
    }
    await once(child, 'close');
    const lock = subject.platform.lock(path);
    assert.equal(lock.held, true);
    if (lock.held) lock.release();
  });

  it('an open watch does not keep the process alive', async () => {
    const { status, output } = await runProgram(`
      import { createLinuxPlatform } from '../../platform/linux/index.ts';
      createLinuxPlatform().network.watch(() => undefined);
    `);
    assert.equal(status, 0, output);
  });

  it("the verifier's telling line is the reason, not a register or a count", () => {
    const end = 'processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0';
    const cases = [
      ['0: R1=ctx() R10=fp0\n1: (b7) r2 = 1 ; R2=1\nR0 !read_ok', 'R0 !read_ok'],
      [
        'from 3 to 5: R0=0 R10=fp0\n5: (95) exit\nAt program exit the register R0 has unknown scalar value',
        'At program exit the register R0 has unknown scalar value',
      ],
      [
        '; data[100] = 1; @ probe.c:1\ninvalid access to packet, off=100\nR1 offset is outside of the packet',
        'invalid access to packet, off=100',
      ],
      ['BPF program is too large. Processed 1000001 insn', 'BPF program is too large. Processed 1000001 insn'],
    ];
    for (const [log, line] of cases) assert.equal(tellingLine(`${log}\n${end}`), line);
    assert.equal(tellingLine(end), 'the verifier gave no reason');
  });
});
