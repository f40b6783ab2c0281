// The flows of the data plane, over ct4 and snat4: streamed, counted, swept, purged.
// Imports agent/model, platform/port and its siblings.
// Invariant: memory does not grow with the number of flows, and the event loop is let run after each chunk of entries.

import type { BpfMap, Clock } from '../../platform/port.js';
import type { FlowView } from '../model/views.js';
import type { BackendTable } from './backend-table.js';
import type { FlowTimeouts } from './flow-life.js';
import { type BackendOf, type FlowMaps, type FlowRecord, findReverse, hasExpired, rememberBackends, toFlowView } from './flow-record.js';
import { type SweepRequest, type SweepResult, sweepConntrack, sweepReverse } from './flow-sweep.js';
import { FLOW } from './layout.js';

export interface FlowFilter {
  readonly serviceId?: number;
}

/** A SNAT flow takes one more lookup, about 2 us: a chunk blocks the event loop for about a millisecond. */
const CHUNK = 256;

export class FlowTable {
  readonly #families: readonly FlowMaps[];
  readonly #backends: BackendTable;
  readonly #clock: Clock;

  constructor(families: readonly FlowMaps[], backends: BackendTable, clock: Clock) {
    this.#families = families;
    this.#backends = backends;
    this.#clock = clock;
  }

  /** Entries that the maps hold at most, of all families together. */
  get limit(): number {
    return this.#families.reduce((sum, { conntrack }) => sum + conntrack.maxEntries, 0);
  }

  /** The flows of one service or of all, in no order. Flows that come or go meanwhile may be missed or seen. */
  async *flows(filter: FlowFilter = {}): AsyncGenerator<FlowRecord> {
    const backendOf = rememberBackends(this.#backends);
    for (const maps of this.#families) {
      const { tuple: tupleLayout } = maps.layout;
      for await (const chunk of maps.conntrack.chunks(CHUNK)) {
        for (let i = 0; i < chunk.count; i++) {
          const at = i * FLOW.size;
          const serviceId = chunk.values.readUInt32LE(at + FLOW.fields.serviceId.offset);
          if (filter.serviceId !== undefined && serviceId !== filter.serviceId) continue;
          const tuple = tupleLayout.decode(chunk.keys, i * tupleLayout.size);
          const flow = FLOW.decode(chunk.values, at);
          yield { tuple, flow, reverse: findReverse(maps, tuple, flow, backendOf)?.reverse };
        }
      }
    }
  }

  /** The flow as people see it; undefined when its backend is gone and the flow with it. */
  toView(record: FlowRecord, backendOf: BackendOf): FlowView | undefined {
    return toFlowView(record, backendOf, this.#clock.now(), this.#clock.ticksPerSecond);
  }

  /** Whether the flow has rested longer than it may; timeouts in seconds. */
  isExpired(record: FlowRecord, timeouts: FlowTimeouts): boolean {
    return hasExpired(record, timeouts, this.#clock.now(), this.#clock.ticksPerSecond);
  }

  /** Removes what has ended; see flow-sweep.ts. */
  async sweepExpired(request: SweepRequest): Promise<SweepResult> {
    const total = { scanned: 0, removed: 0, orphans: 0 };
    for (const maps of this.#families) {
      const sweep = { maps, backends: this.#backends, clock: this.#clock, request };
      for (const part of [await sweepConntrack(sweep), await sweepReverse(sweep)]) {
        total.scanned += part.scanned;
        total.removed += part.removed;
        total.orphans += part.orphans;
      }
    }
    return total;
  }

  /** Flow entries, counted by reading them all. */
  async count(filter: FlowFilter = {}): Promise<number> {
    let count = 0;
    for (const { conntrack } of this.#families) {
      for await (const chunk of conntrack.chunks()) {
        if (filter.serviceId === undefined) count += chunk.count;
        else count += indicesOf(chunk.values, chunk.count, FLOW.size, FLOW.fields.serviceId.offset, filter.serviceId).length;
      }
    }
    return count;
  }

  /** Removes all flows of a service with their reverse entries; returns how many flows it were. */
  async purge(serviceId: number): Promise<number> {
    let removed = 0;
    for (const { layout, conntrack, snat } of this.#families) {
      // Reverse entries first: a packet that comes between the two makes a new pair, not half of one.
      await deleteWhere(snat, layout.reverse.size, layout.reverse.fields.serviceId.offset, serviceId);
      removed += await deleteWhere(conntrack, FLOW.size, FLOW.fields.serviceId.offset, serviceId);
    }
    return removed;
  }
}

/** Positions of the values whose u32 at `offset` is `wanted`. */
function indicesOf(values: Buffer, count: number, size: number, offset: number, wanted: number): number[] {
  const found: number[] = [];
  for (let i = 0; i < count; i++) if (values.readUInt32LE(i * size + offset) === wanted) found.push(i);
  return found;
}

async function deleteWhere(map: BpfMap, size: number, offset: number, wanted: number): Promise<number> {
  let removed = 0;
  for await (const chunk of map.chunks()) {
    const found = indicesOf(chunk.values, chunk.count, size, offset, wanted);
    const keys = Buffer.concat(found.map((i) => chunk.keys.subarray(i * map.keySize, (i + 1) * map.keySize)));
    if (found.length > 0) removed += await map.deleteMany(keys, found.length);
  }
  return removed;
}
