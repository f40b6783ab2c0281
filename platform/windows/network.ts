// The network part of the port: adapters, routes, neighbours, and what changes in them.
// May import platform/port, agent/model/errors and its siblings.

import { spawnSync } from 'node:child_process';
import { FairleadError } from '../../agent/model/errors.js';
import type { Network } from '../port.js';
import { listInterfaces } from './interfaces.js';
import { Neighbours } from './neighbours.js';
import { Recent } from './recent.js';
import { readRoutes, route } from './routes.js';
import { Watch } from './watch.js';

/** The dynamic ports of TCP since Windows Vista (RFC 6335), unless somebody has set others. */
const DYNAMIC_PORTS = [49152, 65535] as const;

/** How long a table that was read serves those who ask for one route, milliseconds: less than what lies between two looks of the watch. */
const YOUNG = 200;

export function createNetwork(): Network {
  const neighbours = new Neighbours();
  const adapters = new Recent(listInterfaces, YOUNG);
  const routes = new Recent(readRoutes, YOUNG);
  const isDevice = (ifindex: number): boolean => adapters.get().some(({ index }) => index === ifindex);
  const watch = new Watch({
    interfaces: () => adapters.now(),
    neighbours: () => neighbours.list(),
    routes: () => JSON.stringify(routes.now()),
  });
  let ports: readonly [number, number] | undefined;
  return {
    interfaces: () => adapters.now(),
    route: (destination) => route(destination, () => routes.get(), adapters.get()),
    neighbours: () => neighbours.list(),
    solicit: (ifindex, address) => {
      neighbours.solicit(ifindex, address, isDevice);
      watch.expect(ifindex, address);
    },
    watch: (listener) => watch.add(listener),
    openProbePath: () => {
      throw new FairleadError('FL_E_UNSUPPORTED', 'checks by way of DSR need packets made by hand, and Windows lets nobody send TCP so', {
        hint: 'check the backends directly: --health-through=direct',
      });
    },
    localPortRange: () => {
      ports ??= readDynamicPorts();
      return ports;
    },
    // The data plane has no FIB to ask here, so it does not matter whether Windows forwards.
    forwardingEnabled: (ifindex) => {
      if (!isDevice(ifindex)) throw new FairleadError('FL_E_NOT_FOUND', `there is no device with index ${ifindex}`);
      return false;
    },
  };
}

/** netsh writes two numbers, the first port and how many, with words of the system's language around them. */
function readDynamicPorts(): readonly [number, number] {
  const { stdout } = spawnSync('netsh.exe', ['int', 'ipv4', 'show', 'dynamicport', 'tcp'], {
    encoding: 'latin1',
    timeout: 5000,
    windowsHide: true,
  });
  return decodeDynamicPorts(stdout ?? '');
}

export function decodeDynamicPorts(text: string): readonly [number, number] {
  const [first = 0, count = 0] = (text.match(/\b\d{2,5}\s*$/gm) ?? []).map(Number);
  return first > 0 && count > 1 && first + count <= 65536 ? [first, first + count - 1] : DYNAMIC_PORTS;
}
