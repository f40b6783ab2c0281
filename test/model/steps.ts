// What happens in a world, step by step: packets of clients and backends, time that passes, and what an agent or an operator changes.
// Imports fast-check, the model's state, frames.ts and world.ts.
// Invariant: a step is plain data that makes sense in any state (it picks by number, modulo what is there), so that sequences can be shrunk.

import fc from 'fast-check';
import { formatAddress } from '../../agent/model/address.js';
import { HOSTS } from '../bpf/hosts.js';
import type { Ends } from '../bpf/packet.js';
import { DEVICE, LOOPBACK } from '../bpf/world.js';
import { type Piece, piece, takePiece } from './pieces.js';
import { buildPing } from './pings.js';
import { changeSetting, SETTINGS } from './setting.js';
import { applyDamage, buildOdd, buildShape, type Damage, damage, type Shape, shape } from './frames.js';
import { buildRanges, type RangeChoice, rangeChoices, type SourceRange } from './source-ranges.js';
import { type Backend, type Family, type Flow, type Plane, type Reverse, SEEN, type Service, type Slot, type State, TCP } from './state.js';
import { buildWide, meets, PROBED_PORTS, virtualAddresses, type Wide, wide } from './frontends.js';
import { ACTIONS, buildService, CLIENTS, FIB, hex, NO_FIB, SECOND_PORT, SERVICES, table, VIPS, wideId } from './world.js';

/** A frame that comes in. */
interface Packet {
  readonly family: Family;
  readonly shape: Shape;
  readonly damage: Damage;
  readonly byDevice: boolean;
}
export type Step =
  | ({ readonly kind: 'request'; readonly client: number; readonly port: number; readonly service: number } & Packet)
  | ({ readonly kind: 'probe'; readonly client: number; readonly address: number; readonly port: number; readonly udp: boolean } & Packet)
  | ({
      readonly kind: 'piece';
      readonly client: number;
      readonly service: number;
      readonly isReply: boolean;
      readonly pick: number;
      readonly piece: Piece;
    } & Packet)
  | ({ readonly kind: 'ping'; readonly client: number; readonly address: number; readonly what: number } & Packet)
  | ({ readonly kind: 'reply'; readonly pick: number } & Packet)
  | ({ readonly kind: 'odd'; readonly what: number; readonly service: number } & Packet)
  | { readonly kind: 'bytes'; readonly frame: Uint8Array; readonly type: number }
  | { readonly kind: 'rest'; readonly family: Family; readonly timeout: number; readonly offset: number }
  | { readonly kind: 'establish' | 'flood'; readonly family: Family }
  | { readonly kind: 'backend'; readonly family: Family; readonly id: number; readonly change: number }
  | {
      readonly kind: 'service';
      readonly family: Family;
      readonly service: number;
      readonly change: number;
      readonly table: readonly number[];
    }
  | { readonly kind: 'mode'; readonly action: number }
  | { readonly kind: 'lose'; readonly family: Family; readonly table: 'flows' | 'replies'; readonly pick: number }
  | { readonly kind: 'sources'; readonly family: Family; readonly service: number; readonly ranges: readonly RangeChoice[] }
  | { readonly kind: 'deny'; readonly family: Family; readonly ranges: readonly RangeChoice[] }
  | ({ readonly kind: 'wide'; readonly family: Family } & Wide)
  | { readonly kind: 'setting'; readonly name: number; readonly value: number }
  | { readonly kind: 'affinity'; readonly family: Family; readonly service: number; readonly seconds: number }
  | { readonly kind: 'fib' }
  | { readonly kind: 'vip'; readonly bit: number };

