// What stands in the data plane's maps, as plain data that test cases write and compare: times in seconds before now.
// Imports agent/datapath's layout and the map port; knows nothing of packets.
// Invariant: putState leaves nothing of an earlier case behind.

import {
  BACKEND4,
  BACKEND_RESOLVED,
  COUNTER,
  encodeIndex,
  FLOW,
  type Flow,
  FRONTEND4,
  MAGLEV_PAIR,
  REVERSE4,
  type Reverse,
  SERVICE,
  TUPLE4,
  type Tuple,
  WINDOW,
} from '../../agent/datapath/layout.js';
import { REASONS } from '../../agent/model/reasons.js';
import type { Action, BackendState, Frontend } from '../../agent/model/service.js';
import type { BpfMap } from '../../platform/port.js';
import { type DataPlane, SIZES } from './load.js';

export interface ServiceState {
  readonly id: number;
  readonly frontend: Frontend;
  readonly action: Action;
  /** Ids in the slots of the Maglev table, repeated until it is full; empty: no backend takes new flows. */
  readonly table: readonly number[];
  /** Default: as many as the table has. */
  readonly backendCount?: number;
}
export interface BackendEntry {
  readonly id: number;
  readonly serviceId: number;
  readonly address: string;
  readonly port: number;
  readonly mac: string;
  readonly srcMac: string;
  readonly source: string;
  readonly ifindex: number;
  readonly mtu: number;
  /** Undefined: the slot is free. */
  readonly state: BackendState | undefined;
  readonly generation: number;
  readonly resolved: boolean;
  /** Seconds since the data plane asked the FIB; undefined: never. */
  readonly askedAgo: number | undefined;
}
type Times = 'lastSeen' | 'created' | 'refreshed';
/** An entry of ct4; the ...Ago are seconds before now. */
export type FlowState = { readonly tuple: Tuple } & Omit<Flow, Times> & {
    readonly seenAgo: number;
    readonly createdAgo: number;
    readonly refreshedAgo: number;
  };
/** An entry of snat4. */
export type ReverseState = { readonly tuple: Tuple } & Omit<Reverse, 'lastSeen'> & { readonly seenAgo: number };

export interface PlaneState {
  readonly services: readonly ServiceState[];
  readonly backends: readonly BackendEntry[];
  readonly flows: readonly FlowState[];
  readonly replies: readonly ReverseState[];
  /** New flows of the second that runs now, and when it began. */
  readonly window: { readonly count: number; readonly beganAgo: number };
}

/** Seconds that an entry's time may be off, on a busy machine; states before and after differ by 3 or more where it matters. */
const TOLERANCE = 1.9;

async function clear(map: BpfMap): Promise<void> {
  const keys: Buffer[] = [];
  for await (const chunk of map.chunks()) keys.push(Buffer.from(chunk.keys.subarray(0, chunk.count * map.keySize)));
  for (const chunk of keys) await map.deleteMany(chunk, chunk.length / map.keySize);
}

/** Makes the maps hold exactly this state, all counters 0. */
export async function putState(plane: DataPlane, state: PlaneState): Promise<void> {
  const ticks = (secondsAgo: number) => (plane.clock.now() - Math.round(secondsAgo * plane.clock.ticksPerSecond)) >>> 0;
  for (const name of ['ct4', 'snat4', 'lb4_services']) await clear(plane.map(name));
  const backends = plane.map('lb4_backends');
  for (let id = 0; id < SIZES.maxBackends; id++) backends.update(encodeIndex(id), Buffer.alloc(BACKEND4.size));
  for (const b of state.backends) {
    const { id, mac, resolved, askedAgo, ...rest } = b;
    const flags = resolved ? BACKEND_RESOLVED : 0;
    const nextHopAt = askedAgo === undefined ? 0 : ticks(askedAgo);
    backends.update(encodeIndex(id), BACKEND4.encode({ ...rest, dstMac: mac, flags, nextHopAt, weight: 1 }));
  }
  for (const service of state.services) {
    const slots = Buffer.alloc((SIZES.maglevSize + 1) * 4);
    for (let i = 0; i <= SIZES.maglevSize; i++) slots.writeUInt32LE(service.table[i % service.table.length] ?? 0, i * 4);
    const table = plane.tables.get(service.id);
    for (let i = 0; i * 2 < SIZES.maglevSize; i++)
      table?.update(encodeIndex(i), slots.subarray(i * MAGLEV_PAIR.size, (i + 1) * MAGLEV_PAIR.size));
    const value = { id: service.id, backendCount: service.backendCount ?? service.table.length, maglevDigest: 1, action: service.action };
    plane.map('lb4_services').update(FRONTEND4.encode(service.frontend), SERVICE.encode(value));
  }
  for (const { tuple, seenAgo, createdAgo, refreshedAgo, ...rest } of state.flows) {
    const times = { lastSeen: ticks(seenAgo), created: ticks(createdAgo), refreshed: ticks(refreshedAgo) };
    plane.map('ct4').update(TUPLE4.encode(tuple), FLOW.encode({ ...rest, ...times }));
  }
  for (const { tuple, seenAgo, ...rest } of state.replies) {
    plane.map('snat4').update(TUPLE4.encode(tuple), REVERSE4.encode({ ...rest, lastSeen: ticks(seenAgo) }));
  }
  const metrics = plane.map('metrics');
  for (let i = 0; i < REASONS.length; i++) metrics.update(encodeIndex(i), Buffer.alloc(metrics.valueSize));
  const limit = plane.map('flow_limit');
  const window = WINDOW.encode({ began: ticks(state.window.beganAgo), count: state.window.count });
  limit.update(encodeIndex(0), Buffer.concat(Array.from({ length: limit.valueSize / WINDOW.size }, () => window)));
}

