// What stands in the data plane's maps, as plain data that test cases write and compare: times in seconds before now.
// Imports agent/datapath's layout and the map port; knows nothing of packets.
// Invariant: putState leaves nothing of an earlier case behind.

import { FAMILIES as LAYOUTS, type FamilyLayout } from '../../agent/datapath/families.js';
import {
  BACKEND_LOCAL,
  BACKEND_RESOLVED,
  COUNTER,
  DEVICE as DEVICE_ENTRY,
  encodeIndex,
  type Flow,
  FRAGMENT,
  FRAGMENT_KEY4,
  FRAGMENT_KEY6,
  MAGLEV_ROW,
  maglevRows,
  type Reverse,
  SERVICE,
  SLOT_FREED,
  SLOT_YIELDED,
  type Tuple,
  VIP_WORD,
  VIP_WORDS,
  WINDOW,
} from '../../agent/datapath/layout.js';
import { QuicTable } from '../../agent/datapath/quic-table.js';
import { SpanTable } from '../../agent/datapath/span-table.js';
import { StatsTable } from '../../agent/datapath/stats-table.js';
import { flowCandidates, hashTuple, scaleHash, vipBit } from '../../agent/datapath/tuple-hash.js';
import type { ServicePolicy } from '../../agent/datapath/service-table.js';
import { addressBytes, familyOf, formatAddress } from '../../agent/model/address.js';
import { listAddresses } from '../../agent/model/frontend.js';
import { REASONS } from '../../agent/model/reasons.js';
import type { Action, BackendState, Frontend } from '../../agent/model/service.js';
import type { BpfMap } from '../../platform/port.js';
import { type DataPlane, SIZES } from './load.js';
import { HOSTS } from './hosts.js';
import { type PolicyState, policyFields, putPolicy } from './policy-state.js';
import { DEVICE, LOOPBACK, OTHER_DEVICE } from './world.js';

export interface ServiceState {
  readonly id: number;
  readonly frontend: Frontend;
  readonly action: Action;
  /** Ids in the slots of the Maglev table, repeated until it is full; empty: no backend takes new flows. */
  readonly table: readonly number[];
  /** Default: as many as the table has. */
  readonly backendCount?: number;
  /** Default: nothing is asked of clients. */
  readonly policy?: Partial<ServicePolicy>;
  /** The configuration's number, and server ids (hex) with the backends that they mean. */
  readonly quic?: { readonly config: number; readonly servers: Readonly<Record<string, number>> };
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
  /** Default 1. */
  readonly weight?: number;
  /** An address of the node itself; absent: it is not. */
  readonly local?: true;
  /** Seconds since the data plane asked the FIB; undefined: never. */
  readonly askedAgo: number | undefined;
}
type Times = 'lastSeen' | 'created' | 'refreshed';
/** An entry of ct4 or ct6; the ...Ago are seconds before now. In which slot it stands is decided by its tuple. */
export type FlowState = { readonly tuple: Tuple } & Omit<Flow, Times | 'reverse'> & {
    readonly seenAgo: number;
    readonly createdAgo: number;
    readonly refreshedAgo: number;
  };
/** An entry of snat4 or snat6; its backend is that of its tuple. */
export type ReverseState = { readonly tuple: Tuple } & Omit<Reverse, 'lastSeen' | 'flow' | 'tuple' | 'link' | 'backendId'> & {
    readonly seenAgo: number;
    /** The client's device; 0: the one that replies come by. */
    readonly ifindex: number;
    /** VLAN tags of the client's frames. */
    readonly tags: number;
    readonly serviceTag: boolean;
  };

/** An entry of frag4 or frag6. */
export type FragmentState = Omit<Tuple, 'claims'> & {
  readonly id: number;
  readonly bytes: number;
  readonly tcpFlags: number;
  readonly seenAgo: number;
};

