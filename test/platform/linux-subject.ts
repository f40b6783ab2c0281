// What the Linux tests stand on: the compiled probe object, folders of their own, clean-up.
// Imports platform/linux, test/tools and Node.
// Invariant: everything made here goes when the process ends, also after a failure or a signal.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import { skipTest } from '../tools/skip.js';
import type { Subject, Wire } from './conformance.js';

/** Skips unless this is Linux, root, with clang and a BPF file system. */
export function requireLinuxRoot(context: Mocha.Context): void {
  if (process.platform !== 'linux') skipTest(context, 'not Linux');
  if (process.getuid?.() !== 0) skipTest(context, 'not root');
  for (const tool of ['clang', 'ip', 'unshare', 'nsenter']) {
    if (spawnSync('which', [tool]).status !== 0) skipTest(context, `${tool} is not installed`);
  }
}

const undo: (() => void)[] = [];

/** Does `action` when the process ends, however it ends short of SIGKILL. */
export function atEnd(action: () => void): void {
  if (undo.length === 0) {
    process.on('exit', () => {
      for (const step of undo.reverse()) step();
    });
    for (const [signal, status] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const)
      process.once(signal, () => process.exit(status));
  }
  undo.push(action);
}

/** Compiles the probe with these extra arguments of clang; returns the object file. */
export function compileProbe(
  directory: string,
  name = 'probe',
  extra: readonly string[] = [],
  flavour: 'linux' | 'windows' = 'linux',
): string {
  const output = join(directory, `${name}.o`);
  const header = fileURLToPath(new URL(`../../bpf/platform/${flavour}.h`, import.meta.url));
  const source = fileURLToPath(new URL('./fixtures/probe.c', import.meta.url));
  const triplet = `${arch() === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  execFileSync('clang', [
    '-O2',
    '-g',
    '-Wall',
    '-target',
    'bpf',
    `-I/usr/include/${triplet}`,
    '-include',
    header,
    ...extra,
    '-c',
    source,
    '-o',
    output,
  ]);
  return output;
}

/** A subject on this process's network namespace. */
export function makeLinuxSubject(wire: Wire | undefined): Subject {
  const directory = mkdtempSync(join(tmpdir(), 'fl-platform-'));
  const platform = createLinuxPlatform();
  const pinDirectory = `/sys/fs/bpf/fl-test-platform-${process.pid}`;
  const dispose = (): void => {
    rmSync(directory, { recursive: true, force: true });
    platform.bpf.removePins(pinDirectory);
  };
  atEnd(dispose);
  return { platform, restart: createLinuxPlatform, objectFile: compileProbe(directory), pinDirectory, directory, wire, dispose };
}