const family = fc.constantFrom<Family>(4, 4, 6, 6);
const packet = {
  family,
  shape,
  damage,
  byDevice: fc.integer({ min: 0, max: 5 }).map((number) => number === 0),
};
const kind = <Kind extends Step['kind']>(name: Kind) => fc.constant(name);

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({ kind: kind('request'), client: fc.nat(CLIENTS - 1), port: fc.nat(2), service: fc.nat(SERVICES - 1), ...packet }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: kind('probe'),
      client: fc.nat(CLIENTS - 1),
      address: fc.nat(2),
      port: fc.nat(PROBED_PORTS.length - 1),
      udp: fc.boolean(),
      ...packet,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind('ping'), client: fc.nat(CLIENTS - 1), address: fc.nat(3), what: fc.nat(1000), ...packet }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: kind('piece'),
      client: fc.constant(0),
      service: fc.constantFrom(0, 0, 1, 2),
      isReply: fc.boolean(),
      pick: fc.nat(2),
      piece,
      ...packet,
    }),
  },
  { weight: 24, arbitrary: fc.record({ kind: kind('reply'), pick: fc.nat(63), ...packet }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('odd'), what: fc.nat(1000), service: fc.nat(SERVICES - 1), ...packet }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kind('bytes'),
      frame: fc.uint8Array({ minLength: 14, maxLength: 120 }),
      type: fc.constantFrom(0, 0x0800, 0x86dd),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: kind('rest'), family, timeout: fc.nat(7), offset: fc.integer({ min: -1, max: 1 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('establish'), family }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('flood'), family }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('backend'), family, id: fc.integer({ min: 1, max: 4 }), change: fc.nat(12) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('service'),
      family,
      service: fc.nat(SERVICES - 1),
      change: fc.nat(4),
      table,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('mode'), action: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('lose'), family, table: fc.constantFrom('flows', 'replies'), pick: fc.nat(63) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('sources'), family, service: fc.nat(SERVICES - 1), ranges: rangeChoices(CLIENTS) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('deny'), family, ranges: rangeChoices(CLIENTS) }) },
  { weight: 2, arbitrary: fc.tuple(family, wide(table)).map(([which, given]) => ({ kind: 'wide' as const, family: which, ...given })) },
  { weight: 3, arbitrary: fc.record({ kind: kind('setting'), name: fc.nat(SETTINGS.length - 1), value: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('affinity'),
      family,
      service: fc.nat(SERVICES - 1),
      seconds: fc.constantFrom(0, 1, 1, 10, 300, 10800),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('fib') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('vip'), bit: fc.nat(4) }) },
);

export interface Frame {
  readonly frame: Buffer;
  readonly ingress: number;
}
/** What a step is in this state: a packet, or the state after it. */
export type Event = { readonly packet: Frame } | { readonly state: State };

/** bpf_prog_test_run takes a page without head and tail room. */
const LONGEST = 3300;

export function resolveStep(state: State, given: Step, now: number): Event {
  switch (given.kind) {
    case 'request':
    case 'probe':
    case 'ping':
    case 'piece':
    case 'reply':
    case 'odd':
      return {
        packet: {
          frame: applyDamage(buildStep(state, given).subarray(0, LONGEST), given.damage),
          ingress: given.byDevice ? DEVICE.index : LOOPBACK,
        },
      };
    case 'bytes': {
      const frame = Buffer.from(given.frame);
      if (given.type !== 0) frame.writeUInt16BE(given.type, 12);
      return { packet: { frame, ingress: LOOPBACK } };
    }
    case 'rest':
      return { state: letRest(state, given, now) };
    case 'establish':
      return { state: changePlane(state, given.family, (plane) => establish(plane, now)) };
    case 'flood':
      return { state: changePlane(state, given.family, (plane) => flood(plane, now)) };
    case 'backend':
      return { state: changePlane(state, given.family, (plane) => changeBackend(plane, given)) };
    case 'service':
      return { state: changePlane(state, given.family, (plane) => changeService(plane, given)) };
    case 'mode': {
      const action = ACTIONS[given.action] as (typeof ACTIONS)[number];
      const switched = (plane: Plane): Plane => ({ ...plane, services: plane.services.map((service) => ({ ...service, action })) });
      return { state: changePlane(changePlane(state, 4, switched), 6, switched) };
    }
    case 'lose':
      return { state: changePlane(state, given.family, (plane) => loseEntry(plane, given.table, given.pick)) };
    case 'sources':
      return { state: changePlane(state, given.family, (plane) => changeOne(plane, given, { sources: rangesFor(given) })) };
    case 'deny':
      return { state: changePlane(state, given.family, (plane) => ({ ...plane, denied: rangesFor(given) })) };
    case 'wide':
      return { state: changePlane(state, given.family, (plane) => widen(plane, given)) };
    case 'setting':
      return { state: changeSetting(state, given.name, given.value) };
    case 'affinity':
      return { state: changePlane(state, given.family, (plane) => changeOne(plane, given, { affinitySeconds: given.seconds })) };
    case 'fib':
      return { state: { ...state, fib: state.fib.size > 0 ? NO_FIB : FIB } };
    case 'vip':
      return { state: toggleVip(state, given.bit) };
  }
}

