// What the data plane counts by backend and by service, over backend_stats, service_past and service_refused (bpf/stats.h).
// Imports platform/port and its siblings.
// Invariant: the sum of a service's backends and its past never falls while the service exists; only packets that are on their way while a
// backend leaves are lost to it.

import type { BpfMap } from '../../platform/port.js';
import { BACKEND_STATS, type BackendStats, encodeIndex, REFUSALS, type Refusals } from './layout.js';

export interface StatsMaps {
  readonly backends: BpfMap;
  readonly past: BpfMap;
  readonly refused: BpfMap;
}

export const NO_STATS: BackendStats = { packets: 0, bytes: 0, replyPackets: 0, replyBytes: 0, newFlows: 0 };

export const NO_REFUSALS: Refusals = { sourceDenied: 0, noBackend: 0, unresolved: 0, snatPorts: 0, newFlowRate: 0, flowTable: 0 };
const REFUSED = Object.keys(NO_REFUSALS) as (keyof Refusals)[];

export function addStats(a: BackendStats, b: BackendStats): BackendStats {
  return {
    packets: a.packets + b.packets,
    bytes: a.bytes + b.bytes,
    replyPackets: a.replyPackets + b.replyPackets,
    replyBytes: a.replyBytes + b.replyBytes,
    newFlows: a.newFlows + b.newFlows,
  };
}

/** Lookups between two turns of the event loop. */
const PIECE = 500;

export class StatsTable {
  readonly #maps: StatsMaps;

  constructor(maps: StatsMaps) {
    this.#maps = maps;
  }

  /** What the slot's backend counted, summed over the CPUs. */
  backend(id: number): BackendStats {
    const value = this.#maps.backends.lookup(encodeIndex(id));
    let sum = NO_STATS;
    for (let at = 0; value !== undefined && at + BACKEND_STATS.size <= value.length; at += BACKEND_STATS.size)
      sum = addStats(sum, BACKEND_STATS.decode(value, at));
    return sum;
  }

  /** The same of many, by id. */
  async backends(ids: Iterable<number>): Promise<ReadonlyMap<number, BackendStats>> {
    const found = new Map<number, BackendStats>();
    for (const id of ids) {
      found.set(id, this.backend(id));
      if (found.size % PIECE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return found;
  }

  /** Before these slots get a backend: they begin with nothing. */
  async clear(ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return;
    const { backends } = this.#maps;
    await backends.updateMany(Buffer.concat(ids.map(encodeIndex)), Buffer.alloc(ids.length * backends.valueSize), ids.length);
  }

  /** The slot's backend leaves the service: what it counted is the service's past from now on. One write. Returns what takes that back. */
  retire(id: number, serviceId: number): () => void {
    const { past } = this.#maps;
    const key = encodeIndex(serviceId);
    const before = past.lookup(key);
    past.update(key, BACKEND_STATS.encode(addStats(this.past(serviceId), this.backend(id))));
    return () => void (before === undefined ? past.delete(key) : past.update(key, before));
  }

  /** What backends that have left the service counted. */
  past(serviceId: number): BackendStats {
    const value = this.#maps.past.lookup(encodeIndex(serviceId));
    return value === undefined ? NO_STATS : BACKEND_STATS.decode(value);
  }

  /** Packets that would have begun a flow of this service and did not, summed over the CPUs. */
  refusals(serviceId: number): Refusals {
    const value = this.#maps.refused.lookup(encodeIndex(serviceId));
    const sum = { ...NO_REFUSALS };
    for (let at = 0; value !== undefined && at + REFUSALS.size <= value.length; at += REFUSALS.size) {
      const one = REFUSALS.decode(value, at);
      for (const name of REFUSED) sum[name] += one[name];
    }
    return sum;
  }

  /** The service is there: from now on its refusals are counted. What an earlier agent's counted goes on. */
  begin(serviceId: number): void {
    const { refused } = this.#maps;
    const key = encodeIndex(serviceId);
    if (refused.lookup(key) === undefined) refused.update(key, Buffer.alloc(refused.valueSize));
  }

  /** The service is gone: its id may be another's, who begins with nothing. Returns what takes that back. */
  forget(serviceId: number): () => void {
    const key = encodeIndex(serviceId);
    const gone: { readonly map: BpfMap; readonly value: Buffer }[] = [];
    const restore = (): void => {
      for (const { map, value } of gone) map.update(key, value);
    };
    try {
      for (const map of [this.#maps.past, this.#maps.refused]) {
        const value = map.lookup(key);
        if (value !== undefined && map.delete(key)) gone.push({ map, value });
      }
    } catch (error) {
      restore();
      throw error;
    }
    return restore;
  }

  /** These services are there, and no other: a start after one that was cut off. */
  async retain(services: ReadonlySet<number>): Promise<void> {
    const known = new Set<number>();
    for (const map of [this.#maps.past, this.#maps.refused])
      for await (const { count, keys } of map.chunks()) for (let i = 0; i < count; i++) known.add(keys.readUInt32LE(i * 4));
    for (const id of known) if (!services.has(id)) this.forget(id);
    for (const id of services) this.begin(id);
  }
}
