// What the machine itself must offer: Linux, a kernel that is new enough, root, native XDP on veth, the BPF file system.
// Imports Node and its siblings only.
// Invariant: whatever cannot be had ends in one SetupProblem; network namespaces made here are gone afterwards.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, SetupProblem } from './problem.mjs';
import { run } from './run.mjs';

/**
 * The newest of what cannot be done without: XDP links whose program is replaced in one step (5.9), all atomic instructions of
 * BPF's version 3 (5.12). 5.15 is the first long-term kernel that has both.
 */
export const MINIMUM_KERNEL = [5, 15];
export const MINIMUM_NODE = [20, 19];

/**
 * @param {string} version such as '6.1.0-13-amd64' or 'v20.19.1'
 * @param {number[]} minimum [major, minor]
 */
export function isAtLeast(version, minimum) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number.parseFloat);
  const [wantedMajor = 0, wantedMinor = 0] = minimum;
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/**
 * Throws when this machine cannot serve, before anything is installed.
 * @param {{platform: string, uid: number, kernel: string, node: string}} machine
 */
export function checkMachine(machine) {
  if (!isAtLeast(machine.node, MINIMUM_NODE)) {
    throw new SetupProblem(
      EXIT.unsupported,
      `Node.js ${machine.node} is too old`,
      `install ${MINIMUM_NODE.join('.')} or later (https://nodejs.org)`,
    );
  }
  if (machine.platform !== 'linux') {
    throw new SetupProblem(
      EXIT.unsupported,
      `labs and tests need Linux, this is ${machine.platform}`,
      'run this in a Linux virtual machine',
    );
  }
  if (!isAtLeast(machine.kernel, MINIMUM_KERNEL)) {
    const wanted = MINIMUM_KERNEL.join('.');
    throw new SetupProblem(
      EXIT.unsupported,
      `Linux ${machine.kernel} is too old: ${wanted} has the BPF features needed`,
      `boot Linux ${wanted} or later`,
    );
  }
  if (machine.uid !== 0) {
    throw new SetupProblem(
      EXIT.permission,
      `this needs root (network namespaces, BPF), and runs as uid ${machine.uid}`,
      'run it again with sudo',
    );
  }
}

export function thisMachine() {
  return { platform: process.platform, uid: process.getuid?.() ?? -1, kernel: release(), node: process.version };
}

/** Mounts the BPF file system when it is not there. */
export function mountBpfFs() {
  if (/ \/sys\/fs\/bpf bpf /.test(readFileSync('/proc/mounts', 'utf8'))) return;
  run(['mount', '-t', 'bpf', 'bpf', '/sys/fs/bpf'], { hint: 'this kernel or container does not allow the BPF file system' });
}

/** Attaches a do-nothing program natively to a veth device of a namespace of its own: the one question whose answer says it all. */
export function probeNativeXdp() {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-probe-'));
  const namespace = `flprobe${process.pid}`;
  try {
    const source = join(folder, 'pass.c');
    const object = join(folder, 'pass.o');
    writeFileSync(source, '__attribute__((section("xdp"), used)) int pass(void *ctx) { return 2; }\n');
    run(['clang', '-O2', '-target', 'bpf', '-c', source, '-o', object], {
      hint: 'the clang installed cannot compile for BPF; install clang 11 or later',
    });
    const steps = [
      ['ip', 'netns', 'add', namespace],
      ['ip', '-n', namespace, 'link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth1'],
      ['ip', '-n', namespace, 'link', 'set', 'dev', 'veth0', 'xdpdrv', 'obj', object, 'sec', 'xdp'],
    ];
    for (const step of steps) {
      const { status, stderr } = run(step, { check: false });
      if (status === 0) continue;
      const reason = stderr.trim().split('\n').at(-1);
      throw new SetupProblem(
        EXIT.unsupported,
        `this machine cannot run native XDP on veth devices: \`${step.slice(0, 6).join(' ')} ...\` said ${reason}`,
        'run it on a kernel with CONFIG_NET_NS, CONFIG_VETH and CONFIG_BPF_SYSCALL, and in a container only with --privileged',
      );
    }
  } finally {
    run(['ip', 'netns', 'del', namespace], { check: false });
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs the probe once for each kernel; the stamp file remembers.
 * @param {string} stampFile
 */
export function ensureNativeXdp(stampFile) {
  const stamp = `native XDP on veth: ${release()}\n`;
  try {
    if (readFileSync(stampFile, 'utf8') === stamp) return;
  } catch {
    // never probed
  }
  probeNativeXdp();
  mkdirSync(join(stampFile, '..'), { recursive: true });
  writeFileSync(stampFile, stamp);
}