function changePlane(state: State, which: Family, change: (plane: Plane) => Plane): State {
  return { ...state, planes: { ...state.planes, [which]: change(state.planes[which]) } };
}

function clientEnds(which: Family, client: number, port: number, service: number): Ends {
  const { VIP, ELSEWHERE, LB, CLIENT, nthClient } = HOSTS[which];
  return {
    srcMac: CLIENT.mac,
    dstMac: LB.mac,
    src: nthClient(client),
    dst: service === 2 ? ELSEWHERE.vip : VIP.address,
    sport: 40000 + port,
    dport: [VIP.tcpPort, VIP.udpPort, VIP.tcpPort, SECOND_PORT][service] as number,
    ttl: 64,
  };
}

function buildStep(state: State, given: Extract<Step, Packet>): Buffer {
  const { family: which } = given;
  if (given.kind === 'request') {
    const ends = clientEnds(which, given.client, given.port, given.service);
    return buildShape(which, ends, given.service === 1 ? 'udp' : 'tcp', given.shape);
  }
  if (given.kind === 'probe') {
    const ends = {
      ...clientEnds(which, given.client, 0, 0),
      dst: formatAddress(Buffer.from(virtualAddresses(which)[given.address] as string, 'hex')),
      dport: PROBED_PORTS[given.port] as number,
    };
    return buildShape(which, ends, given.udp ? 'udp' : 'tcp', given.shape);
  }
  if (given.kind === 'piece') {
    const { client, service, isReply, pick, family, shape, damage, byDevice } = given;
    const rest = { family, shape, damage, byDevice };
    const whole: Extract<Step, Packet> = isReply
      ? { kind: 'reply', pick, ...rest }
      : { kind: 'request', client, port: 0, service, ...rest };
    return takePiece(which, buildStep(state, whole), given.piece);
  }
  if (given.kind === 'ping') {
    const dst = virtualAddresses(which)[given.address] ?? hex(HOSTS[which].LB.address);
    return buildPing(which, given.what, HOSTS[which].nthClient(given.client), formatAddress(Buffer.from(dst, 'hex')), given.shape);
  }
  if (given.kind === 'odd') {
    const ends = clientEnds(which, 0, 0, given.service);
    return buildOdd(which, given.what, buildShape(which, ends, 'tcp', given.shape), ends);
  }
  const entries = state.planes[which].replies.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
  const { BACKEND, LB } = HOSTS[which];
  const tuple = entries[given.pick % Math.max(entries.length, 1)]?.tuple ?? {
    saddr: hex(BACKEND.a.address),
    daddr: hex(LB.address),
    sport: BACKEND.a.port,
    dport: 20500 + given.pick,
    protocol: TCP,
  };
  const address = (text: string) => formatAddress(Buffer.from(text, 'hex'));
  const { sport, dport } = tuple;
  const ends = { srcMac: BACKEND.a.mac, dstMac: LB.mac, src: address(tuple.saddr), dst: address(tuple.daddr), sport, dport, ttl: 64 };
  return buildShape(which, ends, tuple.protocol === TCP ? 'tcp' : 'udp', given.shape);
}