export interface PlaneState extends PolicyState {
  readonly services: readonly ServiceState[];
  readonly backends: readonly BackendEntry[];
  readonly flows: readonly FlowState[];
  readonly replies: readonly ReverseState[];
  /** New flows of the second that runs now, and when it began. */
  readonly window: Window;
  /** Datagrams whose first fragment was seen; default: none. Not read back: what they do is seen by packets. */
  readonly fragments?: readonly FragmentState[];
  /** The same of answers that the program makes itself. Default: none. */
  readonly answers?: Window;
  /** Addresses that flows name by their snatSource. Default: none does. */
  readonly snatSources?: Readonly<Record<number, string>>;
}

interface Window {
  readonly count: number;
  readonly beganAgo: number;
}

/** Seconds that an entry's time may be off, on a busy machine; states before and after differ by 3 or more where it matters. */
const TOLERANCE = 1.9;

/** The devices of the test, by their index in the map devices. */
const DEVICES = [0, LOOPBACK, DEVICE.index, OTHER_DEVICE];

async function clear(map: BpfMap): Promise<void> {
  const keys: Buffer[] = [];
  for await (const chunk of map.chunks()) keys.push(Buffer.from(chunk.keys.subarray(0, chunk.count * map.keySize)));
  for (const chunk of keys) await map.deleteMany(chunk, chunk.length / map.keySize);
}

async function zero(map: BpfMap): Promise<void> {
  const used: number[] = [];
  const empty = Buffer.alloc(map.valueSize);
  for await (const { count, keys, values } of map.chunks(1024))
    for (let i = 0; i < count; i++)
      if (values.compare(empty, 0, map.valueSize, i * map.valueSize, (i + 1) * map.valueSize) !== 0) used.push(keys.readUInt32LE(i * 4));
  for (const index of used) map.update(encodeIndex(index), empty);
}

const layoutOf = (address: string) => LAYOUTS.find(({ family }) => family === familyOf(address)) as FamilyLayout;

/** Where entries stand: the first free one of a flow's candidates, and the slot of a reverse entry. */
class Places {
  readonly #seed: bigint;
  readonly #flows = new Map<string, number>();
  readonly #taken = new Set<string>();

