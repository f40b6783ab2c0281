// The flows of the data plane, over its flow tables (ct4, snat4, ...): streamed and counted. The data plane alone writes them.
// Imports agent/model, platform/port and its siblings.
// Invariant: memory does not grow with the number of flows, and the event loop is let run after each chunk of slots.

import type { Clock } from '../../platform/port.js';
import type { Family } from '../model/address.js';
import type { Endpoint, Protocol } from '../model/service.js';
import type { FlowView } from '../model/views.js';
import type { BackendTable } from './backend-table.js';
import type { ConfigTable } from './config-table.js';
import { elapsedTicks, type FlowTimeouts, shortestTimeout } from './flow-life.js';
import {
  type BackendOf,
  type FlowMaps,
  type FlowRecord,
  findReverse,
  hasExpired,
  rememberBackends,
  slotInUse,
  toFlowView,
} from './flow-record.js';
import { FLOW } from './layout.js';

/** SNAT ports in use towards one address, port and protocol. */
export interface PortUse extends Endpoint {
  readonly family: Family;
  readonly protocol: Protocol;
  inUse: number;
}

export interface FlowSurvey {
  readonly entries: number;
  /** Of backends that have SNAT flows. */
  readonly ports: readonly PortUse[];
  /** Flows by backend id; backends without any are not there. */
  readonly backends: ReadonlyMap<number, number>;
}

export interface FlowFilter {
  readonly serviceId?: number;
}

/** A SNAT flow takes one more lookup, about 2 us: a chunk full of them blocks the event loop for some milliseconds, an empty one for less than one. */
const CHUNK = 2048;

export class FlowTable {
  readonly #families: readonly FlowMaps[];
  readonly #backends: BackendTable;
  readonly #config: ConfigTable;
  readonly #clock: Clock;
  /** A pass that was asked for in this turn of the event loop, and has not begun. */
  #asked: Promise<FlowSurvey> | undefined;

  constructor(families: readonly FlowMaps[], backends: BackendTable, config: ConfigTable, clock: Clock) {
    this.#families = families;
    this.#backends = backends;
    this.#config = config;
    this.#clock = clock;
  }

  /** Slots of all families together. */
  get limit(): number {
    return this.#families.reduce((sum, { conntrack }) => sum + conntrack.maxEntries, 0);
  }