/**
 * Lets all entries of a family rest: the newest flow is then as old as a timeout, or a tick less or more. Backends asked their FIB as long ago.
 * Timeout 6 puts everything a moment into the future, as another CPU's clock would.
 */
function letRest(state: State, { family: which, timeout, offset }: Extract<Step, { kind: 'rest' }>, now: number): State {
  const { settings } = state;
  const plane = state.planes[which];
  const second = settings.ticksPerSecond;
  const lengths = [
    second,
    settings.timeoutSyn,
    settings.timeoutClosing,
    settings.timeoutUdp,
    settings.timeoutEstablished,
    300 * second,
    -3,
    15 * second,
  ];
  const newest = plane.flows.reduce(
    (least, { entry }) => Math.min(least, entry === undefined ? least : (now - entry.lastSeen) >>> 0),
    0x7fffffff,
  );
  const passed = newest === 0x7fffffff ? 0 : newest;
  const ticks = (lengths[timeout] as number) + offset - (timeout === 6 ? 0 : passed);
  const back = (time: number) => (time - ticks) >>> 0;
  const flows = plane.flows.map((slot): Slot<Flow> => {
    const { entry } = slot;
    if (entry === undefined) return slot;
    const { lastSeen, created, refreshed } = entry;
    return { ...slot, entry: { ...entry, lastSeen: back(lastSeen), created: back(created), refreshed: back(refreshed) } };
  });
  const replies = plane.replies.map(
    (slot): Slot<Reverse> => (slot.entry === undefined ? slot : { ...slot, entry: { ...slot.entry, lastSeen: back(slot.entry.lastSeen) } }),
  );
  const backends = plane.backends.map((backend) =>
    backend.nextHopAt === 0 ? backend : { ...backend, nextHopAt: back(backend.nextHopAt) || 1 },
  );
  const affinity = new Map([...(plane.affinity ?? [])].map(([client, last]) => [client, { ...last, lastUsed: back(last.lastUsed) }]));
  const fragments = new Map([...(plane.fragments ?? [])].map(([datagram, first]) => [datagram, { ...first, seen: back(first.seen) }]));
  const window = { ...state.window, began: back(state.window.began) };
  return { ...state, window, planes: { ...state.planes, [which]: { ...plane, flows, replies, backends, affinity, fragments } } };
}

/** All flows as if they had just exchanged data, so that tables are full of what does not give way. */
function establish(plane: Plane, now: number): Plane {
  const flows = plane.flows.map((slot): Slot<Flow> => {
    const { entry } = slot;
    if (entry === undefined) return slot;
    const seen = entry.tuple.protocol === TCP ? SEEN.syn | SEEN.other : 0;
    return { ...slot, entry: { ...entry, seen, packets: entry.packets + 2, lastSeen: now } };
  });
  const replies = plane.replies.map((slot): Slot<Reverse> => {
    const { entry } = slot;
    if (entry === undefined) return slot;
    return { ...slot, entry: { ...entry, seen: entry.tuple.protocol === TCP ? SEEN.other : 0, packets: entry.packets + 1, lastSeen: now } };
  });
  return { ...plane, flows, replies };
}

/** All flows as if they had just begun and nobody had answered, and every third reverse entry gone: new flows press on what gives way. */
function flood(plane: Plane, now: number): Plane {
  const flows = plane.flows.map((slot, i): Slot<Flow> => {
    const { entry } = slot;
    if (entry === undefined) return slot;
    const lastSeen = (now - ((i * 7) % 19)) >>> 0; // which rested longest does not hang on the slots' order
    return { ...slot, entry: { ...entry, seen: entry.tuple.protocol === TCP ? SEEN.syn : 0, packets: 1, lastSeen } };
  });
  const replies = plane.replies.map(({ claims, entry }, i): Slot<Reverse> => {
    if (entry === undefined || i % 3 === 0) return { claims, entry: undefined, freed: true };
    return { claims, entry: { ...entry, seen: 0, packets: 0, lastSeen: (now - ((i * 5) % 17)) >>> 0 } };
  });
  return { ...plane, flows, replies };
}

