// Writes flows into the flow tables as the data plane would, but each into a slot of its own choice.
// Imports agent/datapath's layout and planes.ts.
// The agent reads all slots and finds a reverse entry by the slot that its flow names, so the hash plays no part here.

import type { BackendEntry } from '../../../agent/datapath/backend-table.js';
import { type FamilyLayout, IPV4, IPV6 } from '../../../agent/datapath/families.js';
import {
  encodeIndex,
  type Flow,
  type Reverse,
  SLOT_BUSY,
  SLOT_FREED,
  SLOT_YIELDED,
  TCP_SEEN,
  type Tuple,
} from '../../../agent/datapath/layout.js';
import type { Family } from '../../../agent/model/address.js';
import type { Protocol } from '../../../agent/model/service.js';
import type { BpfMap } from '../../../platform/port.js';
import { type Plane, SIZES } from './planes.js';

interface Hosts {
  readonly layout: FamilyLayout;
  readonly vip: string;
  readonly lb: string;
  readonly backendId: number;
  readonly backend: BackendEntry;
  client(n: number): string;
}

const common = { serviceId: 7, port: 8080, weight: 1, state: 'active', generation: 5, local: false } as const;
const nextHop = { ifindex: 2, dstMac: '02:00:00:00:00:10', srcMac: '02:00:00:00:00:01', mtu: 1500 };

/** Who speaks with whom. The backends of the two families have different ids, as the agent gives them. */
export const HOSTS: Readonly<Record<Family, Hosts>> = {
  4: {
    layout: IPV4,
    vip: '40.1.1.1',
    lb: '20.1.1.1',
    backendId: 3,
    backend: { ...common, address: '20.1.1.10', source: '20.1.1.1', nextHop },
    client: (n) => `10.0.${n >> 8}.${n & 255}`,
  },
  6: {
    layout: IPV6,
    vip: '2001:db8:40::1',
    lb: '2001:db8:20::1',
    backendId: 4,
    backend: { ...common, address: '2001:db8:20::10', source: '2001:db8:20::1', nextHop },
    client: (n) => `2001:db8::1:${(n + 1).toString(16)}`,
  },
};

/** Both sides spoke. */
export const OPEN = TCP_SEEN.syn | TCP_SEEN.other;
export const FINISHED = OPEN | TCP_SEEN.fin;
export const RESET = OPEN | TCP_SEEN.rst;

export interface FlowSpec {
  /** Names the flow within its family: its client, port 20000, SNAT port 1024 + n, slot n. Below SIZES.maxFlows. */
  readonly n: number;
  /** Default 4. */
  readonly family?: Family;
  readonly protocol?: Protocol;
  readonly flow?: Partial<Flow>;
  /** undefined: as the data plane writes it for SNAT; null: none. */
  readonly reverse?: Partial<Reverse> | null;
}

/** The reverse entry's slot: another one than the flow's, and never 0. */
function reverseSlot(n: number): number {
  return SIZES.maxFlows - 1 - n;
}

/** A flow of service 7 to the family's backend that began now and has seen both sides, changed by `spec`. */
export function writeFlow(plane: Plane, spec: FlowSpec): void {
  const { layout, vip, client, backendId, backend } = HOSTS[spec.family ?? 4];
  const now = plane.clock.now();
  const protocol = spec.protocol ?? 'tcp';
  const tuple: Tuple = { saddr: client(spec.n), daddr: vip, sport: 20000, dport: 80, protocol };
  const action = spec.flow?.action ?? 'snat';
  const flow: Flow = {
    serviceId: 7,
    snatSource: 0,
    lastSeen: now,
    tcpSeen: protocol === 'udp' ? 0 : OPEN,
    packets: 4,
    bytes: 400,
    created: now,
    refreshed: now,
    backendId,
    backendGeneration: backend.generation,
    snatPort: action === 'snat' ? 1024 + spec.n : 0,
    reverse: action === 'snat' ? reverseSlot(spec.n) : 0,
    action,
    ...spec.flow,
  };
  mapOf(plane, layout.maps.conntrack).update(encodeIndex(spec.n), layout.slot.encode({ tuple, flow }));
  if (action === 'snat' && spec.reverse !== null) writeReverse(plane, spec);
}

function writeReverse(plane: Plane, spec: FlowSpec): void {
  const { layout, vip, lb, client, backendId, backend } = HOSTS[spec.family ?? 4];
  const protocol = spec.protocol ?? 'tcp';
  const reverse: Reverse = {
    tuple: { saddr: backend.address, daddr: lb, sport: backend.port, dport: 1024 + spec.n, protocol },
    backendId,
    lastSeen: plane.clock.now(),
    tcpSeen: protocol === 'udp' ? 0 : TCP_SEEN.other,
    packets: 3,
    bytes: 3000,
    clientAddr: client(spec.n),
    serviceAddr: vip,
    clientPort: 20000,
    servicePort: 80,
    flow: spec.n,
    vlan: [0, 0],
    clientMac: '02:00:00:00:00:aa',
    link: 1,
    ...spec.reverse,
  };
  mapOf(plane, layout.maps.snat).update(encodeIndex(reverseSlot(spec.n)), layout.reverse.encode(reverse));
}

/** What the slot's protocol byte says when no flow is to be found there; the rest of the slot stays as it was. */
export const OUT_OF_USE = { empty: 0, yielded: SLOT_YIELDED, freed: SLOT_FREED, busy: SLOT_BUSY } as const;

/** Takes a flow's slot, or that of its reverse entry, out of use as the data plane does. */
export function markSlot(plane: Plane, spec: FlowSpec, which: 'flow' | 'reverse', how: keyof typeof OUT_OF_USE): void {
  const { layout } = HOSTS[spec.family ?? 4];
  const map = mapOf(plane, which === 'flow' ? layout.maps.conntrack : layout.maps.snat);
  const key = encodeIndex(which === 'flow' ? spec.n : reverseSlot(spec.n));
  const value = map.lookup(key) as Buffer;
  value.writeUInt8(OUT_OF_USE[how], layout.tuple.fields.protocol.offset);
  map.update(key, value);
}

export function mapOf(plane: Pick<Plane, 'maps'>, name: string): BpfMap {
  const map = plane.maps.get(name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}
