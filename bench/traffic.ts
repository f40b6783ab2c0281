// Who talks to whom in the benchmark: addresses, services, backends, and each flow's frames.
// Imports agent/model and bench/frames.ts.
// Invariant: a flow is a function of its frame set and number, so two runs measure the same flows.

import { addressBytes } from '../agent/model/address.js';
import { macBytes } from '../agent/model/mac.js';
import type { Action, Frontend } from '../agent/model/service.js';
import { buildFrameV4 } from './frames.js';
import { BACKENDS, type FrameSet } from './paths.js';

export const LB_ADDRESS = '20.1.1.1';
export const LB_MAC = '02:00:00:00:00:01';
export const CLIENT_MAC = '02:00:00:00:00:64';

export interface BenchService {
  readonly id: number;
  readonly frontend: Frontend;
  readonly action: Action;
}

export const SERVICES: readonly BenchService[] = [
  { id: 1, frontend: { address: '40.1.1.1', port: 80, protocol: 'tcp' }, action: 'snat' },
  { id: 2, frontend: { address: '40.1.1.2', port: 80, protocol: 'tcp' }, action: 'dsr-ipip' },
  { id: 3, frontend: { address: '40.1.1.3', port: 80, protocol: 'tcp' }, action: 'dsr-l2' },
];

export const BACKEND_PORT = 80;

/** Address and MAC of backend number `index` (from 0) of each service. */
export function describeBackend(index: number): { address: string; mac: string } {
  if (index >= BACKENDS) throw new RangeError(`backend ${index}: there are ${BACKENDS}`);
  return { address: `20.1.2.${index + 1}`, mac: `02:00:00:00:01:${index.toString(16).padStart(2, '0')}` };
}

const DESTINATIONS: Readonly<Record<Exclude<FrameSet, 'reply'>, { address: string; port: number }>> = {
  snat: { address: '40.1.1.1', port: 80 },
  ipip: { address: '40.1.1.2', port: 80 },
  l2: { address: '40.1.1.3', port: 80 },
  local: { address: LB_ADDRESS, port: 22 },
  transit: { address: '50.1.1.1', port: 443 },
};

function hostOrder(address: string): number {
  const bytes = addressBytes(address);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32BE(0);
}

const CLIENTS_FROM = hostOrder('100.64.0.0'); // apart from 10.0.0.0/8, where the wrapper takes fresh sources from

/** A frame of flow number `flow` (below 2^16) from its client, with these TCP flags. Replies are made of what the program sent. */
export function buildClientFrame(set: Exclude<FrameSet, 'reply'>, flow: number, flags: number): Buffer {
  const destination = DESTINATIONS[set];
  return buildFrameV4({
    destinationMac: macBytes(LB_MAC),
    sourceMac: macBytes(CLIENT_MAC),
    source: CLIENTS_FROM + (Math.imul(flow, 2749) % 65536),
    destination: hostOrder(destination.address),
    sourcePort: 1024 + ((flow * 7919) % 60000),
    destinationPort: destination.port,
    flags,
  });
}
