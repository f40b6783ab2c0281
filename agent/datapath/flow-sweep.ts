// Removes what has ended from the conntrack maps: expired flows, flows whose backend is gone, reverse entries that belong to no flow.
// Imports agent/model, platform/port and its siblings.
// Invariant: an entry is read again before it is deleted, so a flow that just got a packet stays. Between that read and the deletion lie
// at most a few milliseconds; a flow that gets its packet just then is begun anew by its next one, which finds its SNAT port free.
// Reverse entries go before their flows: what a packet in between begins is a whole new pair.

import type { Clock, MapChunk } from '../../platform/port.js';
import { addressBytes } from '../model/address.js';
import type { BackendTable } from './backend-table.js';
import { elapsedTicks, type FlowTimeouts, flowTimeout, shortestTimeout, timeoutsInTicks } from './flow-life.js';
import { type BackendOf, type FlowMaps, findReverse, forwardKeyOf, hasExpired, rememberBackends, reverseKeyOf } from './flow-record.js';
import { FLOW, type Reverse, TCP_SEEN, type Tuple } from './layout.js';

export interface SweepRequest {
  /** Seconds. */
  readonly timeouts: FlowTimeouts;
  /** Whether a backend slot still holds the backend of this generation. */
  readonly backendIsLive: (id: number, generation: number) => boolean;
}

export interface SweepResult {
  /** Flow entries looked at. */
  readonly scanned: number;
  /** Flows removed, with their reverse entries. */
  readonly removed: number;
  /** Reverse entries removed that belonged to no flow. */
  readonly orphans: number;
}

export interface Sweep {
  readonly maps: FlowMaps;
  readonly backends: BackendTable;
  readonly clock: Clock;
  readonly request: SweepRequest;
}

/** An ended flow takes up to three lookups of about 2 us: a chunk in which all have ended blocks the event loop for about 2 ms. */
const CHUNK = 256;

/** Goes over the flows. A SNAT flow is closed by the reverse entry too; that one sweepReverse() notices. */
export async function sweepConntrack(sweep: Sweep): Promise<SweepResult> {
  const { maps, clock, request } = sweep;
  const { tuple: tupleLayout } = maps.layout;
  const ticks = timeoutsInTicks(request.timeouts, clock.ticksPerSecond);
  let [scanned, removed] = [0, 0];
  const backendOf = rememberBackends(sweep.backends);
  const isLive = rememberLive(request);
  for await (const chunk of maps.conntrack.chunks(CHUNK)) {
    scanned += chunk.count;
    const now = clock.now();
    const ended = new Ended();
    for (let i = 0; i < chunk.count; i++) {
      if (!flowMayHaveEnded(chunk, i, tupleLayout, now, clock.ticksPerSecond, ticks, isLive)) continue;
      const key = copyKey(chunk, i, tupleLayout.size);
      const value = maps.conntrack.lookup(key);
      if (value === undefined) continue;
      const [tuple, flow] = [tupleLayout.decode(key), FLOW.decode(value)];
      const found = findReverse(maps, tuple, flow, backendOf);
      const gone = !request.backendIsLive(flow.backendId, flow.backendGeneration);
      if (!gone && !hasExpired({ tuple, flow, reverse: found?.reverse }, request.timeouts, clock.now(), clock.ticksPerSecond)) continue;
      ended.add(key, found?.key);
    }
    removed += await ended.remove(maps);
  }
  return { scanned, removed, orphans: 0 };
}

/** Goes over the reverse entries: closed flows that only these tell of, and entries whose flow is gone. */
export async function sweepReverse(sweep: Sweep): Promise<SweepResult> {
  const { maps, clock, request } = sweep;
  const { tuple: tupleLayout, reverse: reverseLayout } = maps.layout;
  const ticks = timeoutsInTicks(request.timeouts, clock.ticksPerSecond);
  const endpoints = new Set<string>();
  for (const [, backend] of await sweep.backends.entries()) {
    const address = Buffer.from(addressBytes(backend.address));
    endpoints.add(endpointKey(backend.serviceId, address.toString('latin1'), backend.port));
  }
  let [removed, orphans] = [0, 0];
  const backendOf = rememberBackends(sweep.backends);
  for await (const chunk of maps.snat.chunks(CHUNK)) {
    const now = clock.now();
    const ended = new Ended();
    for (let i = 0; i < chunk.count; i++) {
      const at = i * reverseLayout.size;
      const rest = elapsedTicks(now, chunk.values.readUInt32LE(at + reverseLayout.fields.lastSeen.offset), clock.ticksPerSecond);
      // Nothing ends before the shortest of the timeouts: most entries are done with one comparison.
      if (rest < ticks.closing && rest < ticks.udp) continue;
      const seen = chunk.values.readUInt8(at + reverseLayout.fields.tcpSeen.offset) | TCP_SEEN.other;
      const serviceId = chunk.values.readUInt32LE(at + reverseLayout.fields.serviceId.offset);
      const lost = !endpoints.has(senderKey(serviceId, chunk.keys, i * tupleLayout.size, tupleLayout));
      if (!lost && rest < shortestTimeout(protocolAt(chunk.keys, i, tupleLayout), seen, ticks)) continue;
      const key = copyKey(chunk, i, tupleLayout.size);
      const value = maps.snat.lookup(key);
      if (value === undefined) continue;
      const [tuple, reverse] = [tupleLayout.decode(key), reverseLayout.decode(value)];
      const owner = ownerOf(maps, key, tuple, reverse, backendOf);
      if (owner !== undefined) {
        if (hasExpired({ tuple: owner.tuple, flow: owner.flow, reverse }, request.timeouts, clock.now(), clock.ticksPerSecond))
          ended.add(owner.key, key);
        continue;
      }
      if (orphanHasEnded(reverse, tuple, lost, clock, ticks)) ended.addReverse(key);
    }
    orphans += ended.reverseCount - ended.flowCount;
    removed += await ended.remove(maps);
  }
  return { scanned: 0, removed, orphans };
}

