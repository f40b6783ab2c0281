// Writes flows into the maps as the data plane would.
// Imports agent/datapath's layout and planes.ts.
// The reverse entry's key is built here, not by the code under test.

import type { BackendEntry } from '../../../agent/datapath/backend-table.js';
import { FLOW, type Flow, REVERSE4, type Reverse, TCP_SEEN, TUPLE4 } from '../../../agent/datapath/layout.js';
import type { Protocol } from '../../../agent/model/service.js';
import type { BpfMap } from '../../../platform/port.js';
import type { Plane } from './planes.js';

export const BACKEND_ID = 3;
export const BACKEND: BackendEntry = {
  serviceId: 7,
  address: '20.1.1.10',
  port: 8080,
  weight: 1,
  state: 'active',
  generation: 5,
  source: '20.1.1.1',
  nextHop: { ifindex: 2, dstMac: '02:00:00:00:00:10', srcMac: '02:00:00:00:00:01', mtu: 1500 },
};

/** Both sides spoke. */
export const OPEN = TCP_SEEN.syn | TCP_SEEN.other;
export const FINISHED = OPEN | TCP_SEEN.fin;
export const RESET = OPEN | TCP_SEEN.rst;

export interface FlowSpec {
  /** Names the flow: client 10.0.(n >> 8).(n & 255), port 20000, SNAT port 1024 + n. */
  readonly n: number;
  readonly protocol?: Protocol;
  readonly flow?: Partial<Flow>;
  /** undefined: as the data plane writes it for SNAT; null: none. */
  readonly reverse?: Partial<Reverse> | null;
}

export function forwardKey(spec: FlowSpec): Buffer {
  return TUPLE4.encode({ saddr: client(spec.n), daddr: '40.1.1.1', sport: 20000, dport: 80, protocol: spec.protocol ?? 'tcp' });
}

export function reverseKey(spec: FlowSpec): Buffer {
  return TUPLE4.encode({
    saddr: BACKEND.address,
    daddr: '20.1.1.1',
    sport: BACKEND.port,
    dport: 1024 + spec.n,
    protocol: spec.protocol ?? 'tcp',
  });
}

/** A flow of service 7 to BACKEND that began now and has seen both sides, changed by `spec`. */
export function writeFlow(plane: Plane, spec: FlowSpec): void {
  const now = plane.clock.now();
  const common = { serviceId: 7, lastSeen: now, tcpSeen: spec.protocol === 'udp' ? 0 : OPEN };
  const flow: Flow = {
    ...common,
    packets: 4,
    bytes: 400,
    created: now,
    refreshed: now,
    backendId: BACKEND_ID,
    backendGeneration: BACKEND.generation,
    snatPort: 1024 + spec.n,
    action: 'snat',
    ...spec.flow,
  };
  mapOf(plane, 'ct4').update(forwardKey(spec), FLOW.encode(flow));
  if (flow.action === 'snat' && spec.reverse !== null) writeReverse(plane, spec);
}

export function writeReverse(plane: Plane, spec: FlowSpec): void {
  const reverse: Reverse = {
    serviceId: 7,
    lastSeen: plane.clock.now(),
    tcpSeen: spec.protocol === 'udp' ? 0 : TCP_SEEN.other,
    packets: 3,
    bytes: 3000,
    clientAddr: client(spec.n),
    serviceAddr: '40.1.1.1',
    clientPort: 20000,
    servicePort: 80,
    ifindex: 2,
    clientMac: '02:00:00:00:00:aa',
    lbMac: '02:00:00:00:00:01',
    ...spec.reverse,
  };
  mapOf(plane, 'snat4').update(reverseKey(spec), REVERSE4.encode(reverse));
}

/** 'flow+reverse', 'flow', 'reverse' or 'none': what of it the maps hold. */
export function present(plane: Plane, spec: FlowSpec): string {
  const flow = mapOf(plane, 'ct4').lookup(forwardKey(spec)) !== undefined;
  const reverse = mapOf(plane, 'snat4').lookup(reverseKey(spec)) !== undefined;
  return [...(flow ? ['flow'] : []), ...(reverse ? ['reverse'] : [])].join('+') || 'none';
}

export function mapOf(plane: Plane, name: string): BpfMap {
  const map = plane.maps.get(name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}

function client(n: number): string {
  return `10.0.${n >> 8}.${n & 255}`;
}
