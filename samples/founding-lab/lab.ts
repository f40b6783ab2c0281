// The founding document's network on one machine: a switch, a client, the LB and backends with nginx, in network namespaces.
// Imports its siblings; this file is what users of the lab import.
// Invariant: all that a lab made is gone after remove(), and soon after its process ended in any other way (watchdog.ts).

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Family, familyOf } from '../../agent/model/address.js';
import { FairleadError } from '../../agent/model/errors.js';
import { formatEndpoint } from '../../agent/model/format.js';
import { labFolder, OWNER_FILE, processIdentity, removeDeadLabs, removeLabTraces } from './cleanup.js';
import { runCommand } from './command.js';
import { installDecap } from './decap.js';
import { Host } from './host.js';
import { buildNetwork } from './network.js';
import { type LabOptions, type LabPlan, planLab } from './options.js';
import { compiledCommand } from './compiled.js';
import { startWebServer } from './web-server.js';

export type { LabOptions } from './options.js';

/** A lab that is up. */
export interface Lab {
  readonly name: string;
  /** Files of this lab; removed with it. */
  readonly folder: string;
  /** The first virtual address of IPv4. */
  readonly vip: string;
  readonly hosts: readonly Host[];
  readonly backends: readonly Host[];
  /** SHA-256 of the file behind /big and /slow, hex. */
  readonly bigFileDigest: string;
  /** The first virtual address of a family. */
  vipOf(family: Family): string;
  /** 'http://40.1.1.1/', 'http://[2001:db8:40::1]:81/big': what clients ask for. Defaults: port 80, '/'. */
  url(family: Family, options?: { readonly port?: number; readonly path?: string }): string;
  /** 'client', 'client2', 'lb', 'backend1', ..., 'switch'. Throws FL_E_NOT_FOUND. */
  host(name: string): Host;
  /** Removes all that the lab made. Safe to call twice. */
  remove(): Promise<void>;
}

function startWatchdog(name: string): ChildProcess {
  const [program = '', ...args] = compiledCommand('watchdog.ts', [name]);
  const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  child.unref();
  return child;
}

/** Writes random bytes in pieces, returns their SHA-256. */
function writeRandomFile(file: string, bytes: number): string {
  const digest = createHash('sha256');
  writeFileSync(file, '');
  for (let left = bytes; left > 0; ) {
    const piece = randomBytes(Math.min(left, 4 * 1024 * 1024));
    digest.update(piece);
    writeFileSync(file, piece, { flag: 'a' });
    left -= piece.length;
  }
  return digest.digest('hex');
}

async function compilePass(folder: string): Promise<string> {
  const source = fileURLToPath(new URL('pass.bpf.c', import.meta.url));
  const object = join(folder, 'pass.o');
  await runCommand(['clang', '-O2', '-target', 'bpf', '-c', source, '-o', object]);
  return object;
}

async function fill(plan: LabPlan, folder: string, hosts: readonly Host[]): Promise<string> {
  await buildNetwork(plan, await compilePass(folder));
  const backends = hosts.filter((host) => host.role === 'backend');
  const bigFile = join(folder, 'big.bin');
  const digest = writeRandomFile(bigFile, plan.bigFileBytes);
  if (plan.web) await Promise.all(backends.map((host) => startWebServer(host, join(folder, host.name), bigFile)));
  if (plan.decap !== 'none') {
    const ipv4Vips = plan.vips.filter((vip) => familyOf(vip) === 4);
    for (const host of backends) await installDecap(host, ipv4Vips, plan.decap);
  }
  return digest;
}

/** Builds a lab; removes labs of dead processes first. Errors: FL_E_SYSTEM, FL_E_VALUE, FL_E_CONFLICT for a name in use. */
export async function createLab(options: LabOptions = {}): Promise<Lab> {
  removeDeadLabs();
  const plan = planLab(options);
  const folder = labFolder(plan.name);
  if (existsSync(folder)) throw new FairleadError('FL_E_CONFLICT', `a lab named '${plan.name}' exists`, { hint: 'choose another name' });
  const watchdog = startWatchdog(plan.name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, OWNER_FILE), processIdentity(process.pid) ?? '');

  const remove = async () => {
    if (watchdog.exitCode === null && watchdog.signalCode === null) {
      watchdog.ref();
      watchdog.stdin?.end();
      await once(watchdog, 'exit');
    }
    // Again, in case the watchdog itself was killed; finds nothing otherwise.
    const left = removeLabTraces(plan.name);
    if (left.length > 0) {
      throw new FairleadError('FL_E_SYSTEM', `could not remove ${left.join(', ')}`, { hint: 'look for processes that use it' });
    }
  };

  const vipOf = (family: Family) => plan.vips.find((vip) => familyOf(vip) === family) ?? '';
  const hosts = plan.hosts.map((host) => new Host(host, plan.name));
  const switches = plan.switches.map((name) => new Host({ name, role: 'switch', links: [], routes: [] }, plan.name));
  const bigFileDigest = await fill(plan, folder, hosts).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  return {
    name: plan.name,
    folder,
    vip: vipOf(4),
    vipOf,
    url(family, { port = 80, path = '/' } = {}) {
      const authority = formatEndpoint({ address: vipOf(family), port });
      return `http://${port === 80 ? authority.replace(/:80$/, '') : authority}${path}`;
    },
    hosts,
    backends: hosts.filter((host) => host.role === 'backend'),
    bigFileDigest,
    host(name) {
      const all = [...hosts, ...switches];
      const found = all.find((host) => host.name === name);
      if (found === undefined) {
        const names = all.map((host) => host.name).join(', ');
        throw new FairleadError('FL_E_NOT_FOUND', `no host '${name}' in lab ${plan.name}`, { hint: `there are ${names}` });
      }
      return found;
    },
    remove,
  };
}
