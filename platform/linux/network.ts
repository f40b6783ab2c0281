// The network part of the port: rtnetlink for what changes, /proc/sys for settings (of the network: those of the process's namespace).
// May import node:fs, platform/port, agent/model/errors and its siblings.
// Invariant: everything is read anew at each call; nothing is remembered.

import { readFileSync } from 'node:fs';
import { FairleadError } from '../../agent/model/errors.js';
import type { Network } from '../port.js';
import type { Context } from './context.js';
import { systemError } from './errno.js';
import { readInterfaceName, readInterfaces } from './interfaces.js';
import { readNeighbours, solicitNeighbour } from './neighbours.js';
import type { RouteSocket } from './netlink.js';
import { errnoOf } from './pins.js';
import { openProbePath } from './probe-path.js';
import { readRoute } from './routes.js';
import { watchNetwork } from './watch.js';

export function createNetwork(context: Context, socket: RouteSocket): Network {
  return {
    interfaces: () => readInterfaces(socket),
    route: (destination) => readRoute(socket, destination),
    neighbours: () => readNeighbours(socket),
    solicit: (ifindex, address) => solicitNeighbour(socket, ifindex, address),
    watch: (listener) => watchNetwork(context, listener),
    openProbePath: (family, heard) => openProbePath(context, family, heard),
    localPortRange: readLocalPortRange,
    forwardingEnabled: (ifindex, family) => readForwarding(socket, ifindex, family),
  };
}

/** This boot's random UUID. Throws FL_E_SYSTEM. */
export function readBootIdentity(): string {
  return readSetting('kernel/random/boot_id');
}

function readSetting(name: string): string {
  const path = `/proc/sys/${name}`;
  try {
    return readFileSync(path, 'latin1').trim();
  } catch (error) {
    throw systemError('FL_E_SYSTEM', `cannot read ${path}`, errnoOf(error), 'is /proc mounted?');
  }
}

/** The setting serves IPv4 and IPv6 alike. Throws FL_E_SYSTEM. */
function readLocalPortRange(): readonly [number, number] {
  const text = readSetting('net/ipv4/ip_local_port_range');
  const [low, high] = text.split(/\s+/).map(Number);
  if (!low || !high) throw new FairleadError('FL_E_SYSTEM', `net.ipv4.ip_local_port_range cannot be read: '${text}'`);
  return [low, high];
}

/** Throws FL_E_NOT_FOUND, FL_E_SYSTEM. */
function readForwarding(socket: RouteSocket, ifindex: number, family: 4 | 6): boolean {
  const name = readInterfaceName(socket, ifindex);
  if (name === undefined) throw new FairleadError('FL_E_NOT_FOUND', `there is no network device ${ifindex}`, { hint: 'see "ip link"' });
  return readSetting(`net/ipv${family}/conf/${name}/forwarding`) === '1';
}
