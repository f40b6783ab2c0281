// The data plane's backends by id, over lb4_backends (one array a family; an id is used by one family at a time).
// Imports agent/model, platform/port and its siblings.
// Invariant: a slot's generation is never lost, also not by free(): flows of an earlier backend stay recognisable.
// The data plane writes next_hop_at, MACs and ifindex itself once a second; see set().

import type { BpfMap } from '../../platform/port.js';
import type { BackendState } from '../model/service.js';
import { type FamilyLayout, viewFor } from './families.js';
import { BACKEND_LOCAL, BACKEND_RESOLVED, type BACKEND4, encodeIndex } from './layout.js';
import type { Decoded } from './struct.js';

export interface NextHop {
  readonly ifindex: number;
  /** 'aa:bb:cc:dd:ee:ff' */
  readonly dstMac: string;
  readonly srcMac: string;
  /** Bytes of IP packet. */
  readonly mtu: number;
}

export interface BackendEntry {
  readonly serviceId: number;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly state: BackendState;
  /** 1 to 65535; another one each time the slot gets another backend. */
  readonly generation: number;
  /** LB address towards this backend: SNAT source, outer source of DSR; undefined while there is no route. */
  readonly source: string | undefined;
  /** Undefined: unresolved, packets to it are dropped (reason `unresolved`). */
  readonly nextHop: NextHop | undefined;
  /** The address is this node's own: new flows pass to the stack. */
  readonly local: boolean;
}

export interface BackendMap {
  readonly layout: FamilyLayout;
  readonly map: BpfMap;
}

const NO_MAC = '00:00:00:00:00:00';
export type RawBackend = Decoded<typeof BACKEND4>;

export class BackendTable {
  readonly #families: readonly BackendMap[];

  constructor(families: readonly BackendMap[]) {
    this.#families = families;
  }

  /** Slots: ids go from 0 to size - 1. */
  get size(): number {
    return Math.min(...this.#families.map(({ map }) => map.maxEntries));
  }

  /** Undefined when the slot is free or the id is beyond the array. */
  get(id: number): BackendEntry | undefined {
    for (const { layout, map } of this.#families) {
      const value = map.lookup(encodeIndex(id));
      const entry = value === undefined ? undefined : decodeBackend(layout, layout.backend.decode(value));
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /**
   * Writes the whole slot, keeping next_hop_at when the generation stays: the data plane then asks the FIB no sooner than it would have.
   * A race remains: what the data plane writes between the read and the write here (next_hop_at, MACs, ifindex of one slot) is overwritten
   * with what the agent knows. Both come from the same kernel tables, and the data plane looks again within a second.
   */
  set(id: number, entry: BackendEntry): void {
    const { layout, map } = viewFor(this.#families, entry.address);
    const key = encodeIndex(id);
    const value = map.lookup(key);
    const { generation, nextHopAt: at } = layout.backend.fields;
    const stays = value !== undefined && value.readUInt16LE(generation.offset) === entry.generation;
    const nextHopAt = stays ? value.readUInt32LE(at.offset) : 0;
    map.update(key, layout.backend.encode(toRaw(layout, id, entry, nextHopAt)));
  }

  /** Makes the slot free in one write, in the family that has it; its generation stays. */
  free(id: number): void {
    const key = encodeIndex(id);
    for (const { layout, map } of this.#families) {
      const { state, generation } = layout.backend.fields;
      const value = map.lookup(key);
      if (value === undefined || value.readUInt8(state.offset) === 0) continue;
      const empty = Buffer.alloc(layout.backend.size);
      empty.writeUInt16LE(value.readUInt16LE(generation.offset), generation.offset);
      map.update(key, empty);
    }
  }

  /** Generation of the slot's present or last backend; 0: never used. The highest of the families, as an id may change between them. */
  generationOf(id: number): number {
    let generation = 0;
    for (const { layout, map } of this.#families) {
      const value = map.lookup(encodeIndex(id));
      if (value !== undefined) generation = Math.max(generation, value.readUInt16LE(layout.backend.fields.generation.offset));
    }
    return generation;
  }

  /** True when the slot holds the backend of this generation: its flows go on. The data plane decides the same way. */
  isLive(id: number, generation: number): boolean {
    return this.get(id)?.generation === generation;
  }

  /** All slots in use, in the order of their ids within a family. */
  async entries(): Promise<readonly (readonly [number, BackendEntry])[]> {
    const found: [number, BackendEntry][] = [];
    for (const { layout, map } of this.#families) {
      const stateAt = layout.backend.fields.state.offset;
      for await (const chunk of map.chunks()) {
        for (let i = 0; i < chunk.count; i++) {
          const at = i * layout.backend.size;
          // Most slots are free: look at one byte before decoding all.
          if (chunk.values.readUInt8(at + stateAt) === 0) continue;
          const entry = decodeBackend(layout, layout.backend.decode(chunk.values, at));
          if (entry !== undefined) found.push([chunk.keys.readUInt32LE(i * 4), entry]);
        }
      }
    }
    return found;
  }
}

/** What a slot holds; undefined: it is free. */
export function decodeBackend(layout: FamilyLayout, raw: RawBackend): BackendEntry | undefined {
  if (raw.state === undefined) return undefined;
  const { serviceId, address, port, weight, state, generation, ifindex, dstMac, srcMac, mtu } = raw;
  return {
    serviceId,
    address,
    port,
    weight,
    state,
    generation,
    source: raw.source === layout.unspecified ? undefined : raw.source,
    local: (raw.flags & BACKEND_LOCAL) !== 0,
    nextHop: (raw.flags & BACKEND_RESOLVED) === 0 ? undefined : { ifindex, dstMac, srcMac, mtu },
  };
}

function toRaw(layout: FamilyLayout, id: number, entry: BackendEntry, nextHopAt: number): RawBackend {
  const { serviceId, address, port, weight, state, generation, nextHop, local } = entry;
  return {
    id,
    serviceId,
    address,
    port,
    weight,
    state,
    generation,
    nextHopAt,
    source: entry.source ?? layout.unspecified,
    ifindex: nextHop?.ifindex ?? 0,
    dstMac: nextHop?.dstMac ?? NO_MAC,
    srcMac: nextHop?.srcMac ?? NO_MAC,
    // The field has 16 bits; a larger MTU (loopback has 65536) means as much as the largest IP packet.
    mtu: Math.min(nextHop?.mtu ?? 0, 0xffff),
    flags: (nextHop === undefined ? 0 : BACKEND_RESOLVED) | (local ? BACKEND_LOCAL : 0),
  };
}
