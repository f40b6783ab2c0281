// Network namespaces, commands in them, and clean-up: what the tests of backends/linux stand on.
// Imports Node alone. Names carry the process id, so that labs at the same time stay apart.
// Invariant: everything made here is removed when the process ends, also after a failure or a signal.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const BACKENDS = fileURLToPath(new URL('../../backends/linux/', import.meta.url));
export const HERE = fileURLToPath(new URL('./', import.meta.url));

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program and waits for it; its exit status is the caller's to judge. */
export function attempt(program: string, args: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Outcome {
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 26, ...options });
  if (result.error !== undefined) throw result.error;
  return { status: result.status ?? 128, stdout: result.stdout, stderr: result.stderr };
}

/** Runs a program that has to succeed; returns its standard output. */
export function run(program: string, ...args: string[]): string {
  const outcome = attempt(program, args);
  if (outcome.status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${outcome.status}\n${outcome.stdout}${outcome.stderr}`);
  return outcome.stdout;
}

/** Why this machine cannot run the tests; undefined when it can. */
export function missing(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  for (const [tool, flag] of [
    ['ip', '-V'],
    ['tc', '-V'],
    ['bpftool', 'version'],
    ['clang', '--version'],
    ['nsenter', '--version'],
  ] as const) {
    if (spawnSync(tool, [flag]).status !== 0) return `${tool} is not installed`;
  }
  if (attempt('stat', ['-f', '-c', '%T', '/sys/fs/bpf']).stdout.trim() !== 'bpf_fs') return 'no BPF file system at /sys/fs/bpf';
  return undefined;
}

const undo: (() => void)[] = [];
let watching = false;

/** Does `action` when cleanUp() is called or the process ends; the last one first. */
export function onCleanUp(action: () => void): void {
  undo.push(action);
  if (watching) return;
  watching = true;
  process.on('exit', cleanUp);
  process.once('SIGTERM', () => process.exit(143));
  process.once('SIGHUP', () => process.exit(129));
}

export function cleanUp(): void {
  for (let action = undo.pop(); action !== undefined; action = undo.pop()) action();
}

/** A folder for this test's files. */
export function makeFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'fl-backend-'));
  onCleanUp(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder of pins of this test's own. */
export function makePinFolder(name: string): string {
  const folder = `/sys/fs/bpf/fl-test-backend-${process.pid}-${name}`;
  run('mkdir', folder);
  onCleanUp(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Compiles a C source of the tests or of backends/linux into `folder`; returns the object's path. */
export function compile(source: string, folder: string, ...macros: string[]): string {
  const object = path.join(folder, `${path.basename(source, '.c')}.o`);
  const machine = run('uname', '-m').trim();
  run(
    'clang',
    '-O2',
    '-g',
    '-Wall',
    '-Werror',
    '-target',
    'bpf',
    '-mcpu=v3',
    `-I/usr/include/${machine}-linux-gnu`,
    '-c',
    ...macros,
    source,
    '-o',
    object,
  );
  return object;
}

/** A host of a lab: a network namespace with lo up. */
export class Host {
  readonly name: string;
  readonly inode: number;

  constructor(role: string) {
    this.name = `flb${process.pid}${role}`;
    run('ip', 'netns', 'add', this.name);
    onCleanUp(() => {
      // What a failed test left behind: install.sh keys its state and pins by the namespace's inode.
      for (const root of ['/run/fairlead-backend', '/sys/fs/bpf/fairlead-backend']) {
        attempt('sh', ['-c', `rm -rf ${root}/${this.inode}-*; rmdir ${root} 2>/dev/null`]);
      }
      attempt('ip', ['netns', 'del', this.name]);
    });
    this.inode = statSync(`/run/netns/${this.name}`).ino;
    this.run('ip', 'link', 'set', 'dev', 'lo', 'up');
  }

  /** The command line that runs a program here. */
  enter(program: string, args: readonly string[]): [string, string[]] {
    return ['nsenter', [`--net=/run/netns/${this.name}`, '--', program, ...args]];
  }

  attempt(program: string, ...args: string[]): Outcome {
    return attempt(...this.enter(program, args));
  }

  run(program: string, ...args: string[]): string {
    const [command, all] = this.enter(program, args);
    return run(command, ...all);
  }

  install(...args: string[]): Outcome {
    return this.attempt(path.join(BACKENDS, 'install.sh'), '--device', 'eth0', ...args);
  }

  uninstall(): Outcome {
    return this.attempt(path.join(BACKENDS, 'uninstall.sh'), '--device', 'eth0');
  }
}

/** Joins two hosts by a cable: eth0 on the backend, eth0 on the client. All addresses are there at once: none comes late by itself. */
export function connect(client: Host, backend: Host): void {
  run('ip', '-n', client.name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', backend.name);
  for (const [host, number] of [
    [client, 1],
    [backend, 10],
  ] as const) {
    run('ip', '-n', host.name, 'link', 'set', 'dev', 'eth0', 'addrgenmode', 'none');
    run('ip', '-n', host.name, 'address', 'add', `20.1.1.${number}/24`, 'dev', 'eth0');
    for (const prefix of ['2001:db8:20::', 'fe80::']) {
      run('ip', '-n', host.name, 'address', 'add', `${prefix}${number}/64`, 'dev', 'eth0', 'nodad');
    }
  }
  for (const host of [client, backend]) run('ip', '-n', host.name, 'link', 'set', 'dev', 'eth0', 'up');
}

/** A counter of `install.sh --status`. */
export function statusCounter(status: string, reason: string): number {
  const found = new RegExp(`^${reason} +(\\d+) +\\d+$`, 'm').exec(status);
  if (found === null) throw new Error(`no counter ${reason} in:\n${status}`);
  return Number(found[1]);
}