  constructor(seed: bigint, flows: readonly FlowState[]) {
    this.#seed = seed;
    for (const { tuple } of flows) {
      const layout = layoutOf(tuple.saddr);
      const candidates = flowCandidates(hashTuple(layout.tuple.encode(tuple), seed), SIZES.maxFlows);
      const index = candidates.find((candidate) => !this.#taken.has(`${layout.family} ${candidate}`));
      if (index === undefined) throw new Error('no slot is left for a flow of the case');
      this.#taken.add(`${layout.family} ${index}`);
      this.#flows.set(keyOf(tuple), index);
    }
  }

  /** Of a tuple without a flow: slot 0. */
  flow(tuple: Tuple): number {
    return this.#flows.get(keyOf(tuple)) ?? 0;
  }

  reverse(tuple: Tuple): number {
    return scaleHash(hashTuple(layoutOf(tuple.saddr).tuple.encode(tuple), this.#seed), SIZES.maxFlows);
  }
}

const keyOf = ({ saddr, daddr, sport, dport, protocol }: Tuple) => `${protocol} ${saddr} ${sport} ${daddr} ${dport}`;

/** The tuple of the replies to a flow: what its backend and its port make it. */
function replyTupleOf({ tuple, backendId, snatPort, snatSource }: FlowState, { backends, snatSources }: PlaneState): Tuple | undefined {
  const backend = backends.find(({ id }) => id === backendId);
  if (backend === undefined) return undefined;
  return {
    saddr: backend.address,
    daddr: snatSources?.[snatSource] ?? backend.source,
    sport: backend.port || tuple.dport,
    dport: snatPort,
    protocol: tuple.protocol,
  };
}

/** The backend that replies with this tuple come from; 0: none of the case's. */
function replierOf({ saddr, sport }: Tuple, { backends }: PlaneState): number {
  const ofAddress = backends.filter(({ address }) => address === saddr);
  return (ofAddress.find(({ port }) => port === sport) ?? ofAddress[0])?.id ?? 0;
}

const clientTupleOf = ({ tuple, clientAddr, clientPort, serviceAddr, servicePort }: ReverseState): Tuple => ({
  saddr: clientAddr,
  daddr: serviceAddr,
  sport: clientPort,
  dport: servicePort,
  protocol: tuple.protocol,
});

/** Makes the maps hold exactly this state, all counters 0. */
export async function putState(plane: DataPlane, state: PlaneState): Promise<void> {
  const ticks = (secondsAgo: number) => (plane.clock.now() - Math.round(secondsAgo * plane.clock.ticksPerSecond)) >>> 0;
  for (const { maps } of LAYOUTS) {
    for (const name of [maps.conntrack, maps.snat, maps.backends]) await zero(plane.map(name));
    await clear(plane.map(maps.services));
    await clear(plane.map(maps.fragments));
    await clear(plane.map(maps.spans));
  }
  await clear(plane.map('quic_servers'));
  for (const b of state.backends) {
    const { id, mac, resolved, local, askedAgo, weight = 1, ...rest } = b;
    const layout = layoutOf(b.address);
    const flags = (resolved ? BACKEND_RESOLVED : 0) | (local ? BACKEND_LOCAL : 0);
    const nextHopAt = askedAgo === undefined ? 0 : ticks(askedAgo);
    plane.map(layout.maps.backends).update(encodeIndex(id), layout.backend.encode({ ...rest, id, dstMac: mac, flags, nextHopAt, weight }));
  }
  await zero(plane.map('vips'));
  const spans = new SpanTable(LAYOUTS.map((layout) => ({ layout, map: plane.map(layout.maps.spans) })));
  for (const service of state.services) putService(plane, spans, service);
  await putPolicy(plane, state, ticks);
  for (const [index, ifindex] of DEVICES.entries())
    plane
      .map('devices')
      .update(encodeIndex(index), DEVICE_ENTRY.encode({ ifindex, mac: index === 0 ? '00:00:00:00:00:00' : HOSTS[4].LB.mac }));
  const places = new Places(plane.slotSeed, state.flows);
  for (const entry of state.flows) {
    putVip(plane, entry.tuple.daddr);
    const { tuple, seenAgo, createdAgo, refreshedAgo, ...rest } = entry;
    const layout = layoutOf(tuple.saddr);
    const reply = entry.action === 'snat' ? replyTupleOf(entry, state) : undefined;
    const reverse = reply === undefined ? 0 : places.reverse(reply);
    const flow = { ...rest, reverse, lastSeen: ticks(seenAgo), created: ticks(createdAgo), refreshed: ticks(refreshedAgo) };
    plane.map(layout.maps.conntrack).update(encodeIndex(places.flow(tuple)), layout.slot.encode({ tuple, flow }));
  }
  for (const entry of state.replies) {
    const { tuple, seenAgo, ifindex, tags, serviceTag, ...rest } = entry;
    const layout = layoutOf(tuple.saddr);
    const link = DEVICES.indexOf(ifindex) | (tags << 4) | (serviceTag ? 0x40 : 0);
    const backendId = replierOf(tuple, state);
    const value = layout.reverse.encode({
      ...rest,
      tuple,
      backendId,
      link,
      lastSeen: ticks(seenAgo),
      flow: places.flow(clientTupleOf(entry)),
    });
    plane.map(layout.maps.snat).update(encodeIndex(places.reverse(tuple)), value);
  }
  for (const { id, bytes, tcpFlags, seenAgo, sport, dport, ...name } of state.fragments ?? []) {
    const { family, maps } = layoutOf(name.saddr);
    const id6 = Buffer.alloc(4);
    id6.writeUInt32BE(id);
    const key = family === 4 ? FRAGMENT_KEY4.encode({ ...name, id }) : FRAGMENT_KEY6.encode({ ...name, id: id6 });
    const value = FRAGMENT.encode({ sport, dport, bytes, tcpFlags, protocol: name.protocol, seen: ticks(seenAgo) });
    plane.map(maps.fragments).update(key, value);
  }
  clearCounters(plane);
  for (const [name, { count, beganAgo }] of [
    ['flow_limit', state.window],
    ['answer_limit', state.answers ?? { count: 0, beganAgo: 0 }],
  ] as const) {
    const limit = plane.map(name);
    const window = WINDOW.encode({ began: ticks(beganAgo), count });
    limit.update(encodeIndex(0), Buffer.concat(Array.from({ length: limit.valueSize / WINDOW.size }, () => window)));
  }
}

function putService(plane: DataPlane, spans: SpanTable, service: ServiceState): void {
  const rows = maglevRows(SIZES.maglevSize);
  const slots = Buffer.alloc(rows * MAGLEV_ROW.size);
  for (let i = 0; i < SIZES.maglevSize; i++) slots.writeUInt32LE(service.table[i % service.table.length] ?? 0, i * 4);
  const table = plane.tables.get(service.id);
  for (let i = 0; i < rows; i++) table?.update(encodeIndex(i), slots.subarray(i * MAGLEV_ROW.size, (i + 1) * MAGLEV_ROW.size));
  const { id, action, backendCount = service.table.length } = service;
  const value = { id, backendCount, maglevDigest: 1, action, ...policyFields(service.policy), ...putQuic(plane, service) };
  const layout = layoutOf(service.frontend.address);
  plane.map(layout.maps.services).update(layout.frontend.encode(service.frontend), SERVICE.encode(value));
  spans.add(service.frontend);
  const addresses = listAddresses(service.frontend);
  for (const address of addresses ?? []) putVip(plane, formatAddress(address));
  if (addresses === undefined) putEveryVip(plane);
}

/** What a prefix of too many addresses gets. */
function putEveryVip(plane: DataPlane): void {
  const value = VIP_WORD.encode({ bits: 0xffff_ffff_ffff_ffffn });
  for (let word = 0; word < VIP_WORDS; word++) plane.map('vips').update(encodeIndex(word), value);
}

/** Writes the service's server ids; gives what its entry says of them. */
function putQuic(plane: DataPlane, { id: serviceId, quic }: ServiceState): { readonly quicIdBytes: number; readonly quicConfig: number } {
  const table = new QuicTable(plane.map('quic_servers'));
  const servers = Object.entries(quic?.servers ?? {});
  for (const [id, backendId] of servers) table.set({ serviceId, id }, backendId);
  return { quicIdBytes: (servers[0]?.[0].length ?? 0) / 2, quicConfig: quic?.config ?? 0 };
}

/** The agent keeps the bit of an address as long as flows to it may live. */
function putVip(plane: DataPlane, address: string): void {
  const bit = vipBit(addressBytes(address));
  const word = plane.map('vips').lookup(encodeIndex(bit >> 6)) as Buffer;
  plane.map('vips').update(encodeIndex(bit >> 6), VIP_WORD.encode({ bits: VIP_WORD.decode(word).bits | (1n << BigInt(bit & 63)) }));
}

/** The tables that count by backend and service. */
export function statsOf(plane: DataPlane): StatsTable {
  const [backends, past, refused] = ['backend_stats', 'service_past', 'service_refused'].map((name) => plane.map(name)) as [
    BpfMap,
    BpfMap,
    BpfMap,
  ];
  return new StatsTable({ backends, past, refused });
}

/** Sets all counters to 0. */
export function clearCounters(plane: DataPlane): void {
  const stats = statsOf(plane);
  const backends = plane.map('backend_stats');
  for (let id = 0; id < SIZES.maxBackends; id++) backends.update(encodeIndex(id), Buffer.alloc(backends.valueSize));
  for (let id = 1; id <= SIZES.maxServices; id++) stats.forget(id);
  for (let id = 1; id <= SIZES.maxServices; id++) stats.begin(id);
  const metrics = plane.map('metrics');
  for (let i = 0; i < REASONS.length; i++) metrics.update(encodeIndex(i), Buffer.alloc(metrics.valueSize));
}

/** Index and value of each slot in use. */
async function usedSlots(map: BpfMap, protocolAt: number): Promise<readonly (readonly [number, Buffer])[]> {
  const found: (readonly [number, Buffer])[] = [];
  for await (const chunk of map.chunks(1024)) {
    for (let i = 0; i < chunk.count; i++) {
      const at = i * map.valueSize;
      if (![0, SLOT_YIELDED, SLOT_FREED].includes(chunk.values.readUInt8(at + protocolAt)))
        found.push([chunk.keys.readUInt32LE(i * 4), Buffer.from(chunk.values.subarray(at, at + map.valueSize))]);
    }
  }
  return found;
}

/** The entries of the flow tables. Throws when one stands where the program would not look, or two do not name each other. */
export async function readEntries(plane: DataPlane): Promise<Pick<PlaneState, 'flows' | 'replies'>> {
  const now = plane.clock.now();
  const ago = (ticks: number) => ((now - ticks) | 0) / plane.clock.ticksPerSecond;
  const flows: FlowState[] = [];
  const replies: ReverseState[] = [];
  for (const { maps, tuple: tupleLayout, slot: slotLayout, reverse: reverseLayout } of LAYOUTS) {
    const protocolAt = tupleLayout.fields.protocol.offset;
    const reverses = new Map(await usedSlots(plane.map(maps.snat), protocolAt));
    for (const [index, value] of await usedSlots(plane.map(maps.conntrack), protocolAt)) {
      const { tuple, flow } = slotLayout.decode(value);
      const { lastSeen, created, refreshed, reverse, ...rest } = flow;
      if (!flowCandidates(hashTuple(tupleLayout.encode(tuple), plane.slotSeed), SIZES.maxFlows).includes(index))
        throw new Error(`the flow ${keyOf(tuple)} stands in slot ${index}, where nobody looks`);
      flows.push({ tuple, ...rest, seenAgo: ago(lastSeen), createdAgo: ago(created), refreshedAgo: ago(refreshed) });
      const other = reverses.get(reverse);
      if (flow.action === 'snat' && flow.packets === 1 && other !== undefined && reverseLayout.decode(other).flow !== index)
        throw new Error(`the flow in slot ${index} names a reverse entry that names slot ${reverseLayout.decode(other).flow}`);
      const replier = flow.action === 'snat' && other !== undefined ? reverseLayout.decode(other) : undefined;
      if (replier?.flow === index && replier.backendId !== flow.backendId)
        throw new Error(`the flow in slot ${index} has backend ${flow.backendId}, its reverse entry ${replier.backendId}`);
    }
    for (const [index, value] of reverses) {
      const { tuple, lastSeen, flow: _flow, backendId: _backend, link, ...rest } = reverseLayout.decode(value);
      if (scaleHash(hashTuple(tupleLayout.encode(tuple), plane.slotSeed), SIZES.maxFlows) !== index)
        throw new Error(`the reverse entry ${keyOf(tuple)} stands in slot ${index}, where nobody looks`);
      const about = { ifindex: DEVICES[link & 15] ?? -1, tags: (link >> 4) & 3, serviceTag: (link & 0x40) !== 0 };
      replies.push({ tuple, ...rest, ...about, seenAgo: ago(lastSeen) });
    }
  }
  return { flows, replies };
}

/** A backend entry as it stands now, `before` telling the id. */
export function readBackend(plane: DataPlane, before: BackendEntry): BackendEntry {
  const layout = layoutOf(before.address);
  const { dstMac, flags, nextHopAt, weight, ...rest } = layout.backend.decode(
    plane.map(layout.maps.backends).lookup(encodeIndex(before.id)) as Buffer,
  );
  const ago = ((plane.clock.now() - nextHopAt) | 0) / plane.clock.ticksPerSecond;
  const askedAgo = nextHopAt === 0 ? undefined : ago;
  const own = { ...(before.weight === undefined ? {} : { weight }), ...((flags & BACKEND_LOCAL) === 0 ? {} : { local: true as const }) };
  return { ...rest, ...own, id: before.id, mac: dstMac, resolved: (flags & BACKEND_RESOLVED) !== 0, askedAgo };
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
