// Reads what a backend has to take outer headers off: filters at tc, the XDP program, what install.sh has noted.
// Imports node's own modules, platform/port, agent/control for where the package is, and its neighbours.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { InterfaceInfo } from '../../../platform/port.js';
import { findSourceDirectory } from '../../control/program/sources.js';
import type { DecapFacts, InstalledFacts } from '../facts.js';
import { readTunnels } from './devices.js';
import { lookJson } from '../run.js';

/** Folder of install.sh's notes: backends/linux/lib/common.sh. */
const STATE_ROOT = '/run/fairlead-backend';

/** One element of `tc -json filter show`, as far as it is used. */
interface FilterEntry {
  readonly options?: { readonly prog?: { readonly name?: string } };
}

/** `xdp`: name of the program at the device's XDP hook. */
export async function readDecap(device: string, xdp: string | undefined, interfaces: readonly InterfaceInfo[]): Promise<DecapFacts> {
  const filters = await lookJson(['tc', '-json', 'filter', 'show', 'dev', device, 'ingress']);
  const tc = Array.isArray(filters) ? (filters as FilterEntry[]).flatMap(({ options }) => options?.prog?.name ?? []) : undefined;
  return { tc, xdp, tunnels: await readTunnels(interfaces), installed: readInstalled(device) };
}

/** Devices of this network namespace that install.sh was run for. */
export function installedDevices(): readonly string[] {
  const prefix = `${namespaceInode()}-`;
  try {
    return readdirSync(STATE_ROOT)
      .filter((name) => name.startsWith(prefix))
      .map((name) => name.slice(prefix.length).replaceAll(':', '.'));
  } catch {
    return [];
  }
}

function readInstalled(device: string): InstalledFacts | undefined {
  const folder = join(STATE_ROOT, `${namespaceInode()}-${device.replaceAll('.', ':')}`);
  const words = (name: string) =>
    readFileSync(join(folder, name), 'utf8')
      .split(/\s+/)
      .filter((word) => word !== '');
  try {
    const [dispatch = ''] = words('dispatch');
    return { dispatch, vips: words('vips'), addresses: dispatch === 'ipip' ? words('addresses') : [] };
  } catch {
    return undefined;
  }
}

function namespaceInode(): number {
  return statSync('/proc/self/ns/net').ino;
}

/** Path of this package's install.sh; undefined when it is not there. */
export function findInstallScript(): string | undefined {
  try {
    const script = join(dirname(findSourceDirectory()), 'backends', 'linux', 'install.sh');
    return existsSync(script) ? script : undefined;
  } catch {
    return undefined;
  }
}