function changeBackend(plane: Plane, { id, change }: Extract<Step, { kind: 'backend' }>): Plane {
  const backend = plane.backends[id] as Backend;
  const changes: readonly Partial<Backend>[] = [
    { state: backend.state === 'free' ? 'active' : 'free' },
    { state: 'active', resolved: true },
    { state: 'terminating' },
    { state: 'quarantined' },
    { state: 'active', generation: (backend.generation + 1) % 65536 },
    { resolved: !backend.resolved },
    { dstMac: `0200000000${(0xa0 + id).toString(16)}` },
    { ifindex: backend.ifindex === LOOPBACK ? DEVICE.index : LOOPBACK },
    { mtu: backend.mtu === 1500 ? 100 : 1500 },
    { weight: backend.weight === 0 ? 1 : 0 },
    { local: !backend.local },
    { port: backend.port === 0 ? 8081 : 0 },
    { source: /^0*$/.test(backend.source) ? (plane.backends[1] as Backend).source : '0'.repeat(backend.source.length) },
  ];
  return { ...plane, backends: plane.backends.with(id, { ...backend, ...changes[change] }) };
}

/** Another action or table, no backends, and whether it is there at all. */
function changeService(plane: Plane, { family: which, service: i, change, table }: Extract<Step, { kind: 'service' }>): Plane {
  const made = buildService(which, i, change % 3, table);
  const others = plane.services.filter((other) => other.id !== made.id && !meets(other, made));
  return { ...plane, services: change === 4 && others.length < plane.services.length ? others : [...others, made] };
}

const rangesFor = ({ family: which, ranges }: Extract<Step, { kind: 'sources' | 'deny' }>): readonly SourceRange[] =>
  buildRanges(ranges, (client) => hex(HOSTS[which].nthClient(client)));

/** What one of the plain services asks of its clients, or does for them. */
function changeOne(plane: Plane, given: { readonly family: Family; readonly service: number }, change: Partial<Service>): Plane {
  const { id: wanted } = buildService(given.family, given.service, 0, []);
  return { ...plane, services: plane.services.map((service) => (service.id === wanted ? { ...service, ...change } : service)) };
}

/** Puts a service on a prefix, a range of ports or both; the next time at the same place another one instead. */
function widen(plane: Plane, given: Extract<Step, { kind: 'wide' }>): Plane {
  const made = buildWide(given.family, wideId(given.family, given.place), given);
  const others = plane.services.filter(({ id }) => id !== made.id);
  return { ...plane, services: others.some((other) => meets(other, made)) ? others : [...others, made] };
}

/** Empties or frees a slot, as somebody who writes to the map would. */
function loseEntry(plane: Plane, table: 'flows' | 'replies', pick: number): Plane {
  const used = plane[table].flatMap(({ entry }, i) => (entry === undefined ? [] : [i]));
  const index = used[pick % Math.max(used.length, 1)];
  if (index === undefined) return plane;
  const slots = plane[table] as readonly Slot<never>[];
  return {
    ...plane,
    [table]: slots.with(index, { claims: (slots[index] as Slot<never>).claims, entry: undefined, ...(pick < 32 ? {} : { freed: true }) }),
  };
}

/** Clears the bit of an address that has services, or sets one that nobody has; the next time all is as it was. */
function toggleVip(state: State, bit: number): State {
  if (state.vips !== VIPS) return { ...state, vips: VIPS };
  const vips = new Set(VIPS);
  const chosen = [...VIPS][bit] ?? 4711;
  if (!vips.delete(chosen)) vips.add(chosen);
  return { ...state, vips };
}