  /**
   * The flows of one service or of all, in no order; entries of flows that have ended are left out: expired, or their backend is gone.
   * Flows that come or go meanwhile may be missed or seen.
   */
  async *flows(filter: FlowFilter = {}): AsyncGenerator<FlowRecord> {
    const timeouts = this.#timeouts();
    for (const maps of this.#families) {
      for await (const [values, at] of this.#liveSlots(maps, filter)) {
        const slot = maps.layout.slot.decode(values, at);
        const record = { ...slot, reverse: findReverse(maps, slot) };
        if (!this.#isExpired(record, timeouts)) yield record;
      }
    }
  }

  /** The flow as people see it; undefined when its backend is gone and the flow with it. */
  toView(record: FlowRecord, backendOf: BackendOf): FlowView | undefined {
    return toFlowView(record, backendOf, this.#clock.now(), this.#clock.ticksPerSecond);
  }

  /** Flows, counted by reading the tables through. */
  async count(filter: FlowFilter = {}): Promise<number> {
    return (await this.#pass(filter)).entries;
  }

  /**
   * All flows, by backend too, and how many SNAT ports are in use towards each backend: a flow has one. Whoever asks in the same turn of the
   * event loop gets the same pass over the tables, which begins after the last of them has asked.
   */
  survey(): Promise<FlowSurvey> {
    this.#asked ??= Promise.resolve().then(() => {
      this.#asked = undefined;
      return this.#pass({});
    });
    return this.#asked;
  }

  async #pass(filter: FlowFilter): Promise<FlowSurvey> {
    const backendOf = rememberBackends(this.#backends);
    const ports = new Map<string, PortUse>();
    const backends = new Map<number, number>();
    let entries = 0;
    const timeouts = this.#timeouts();
    for (const maps of this.#families) {
      const { slot: layout, tuple } = maps.layout;
      for await (const [values, at] of this.#liveSlots(maps, filter)) {
        const flow = at + layout.fields.flow.offset;
        const rest = elapsedTicks(this.#clock.now(), values.readUInt32LE(flow + FLOW.fields.lastSeen.offset), this.#clock.ticksPerSecond);
        const traits = {
          protocol: tuple.fields.protocol.type.read(values, at + tuple.fields.protocol.offset),
          action: FLOW.fields.action.type.read(values, flow + FLOW.fields.action.offset),
          seen: values.readUInt8(flow + FLOW.fields.tcpSeen.offset),
        };
        // Most flows are young: one comparison, and no look at the reverse entry.
        if (rest >= shortestTimeout(traits, timeouts)) {
          const slot = layout.decode(values, at);
          if (this.#isExpired({ ...slot, reverse: findReverse(maps, slot) }, timeouts)) continue;
        }
        entries++;
        const backendId = values.readUInt32LE(flow + FLOW.fields.backendId.offset);
        backends.set(backendId, (backends.get(backendId) ?? 0) + 1);
        if (traits.action !== 'snat') continue;
        // By address and port: backends of several services at one address share its ports.
        const backend = backendOf(backendId);
        if (backend === undefined) continue;
        const { address, port } = backend;
        const key = `${address} ${port} ${traits.protocol}`;
        const use = ports.get(key);
        if (use === undefined) ports.set(key, { family: maps.layout.family, address, port, protocol: traits.protocol, inUse: 1 });
        else use.inUse++;
      }
    }
    return { entries, ports: [...ports.values()], backends };
  }

  /** The addresses that entries have as their destination, also those of flows that have ended: 4 or 16 bytes, network order. */
  async serviceAddresses(): Promise<readonly Uint8Array[]> {
    const found = new Map<string, Uint8Array>();
    for (const { layout, conntrack } of this.#families) {
      const { offset, type } = layout.tuple.fields.daddr;
      for await (const { count, values } of conntrack.chunks(CHUNK)) {
        for (let i = 0; i < count; i++) {
          const at = i * layout.slot.size;
          if (!slotInUse(layout, values, at)) continue;
          const text = values.toString('latin1', at + offset, at + offset + type.size);
          if (!found.has(text)) found.set(text, Buffer.from(text, 'latin1'));
        }
      }
    }
    return [...found.values()];
  }

  /** Buffer and offset of each slot in use whose backend is there. */
  async *#liveSlots({ layout, conntrack }: FlowMaps, { serviceId }: FlowFilter): AsyncGenerator<readonly [Buffer, number]> {
    const backendOf = rememberBackends(this.#backends);
    for await (const chunk of conntrack.chunks(CHUNK)) {
      for (let i = 0; i < chunk.count; i++) {
        const at = i * layout.slot.size;
        if (!slotInUse(layout, chunk.values, at)) continue;
        const flow = at + layout.slot.fields.flow.offset;
        if (serviceId !== undefined && chunk.values.readUInt16LE(flow + FLOW.fields.serviceId.offset) !== serviceId) continue;
        const backend = backendOf(chunk.values.readUInt32LE(flow + FLOW.fields.backendId.offset));
        if (backend?.generation === chunk.values.readUInt16LE(flow + FLOW.fields.backendGeneration.offset)) yield [chunk.values, at];
      }
    }
  }

  #isExpired(record: FlowRecord, timeouts: FlowTimeouts): boolean {
    return hasExpired(record, timeouts, this.#clock.now(), this.#clock.ticksPerSecond);
  }

  /** In ticks, as the program has them; read once for each pass, not for each flow. */
  #timeouts(): FlowTimeouts {
    const config = this.#config.read();
    if (config === undefined) return NEVER;
    return { syn: config.timeoutSyn, established: config.timeoutEstablished, closing: config.timeoutClosing, udp: config.timeoutUdp };
  }
}

/** Before the settings are written nothing is known to have ended. */
const NEVER: FlowTimeouts = { syn: Infinity, established: Infinity, closing: Infinity, udp: Infinity };
