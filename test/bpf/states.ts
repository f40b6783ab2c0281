// States that packet cases start from and end with: the services and backends of world.ts, flows and their reverse entries.
// Imports world.ts and types.
// Invariant: each function returns the entry that the data plane would have written for the world's client.

import type { Tuple } from '../../agent/datapath/layout.js';
import type { BackendEntry, FlowState, PlaneState, ReverseState, ServiceState } from './state.js';
import { BACKEND, CLIENT, LB, LOOPBACK, SNAT_PORT, VIP } from './world.js';

export const SEEN = { syn: 1, other: 2, fin: 4, rst: 8 } as const;
type Protocol = 'tcp' | 'udp';

export function serviceEntry(protocol: Protocol, change: Partial<ServiceState> = {}): ServiceState {
  const tcp = protocol === 'tcp';
  return {
    id: tcp ? 1 : 2,
    frontend: { address: VIP.address, port: tcp ? VIP.tcpPort : VIP.udpPort, protocol },
    action: 'snat',
    table: [tcp ? BACKEND.a.id : BACKEND.dns.id],
    ...change,
  };
}

/** A resolved backend behind the loopback device, so that packets return where they came from (XDP_TX). */
export function backendEntry(name: keyof typeof BACKEND, change: Partial<BackendEntry> = {}): BackendEntry {
  const { id, address, mac, port } = BACKEND[name];
  return {
    id,
    serviceId: name === 'dns' ? 2 : 1,
    address,
    port,
    mac,
    srcMac: LB.mac,
    source: LB.address,
    ifindex: LOOPBACK,
    mtu: 1500,
    state: 'active',
    generation: 5,
    resolved: true,
    askedAgo: undefined,
    ...change,
  };
}

export const backends = (...changed: readonly BackendEntry[]): readonly BackendEntry[] =>
  (['a', 'b', 'dns'] as const).map((name) => changed.find(({ id }) => id === BACKEND[name].id) ?? backendEntry(name));

/** Both services (SNAT), all backends resolved, no flows. */
export function defaultState(): PlaneState {
  return {
    services: [serviceEntry('tcp'), serviceEntry('udp')],
    backends: backends(),
    flows: [],
    replies: [],
    window: { count: 0, beganAgo: 0 },
  };
}

/** The tuple of the client's packets to the service. */
export function requestTuple(protocol: Protocol, change: Partial<Tuple> = {}): Tuple {
  const dport = protocol === 'tcp' ? VIP.tcpPort : VIP.udpPort;
  return { saddr: CLIENT.address, daddr: VIP.address, sport: CLIENT.port, dport, protocol, ...change };
}

/** The tuple of the backend's replies to the LB. */
export function replyTuple(protocol: Protocol, change: Partial<Tuple> = {}): Tuple {
  const { address, port } = protocol === 'tcp' ? BACKEND.a : BACKEND.dns;
  return { saddr: address, daddr: LB.address, sport: port, dport: SNAT_PORT, protocol, ...change };
}

/** The flow as its first packet of 54 bytes (TCP SYN) or 42 (UDP) leaves it, at this moment, under SNAT. */
export function newFlow(protocol: Protocol, change: Partial<FlowState> = {}): FlowState {
  return {
    tuple: requestTuple(protocol),
    packets: 1,
    bytes: protocol === 'tcp' ? 54 : 42,
    seenAgo: 0,
    createdAgo: 0,
    refreshedAgo: 0,
    backendId: protocol === 'tcp' ? BACKEND.a.id : BACKEND.dns.id,
    serviceId: protocol === 'tcp' ? 1 : 2,
    backendGeneration: 5,
    snatPort: SNAT_PORT,
    action: 'snat',
    tcpSeen: protocol === 'tcp' ? SEEN.syn : 0,
    ...change,
  };
}

/** Its reverse entry, no reply seen. */
export function newReverse(protocol: Protocol, change: Partial<ReverseState> = {}): ReverseState {
  return {
    tuple: replyTuple(protocol),
    packets: 0,
    bytes: 0,
    clientAddr: CLIENT.address,
    serviceAddr: VIP.address,
    clientPort: CLIENT.port,
    servicePort: protocol === 'tcp' ? VIP.tcpPort : VIP.udpPort,
    seenAgo: 0,
    ifindex: LOOPBACK,
    serviceId: protocol === 'tcp' ? 1 : 2,
    clientMac: CLIENT.mac,
    lbMac: LB.mac,
    tcpSeen: 0,
    ...change,
  };
}

/** A flow that has exchanged packets: 10 of the client's, 8 of the backend's, the last ones 5 seconds ago, refreshed just now. */
export function establishedFlow(protocol: Protocol, change: Partial<FlowState> = {}): FlowState {
  const seen = protocol === 'tcp' ? SEEN.syn | SEEN.other : 0;
  return newFlow(protocol, { packets: 10, bytes: 1000, seenAgo: 5, createdAgo: 30, tcpSeen: seen, ...change });
}

export function establishedReverse(protocol: Protocol, change: Partial<ReverseState> = {}): ReverseState {
  return newReverse(protocol, { packets: 8, bytes: 8000, seenAgo: 5, tcpSeen: protocol === 'tcp' ? SEEN.other : 0, ...change });
}

/** The established flow after one more packet of `bytes`. */
export function countedFlow(protocol: Protocol, bytes: number, change: Partial<FlowState> = {}): FlowState {
  return establishedFlow(protocol, { packets: 11, bytes: 1000 + bytes, seenAgo: 0, ...change });
}

export function countedReverse(protocol: Protocol, bytes: number, change: Partial<ReverseState> = {}): ReverseState {
  return establishedReverse(protocol, { packets: 9, bytes: 8000 + bytes, seenAgo: 0, ...change });
}

/** A DSR flow has no SNAT port. */
export const dsr = (action: 'dsr-ipip' | 'dsr-l2') => ({ action, snatPort: 0 }) as const;
