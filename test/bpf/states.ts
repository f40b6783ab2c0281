// States that packet cases start from and end with: the services and backends of a world, flows and their reverse entries.
// Imports world.ts and types.
// Invariant: each function returns the entry that the data plane would have written for the world's client.

import type { Tuple } from '../../agent/datapath/layout.js';
import type { BackendEntry, FlowState, PlaneState, ReverseState, ServiceState } from './state.js';
import { LOOPBACK, type Protocol, SNAT_PORT, type World } from './world.js';

export const SEEN = { syn: 1, other: 2, fin: 4, rst: 8 } as const;

export function serviceEntry(world: World, protocol: Protocol, change: Partial<ServiceState> = {}): ServiceState {
  const tcp = protocol === 'tcp';
  return {
    id: tcp ? 1 : 2,
    frontend: { address: world.VIP.address, port: tcp ? world.VIP.tcpPort : world.VIP.udpPort, protocol },
    action: 'snat',
    table: [world.backendOf(protocol).id],
    ...change,
  };
}

/** A resolved backend behind the loopback device, so that packets return where they came from (XDP_TX). */
export function backendEntry(world: World, name: keyof World['BACKEND'], change: Partial<BackendEntry> = {}): BackendEntry {
  const { id, address, mac, port } = world.BACKEND[name];
  return {
    id,
    serviceId: name === 'dns' ? 2 : 1,
    address,
    port,
    mac,
    srcMac: world.LB.mac,
    source: world.LB.address,
    ifindex: LOOPBACK,
    mtu: 1500,
    state: 'active',
    generation: 5,
    resolved: true,
    askedAgo: undefined,
    ...change,
  };
}

export const backends = (world: World, ...changed: readonly BackendEntry[]): readonly BackendEntry[] =>
  (['a', 'b', 'dns'] as const).map((name) => changed.find(({ id }) => id === world.BACKEND[name].id) ?? backendEntry(world, name));

/** Both services (SNAT), all backends resolved, no flows. */
export function defaultState(world: World): PlaneState {
  return {
    services: [serviceEntry(world, 'tcp'), serviceEntry(world, 'udp')],
    backends: backends(world),
    flows: [],
    replies: [],
    window: { count: 0, beganAgo: 0 },
  };
}

/** The tuple of the client's packets to the service. */
export function requestTuple(world: World, protocol: Protocol, change: Partial<Tuple> = {}): Tuple {
  const dport = protocol === 'tcp' ? world.VIP.tcpPort : world.VIP.udpPort;
  return { saddr: world.CLIENT.address, daddr: world.VIP.address, sport: world.CLIENT.port, dport, protocol, ...change };
}

/** The tuple of the backend's replies to the LB. */
export function replyTuple(world: World, protocol: Protocol, change: Partial<Tuple> = {}): Tuple {
  const { address, port } = world.backendOf(protocol);
  return { saddr: address, daddr: world.LB.address, sport: port, dport: SNAT_PORT, protocol, ...change };
}

/** The flow as its first packet without payload and options leaves it, at this moment, under SNAT. */
export function newFlow(world: World, protocol: Protocol, change: Partial<FlowState> = {}): FlowState {
  return {
    tuple: requestTuple(world, protocol),
    packets: 1,
    bytes: world.bare(protocol),
    seenAgo: 0,
    createdAgo: 0,
    refreshedAgo: 0,
    backendId: world.backendOf(protocol).id,
    serviceId: protocol === 'tcp' ? 1 : 2,
    backendGeneration: 5,
    snatPort: SNAT_PORT,
    snatSource: 0,
    action: 'snat',
    tcpSeen: protocol === 'tcp' ? SEEN.syn : 0,
    ...change,
  };
}

/** Its reverse entry, no reply seen. */
export function newReverse(world: World, protocol: Protocol, change: Partial<ReverseState> = {}): ReverseState {
  return {
    tuple: replyTuple(world, protocol),
    packets: 0,
    bytes: 0,
    clientAddr: world.CLIENT.address,
    serviceAddr: world.VIP.address,
    clientPort: world.CLIENT.port,
    servicePort: protocol === 'tcp' ? world.VIP.tcpPort : world.VIP.udpPort,
    seenAgo: 0,
    ifindex: LOOPBACK,
    tags: 0,
    serviceTag: false,
    vlan: [0, 0],
    clientMac: world.CLIENT.mac,
    tcpSeen: 0,
    ...change,
  };
}

/** A flow that has exchanged packets: 10 of the client's, 8 of the backend's, the last ones 5 seconds ago, refreshed just now. */
export function establishedFlow(world: World, protocol: Protocol, change: Partial<FlowState> = {}): FlowState {
  const seen = protocol === 'tcp' ? SEEN.syn | SEEN.other : 0;
  return newFlow(world, protocol, { packets: 10, bytes: 1000, seenAgo: 5, createdAgo: 30, tcpSeen: seen, ...change });
}

export function establishedReverse(world: World, protocol: Protocol, change: Partial<ReverseState> = {}): ReverseState {
  return newReverse(world, protocol, { packets: 8, bytes: 8000, seenAgo: 5, tcpSeen: protocol === 'tcp' ? SEEN.other : 0, ...change });
}

/** The established flow after one more packet of `bytes`. */
export function countedFlow(world: World, protocol: Protocol, bytes: number, change: Partial<FlowState> = {}): FlowState {
  return establishedFlow(world, protocol, { packets: 11, bytes: 1000 + bytes, seenAgo: 0, ...change });
}

export function countedReverse(world: World, protocol: Protocol, bytes: number, change: Partial<ReverseState> = {}): ReverseState {
  return establishedReverse(world, protocol, { packets: 9, bytes: 8000 + bytes, seenAgo: 0, ...change });
}

/** A DSR flow has no SNAT port. */
export const dsr = (action: 'dsr-ipip' | 'dsr-l2' | 'dsr-ipip6') => ({ action, snatPort: 0 }) as const;