async function entries(map: BpfMap): Promise<readonly (readonly [Buffer, Buffer])[]> {
  const found: (readonly [Buffer, Buffer])[] = [];
  for await (const chunk of map.chunks()) {
    for (let i = 0; i < chunk.count; i++) {
      const key = Buffer.from(chunk.keys.subarray(i * map.keySize, (i + 1) * map.keySize));
      found.push([key, Buffer.from(chunk.values.subarray(i * map.valueSize, (i + 1) * map.valueSize))]);
    }
  }
  return found.sort(([a], [b]) => a.compare(b));
}

/** The entries of ct4 and snat4, in the order of their keys. */
export async function readEntries(plane: DataPlane): Promise<Pick<PlaneState, 'flows' | 'replies'>> {
  const now = plane.clock.now();
  const ago = (ticks: number) => ((now - ticks) | 0) / plane.clock.ticksPerSecond;
  const flows = (await entries(plane.map('ct4'))).map(([key, value]) => {
    const { lastSeen, created, refreshed, ...rest } = FLOW.decode(value);
    return { tuple: TUPLE4.decode(key), ...rest, seenAgo: ago(lastSeen), createdAgo: ago(created), refreshedAgo: ago(refreshed) };
  });
  const replies = (await entries(plane.map('snat4'))).map(([key, value]) => {
    const { lastSeen, ...rest } = REVERSE4.decode(value);
    return { tuple: TUPLE4.decode(key), ...rest, seenAgo: ago(lastSeen) };
  });
  return { flows, replies };
}

/** A backend entry as it stands now, `before` telling the id. */
export function readBackend(plane: DataPlane, before: BackendEntry): BackendEntry {
  const {
    dstMac,
    flags,
    nextHopAt,
    weight: _weight,
    ...rest
  } = BACKEND4.decode(plane.map('lb4_backends').lookup(encodeIndex(before.id)) as Buffer);
  const ago = ((plane.clock.now() - nextHopAt) | 0) / plane.clock.ticksPerSecond;
  const askedAgo = nextHopAt === 0 ? undefined : ago;
  return { ...rest, id: before.id, mac: dstMac, resolved: (flags & BACKEND_RESOLVED) !== 0, askedAgo };
}

/** Reasons that were counted, with packets and bytes summed over the CPUs. */
export function readCounters(plane: DataPlane): Readonly<Record<string, { readonly packets: number; readonly bytes: number }>> {
  const counted: Record<string, { packets: number; bytes: number }> = {};
  REASONS.forEach(({ name }, index) => {
    const value = plane.map('metrics').lookup(encodeIndex(index)) as Buffer;
    const sum = { packets: 0, bytes: 0 };
    for (let at = 0; at < value.length; at += COUNTER.size) {
      const counter = COUNTER.decode(value, at);
      sum.packets += counter.packets;
      sum.bytes += counter.bytes;
    }
    if (sum.packets !== 0 || sum.bytes !== 0) counted[name] = sum;
  });
  return counted;
}

/** `actual` with each time that is within the tolerance of the one expected replaced by it, so that a plain comparison can follow. */
export function roundTimes<Entry extends object>(actual: Entry, expected: Entry | undefined): Entry {
  const rounded = { ...actual } as Record<string, unknown>;
  for (const [name, value] of Object.entries(expected ?? {})) {
    const found = rounded[name];
    if (name.endsWith('Ago') && typeof value === 'number' && typeof found === 'number' && Math.abs(found - value) < TOLERANCE)
      rounded[name] = value;
  }
  return rounded as Entry;
}
