// What befalls a world apart from packets: time that passes, full tables, lost entries, and what an agent or an operator changes.
// Imports test/bpf's devices and its siblings.
// Invariant: the state that is changed stays as it was.

import { DEVICE, LOOPBACK } from '../bpf/world.js';
import { NO_PORT } from './act.js';
import { buildWide, meets } from './frontends.js';
import { buildRanges, type SourceRange } from './source-ranges.js';
import { type Backend, type Family, type Flow, type Plane, type Reverse, SEEN, type Service, type Slot, type State, TCP } from './state.js';
import type { Step } from './steps.js';
import { buildService, clientAddress, hex, OVER_IDS, VIPS, wideId } from './world.js';

/**
 * Lets all entries of a family rest: the newest flow is then as old as a timeout, or a tick less or more. Backends asked their FIB as long ago.
 * Timeout 6 puts everything a moment into the future, as another CPU's clock would.
 */
export function letRest(state: State, { family: which, timeout, offset }: Extract<Step, { kind: 'rest' }>, now: number): State {
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
export function establish(plane: Plane, now: number): Plane {
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

/** Every slot that has no flow gets one like the first flow that there is, of somebody who sends no packets here; all as establish() leaves them. */
export function crowd(plane: Plane, now: number): Plane {
  const first = plane.flows.find(({ entry }) => entry !== undefined)?.entry;
  if (first === undefined) return plane;
  const strangers = plane.flows.map(({ claims, entry }, i): Slot<Flow> => {
    const stranger = { ...first, ...NO_PORT, action: 'dsr-l2' as const, tuple: { ...first.tuple, sport: 60_000 + i } };
    return { claims, entry: entry ?? stranger };
  });
  return establish({ ...plane, flows: strangers }, now);
}

/** All flows as if they had just begun and nobody had answered, and every third reverse entry gone: new flows press on what gives way. */
export function flood(plane: Plane, now: number): Plane {
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

/** Some ids are one family's alone. */
export const familyOf = ({ family: which, id }: Extract<Step, { kind: 'backend' }>): Family =>
  OVER_IDS.some((over) => over === id) ? 6 : which;

export function changeBackend(plane: Plane, { id, change }: Extract<Step, { kind: 'backend' }>): Plane {
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
export function changeService(plane: Plane, { family: which, service: i, change, table }: Extract<Step, { kind: 'service' }>): Plane {
  const made = buildService(which, i, change % 3, table);
  const others = plane.services.filter((other) => other.id !== made.id && !meets(other, made));
  return { ...plane, services: change === 4 && others.length < plane.services.length ? others : [...others, made] };
}

export const rangesFor = ({ family: which, ranges }: Extract<Step, { kind: 'sources' | 'deny' }>): readonly SourceRange[] =>
  buildRanges(ranges, (client) => hex(clientAddress(which, client)));

/** What one of the plain services asks of its clients, or does for them. */
export function changeOne(plane: Plane, given: { readonly family: Family; readonly service: number }, change: Partial<Service>): Plane {
  const { id: wanted } = buildService(given.family, given.service, 0, []);
  return { ...plane, services: plane.services.map((service) => (service.id === wanted ? { ...service, ...change } : service)) };
}

/** Puts a service on a prefix, a range of ports or both; the next time at the same place another one instead. */
export function widen(plane: Plane, given: Extract<Step, { kind: 'wide' }>): Plane {
  const made = buildWide(given.family, wideId(given.family, given.place), given);
  const others = plane.services.filter(({ id }) => id !== made.id);
  return { ...plane, services: others.some((other) => meets(other, made)) ? others : [...others, made] };
}

/** Empties or frees a slot, as somebody who writes to the map would. */
export function loseEntry(plane: Plane, table: 'flows' | 'replies', pick: number): Plane {
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
export function toggleVip(state: State, bit: number): State {
  if (state.vips !== VIPS) return { ...state, vips: VIPS };
  const vips = new Set(VIPS);
  const chosen = [...VIPS][bit] ?? 4711;
  if (!vips.delete(chosen)) vips.add(chosen);
  return { ...state, vips };
}
