// Removes all that a lab made, knowing nothing but its name: processes, namespaces, BPF pins, its agents' sockets, files.
// Imports Node only, and is synchronous: the watchdog runs it when the lab's own process is already dead.
// Invariant: it can run at any time, twice, or beside itself; what is not there is no error. It touches nothing of another name.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One folder for each lab. A fixed place, not TMPDIR: a later start has to find what a dead one left. */
export const LABS_FOLDER = '/var/tmp/fairlead-lab';
/** Holds the owner's identity, see processIdentity. */
export const OWNER_FILE = 'owner';
const PIN_ROOT = '/sys/fs/bpf/fairlead';
/** Where agents have lock and socket, '<instance>.lock' and '<instance>.sock': a killed one leaves both. */
const RUN_ROOT = '/run/fairlead';
/** Where backends/linux/install.sh keeps pins and state, in folders '<inode of the network namespace>-<device>'. */
const BACKEND_ROOTS = ['/sys/fs/bpf/fairlead-backend', '/run/fairlead-backend'];

export function labFolder(name: string): string {
  return join(LABS_FOLDER, name);
}

function belongsTo(name: string, lab: string): boolean {
  return name === lab || name.startsWith(`${lab}-`);
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function namespacesOf(lab: string): string[] {
  return list('/run/netns').filter((name) => name.startsWith(`${lab}-`));
}

/** Ends all processes in a namespace: the lab's programs, their children, and shells that a person opened there. */
function killProcessesIn(namespace: string): void {
  const { stdout } = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
  for (const pid of (stdout ?? '').split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it ended by itself
    }
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** rm -r for the BPF file system, on which rmSync's way of asking does not matter: links detach as their pin goes. */
function removePins(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removePins(join(path, entry.name));
    else rmSync(join(path, entry.name), { force: true });
  }
  rmSync(path, { recursive: true, force: true });
}

/** What the install script left about a namespace that is about to go. */
function removeBackendTraces(namespace: string): void {
  const inode = statSync(join('/run/netns', namespace), { throwIfNoEntry: false })?.ino;
  if (inode === undefined) return;
  for (const root of BACKEND_ROOTS) {
    for (const entry of list(root).filter((name) => name.startsWith(`${inode}-`))) removePins(join(root, entry));
  }
}

/** A test may have mounted a file system of its own in the lab's folder. */
function unmountBelow(folder: string): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const path of mounts.reverse()) if (path.startsWith(`${folder}/`)) spawnSync('umount', ['-l', path]);
}

/** Removes the lab of this name. Returns what could not be removed, one line each. */
export function removeLabTraces(lab: string): string[] {
  // A command that the dead owner had started may still be adding a namespace: look until there is none twice.
  for (let round = 0, empty = 0; round < 60 && empty < 2; round += 1) {
    const namespaces = namespacesOf(lab);
    empty = namespaces.length === 0 ? empty + 1 : 0;
    for (const namespace of namespaces) killProcessesIn(namespace);
    for (const namespace of namespaces) removeBackendTraces(namespace);
    for (const namespace of namespaces) spawnSync('ip', ['netns', 'del', namespace]);
    sleep(20);
  }
  for (const pins of list(PIN_ROOT).filter((name) => belongsTo(name, lab))) removePins(join(PIN_ROOT, pins));
  for (const file of list(RUN_ROOT).filter((name) => belongsTo(name.replace(/\.\w+$/, ''), lab)))
    rmSync(join(RUN_ROOT, file), { force: true });
  unmountBelow(labFolder(lab));
  rmSync(labFolder(lab), { recursive: true, force: true });
  return [
    ...namespacesOf(lab).map((name) => `namespace ${name}`),
    ...list(PIN_ROOT)
      .filter((name) => belongsTo(name, lab))
      .map((name) => `pins ${join(PIN_ROOT, name)}`),
  ];
}

/** Tells a process from a later one with the same pid: 'pid starttime' (proc(5), field 22). Undefined when it is gone. */
export function processIdentity(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' ? undefined : `${pid} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** Removes labs whose owner died together with its watchdog (or with the machine). Returns their names. */
export function removeDeadLabs(): string[] {
  const dead = list(LABS_FOLDER).filter((lab) => {
    const file = join(labFolder(lab), OWNER_FILE);
    if (!existsSync(file)) return false;
    const owner = readFileSync(file, 'utf8');
    return processIdentity(Number.parseInt(owner, 10)) !== owner;
  });
  for (const lab of dead) removeLabTraces(lab);
  return dead;
}
