// Who talks to whom in the benchmark: services, backends, and each flow's frames.
// Imports agent/model and its siblings.
// Invariant: a flow is a function of its family, frame set and number, so two runs measure the same flows.

import { addressBytes, type Family } from '../agent/model/address.js';
import { macBytes } from '../agent/model/mac.js';
import type { Action, Frontend } from '../agent/model/service.js';
import { LAYOUTS, PLACES } from './family.js';
import { buildFrame } from './frames.js';
import type { FrameSet } from './paths.js';

export const LB_MAC = '02:00:00:00:00:01';
export const CLIENT_MAC = '02:00:00:00:00:64';
export const BACKEND_PORT = 80;
const SERVICE_PORT = 80;

export interface BenchService {
  readonly id: number;
  readonly frontend: Frontend;
  readonly action: Action;
}

export function listServices(family: Family): readonly BenchService[] {
  const { snat, ipip, l2 } = PLACES[family].services;
  const frontend = (address: string): Frontend => ({ address, port: SERVICE_PORT, protocol: 'tcp' });
  return [
    { id: 1, frontend: frontend(snat), action: 'snat' },
    { id: 2, frontend: frontend(ipip), action: 'dsr-ipip' },
    { id: 3, frontend: frontend(l2), action: 'dsr-l2' },
  ];
}

/** Address and MAC of backend number `index` (from 0) of each service. */
export function describeBackend(family: Family, index: number): { address: string; mac: string } {
  const [high, low] = [index >> 8, index & 255].map((byte) => byte.toString(16).padStart(2, '0'));
  return { address: PLACES[family].backend(index + 1), mac: `02:00:00:01:${high}:${low}` };
}

function destinationOf(family: Family, set: Exclude<FrameSet, 'reply'>): { address: string; port: number } {
  const { services, lb, transit } = PLACES[family];
  if (set === 'local') return { address: lb, port: 22 };
  if (set === 'transit') return { address: transit, port: 443 };
  return { address: services[set], port: SERVICE_PORT };
}

/** The client of flow number `flow` (below 2^16): the address is the prefix's first plus a number. */
function clientOf(family: Family, flow: number): Buffer {
  const address = Buffer.from(addressBytes(PLACES[family].clients));
  const at = LAYOUTS[family].addressBytes - 4;
  address.writeUInt32BE(address.readUInt32BE(at) + (Math.imul(flow, 2749) % 65536), at);
  return address;
}

/** A frame of a flow from its client, with these TCP flags. Replies are made of what the program sent. */
export function buildClientFrame(family: Family, set: Exclude<FrameSet, 'reply'>, flow: number, flags: number): Buffer {
  const destination = destinationOf(family, set);
  return buildFrame({
    destinationMac: macBytes(LB_MAC),
    sourceMac: macBytes(CLIENT_MAC),
    source: clientOf(family, flow),
    destination: addressBytes(destination.address),
    sourcePort: 1024 + ((flow * 7919) % 60000),
    destinationPort: destination.port,
    flags,
  });
}