type TupleLayout = FlowMaps['layout']['tuple'];

/** From the entry's bytes alone: can it have ended? */
function flowMayHaveEnded(
  chunk: MapChunk,
  index: number,
  tupleLayout: TupleLayout,
  now: number,
  ticksPerSecond: number,
  ticks: FlowTimeouts,
  isLive: (id: number, generation: number) => boolean,
): boolean {
  const at = index * FLOW.size;
  const { lastSeen, backendId, backendGeneration, tcpSeen } = FLOW.fields;
  if (!isLive(chunk.values.readUInt32LE(at + backendId.offset), chunk.values.readUInt16LE(at + backendGeneration.offset))) return true;
  const rest = elapsedTicks(now, chunk.values.readUInt32LE(at + lastSeen.offset), ticksPerSecond);
  return rest >= shortestTimeout(protocolAt(chunk.keys, index, tupleLayout), chunk.values.readUInt8(at + tcpSeen.offset), ticks);
}

/** The flow that uses the reverse entry now, if there is one. */
function ownerOf(maps: FlowMaps, reverseKey: Buffer, reply: Tuple, reverse: Reverse, backendOf: BackendOf) {
  const key = forwardKeyOf(maps.layout, reverse, reply.protocol);
  const value = maps.conntrack.lookup(key);
  if (value === undefined) return undefined;
  const flow = FLOW.decode(value);
  const theirs = reverseKeyOf(maps.layout, flow, reply.protocol, backendOf);
  return theirs?.equals(reverseKey) ? { key, tuple: maps.layout.tuple.decode(key), flow } : undefined;
}

/**
 * Without its flow, which the LRU may have dropped, an entry counts as established: the client's next packet finds its port by it.
 * When no service has its backend any more, it waits only as long as a closed flow.
 */
function orphanHasEnded(reverse: Reverse, reply: Tuple, lost: boolean, clock: Clock, ticks: FlowTimeouts): boolean {
  const traits = { protocol: reply.protocol, action: 'snat', seen: TCP_SEEN.other, seenInReply: reverse.tcpSeen } as const;
  const timeout = flowTimeout(traits, ticks);
  return elapsedTicks(clock.now(), reverse.lastSeen, clock.ticksPerSecond) >= (lost ? Math.min(timeout, ticks.closing) : timeout);
}

/** Keys to delete, both maps. */
class Ended {
  readonly #flows: Buffer[] = [];
  readonly #reverses: Buffer[] = [];

  get flowCount(): number {
    return this.#flows.length;
  }

  get reverseCount(): number {
    return this.#reverses.length;
  }

  add(flow: Buffer, reverse: Buffer | undefined): void {
    this.#flows.push(flow);
    if (reverse !== undefined) this.#reverses.push(reverse);
  }

  addReverse(reverse: Buffer): void {
    this.#reverses.push(reverse);
  }

  /** Returns how many flows were there to be removed. */
  async remove(maps: FlowMaps): Promise<number> {
    if (this.#reverses.length > 0) await maps.snat.deleteMany(Buffer.concat(this.#reverses), this.#reverses.length);
    return this.#flows.length > 0 ? maps.conntrack.deleteMany(Buffer.concat(this.#flows), this.#flows.length) : 0;
  }
}

/** Asks once for each backend and generation in a sweep. What looks gone is asked for again before it is removed. */
function rememberLive(request: SweepRequest): SweepRequest['backendIsLive'] {
  const known = new Map<number, boolean>();
  return (id, generation) => {
    const name = id * 0x10000 + generation;
    let live = known.get(name);
    if (live === undefined) {
      live = request.backendIsLive(id, generation);
      known.set(name, live);
    }
    return live;
  };
}

function copyKey(chunk: MapChunk, index: number, size: number): Buffer {
  return Buffer.from(chunk.keys.subarray(index * size, (index + 1) * size));
}

function protocolAt(keys: Buffer, index: number, layout: TupleLayout): Tuple['protocol'] {
  const { offset, type } = layout.fields.protocol;
  return type.read(keys, index * layout.size + offset);
}

/** Names a backend of a service. The address is its bytes as text: formatting a million of them would take a second. */
function endpointKey(serviceId: number, address: string, port: number): string {
  return `${serviceId} ${port} ${address}`;
}

/** endpointKey() of the sender of the tuple at byte `at`. */
function senderKey(serviceId: number, keys: Buffer, at: number, layout: TupleLayout): string {
  const { saddr, sport } = layout.fields;
  const from = at + saddr.offset;
  return endpointKey(serviceId, keys.toString('latin1', from, from + saddr.type.size), sport.type.read(keys, at + sport.offset));
}
