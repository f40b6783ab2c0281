// The services' Maglev tables in the kernel, over lb_maglev: an array of maps, service id to an inner array of rows of backend ids.
// Imports platform/port and its siblings.
// Invariant: a table is filled before it is put in place in one step, so a packet sees the old table or the new one, whole.

import type { Bpf, BpfMap, MapSpec } from '../../platform/port.js';
import { FairleadError } from '../model/errors.js';
import { encodeIndex, MAGLEV_ROW, MAGLEV_ROW_SLOTS, maglevRows } from './layout.js';

/** What the inner maps need of the kernel: platform.bpf has both. */
export type InnerMaps = Pick<Bpf, 'createMap' | 'openMapById'>;

export class MaglevTables {
  readonly #map: BpfMap;
  readonly #type: BpfMap;
  readonly #inner: InnerMaps;
  /** The tables in place, by service id. */
  readonly #known = new Map<number, Known>();
  /** Service ids that findDamaged() has still to look at in this turn. */
  #turn: number[] = [];

  /** `type`: a map whose BTF the tables get (lb_maglev_type), so that bpftool prints them. */
  constructor(map: BpfMap, type: BpfMap, inner: InnerMaps) {
    this.#map = map;
    this.#type = type;
    this.#inner = inner;
  }

  /**
   * Puts tables of backend ids in place of the services' present ones, all after one wait for the kernel. Their length is the program's maglev_size.
   * When it throws, some may be in place.
   */
  async set(tables: ReadonlyMap<number, Uint32Array>): Promise<void> {
    const made: { serviceId: number; inner: BpfMap; digest: number }[] = [];
    let rows: Uint32Array | undefined;
    try {
      for (const [serviceId, table] of tables) {
        const inner = this.#inner.createMap(this.#spec(serviceId, table.length));
        rows = inRows(table, rows);
        made.push({ serviceId, inner, digest: digestOf(rows) });
        await inner.updateMany(indexesUpTo(inner.maxEntries), bytesOf(rows), inner.maxEntries);
      }
      await this.#map.setInner(made.map(({ serviceId, inner }) => ({ key: encodeIndex(serviceId), inner })));
      for (const { serviceId, inner, digest } of made) this.#known.set(serviceId, { mapId: inner.id, digest });
    } finally {
      // In place, the outer map holds it; otherwise it goes with this handle.
      for (const { inner } of made) inner.close();
    }
  }

  #spec(serviceId: number, size: number): MapSpec {
    return {
      name: `maglev_${serviceId}`,
      type: 'array',
      keySize: 4,
      valueSize: MAGLEV_ROW.size,
      maxEntries: maglevRows(size),
      like: this.#type,
    };
  }

  /** The service's table of `size` backend ids, or undefined when it has none. */
  async get(serviceId: number, size: number): Promise<Uint32Array | undefined> {
    return (await this.#read(serviceId))?.subarray(0, size);
  }

  /** The same in whole rows. */
  async #read(serviceId: number): Promise<Uint32Array | undefined> {
    const inner = this.open(serviceId);
    if (inner === undefined) return undefined;
    try {
      const rows = new Uint32Array(inner.maxEntries * MAGLEV_ROW_SLOTS);
      const bytes = bytesOf(rows);
      for await (const { count, keys, values } of inner.chunks()) {
        for (let i = 0; i < count; i++)
          values.copy(bytes, keys.readUInt32LE(i * 4) * MAGLEV_ROW.size, i * MAGLEV_ROW.size, (i + 1) * MAGLEV_ROW.size);
      }
      return rows;
    } finally {
      inner.close();
    }
  }

  /** The map of the service's table, or undefined when it has none. The caller closes it. */
  open(serviceId: number): BpfMap | undefined {
    const id = this.#map.lookup(encodeIndex(serviceId));
    return id === undefined ? undefined : this.#inner.openMapById(id.readUInt32LE(0));
  }

  /** False when the service had none. */
  delete(serviceId: number): boolean {
    this.#known.delete(serviceId);
    return this.#map.delete(encodeIndex(serviceId));
  }

  /** Takes the tables that these services have for the agent's own. */
  learn(services: Iterable<number>): void {
    for (const id of services) {
      const mapId = this.#innerOf(id);
      if (mapId !== undefined && this.#known.get(id)?.mapId !== mapId) this.#known.set(id, { mapId, digest: undefined });
    }
  }

  /**
   * Services whose table is gone or another one, or has another content. The content of up to `most` is compared, others the next time; the first
   * time that it is looked at, it is taken as right. Where inner maps may not be read, it is not looked at.
   */
  async findDamaged(most: number): Promise<readonly number[]> {
    const damaged = [...this.#known].filter(([id, { mapId }]) => this.#innerOf(id) !== mapId).map(([id]) => id);
    if (this.#turn.length === 0) this.#turn = [...this.#known.keys()];
    for (const id of this.#turn.splice(0, most)) {
      const known = this.#known.get(id);
      if (known === undefined || damaged.includes(id)) continue;
      const digest = await this.#digestInPlace(id);
      if (digest === undefined || known.digest === digest) continue;
      if (known.digest === undefined) this.#known.set(id, { ...known, digest });
      else damaged.push(id);
    }
    return damaged;
  }

  /** Id of the map that stands in place for the service. */
  #innerOf(serviceId: number): number | undefined {
    return this.#map.lookup(encodeIndex(serviceId))?.readUInt32LE(0);
  }

  async #digestInPlace(serviceId: number): Promise<number | undefined> {
    try {
      const rows = await this.#read(serviceId);
      return rows && digestOf(rows);
    } catch (error) {
      if (error instanceof FairleadError && error.code === 'FL_E_PERMISSION') return undefined;
      throw error;
    }
  }
}

/** A table in whole rows: behind its end are zeros. In `room`, which a table of the same length had, when there is one: thousands follow each other. */
function inRows(table: Uint32Array, room: Uint32Array | undefined): Uint32Array {
  const length = maglevRows(table.length) * MAGLEV_ROW_SLOTS;
  const rows = room?.length === length ? room.fill(0, table.length) : new Uint32Array(length);
  rows.set(table);
  return rows;
}

/** The same memory, ids in the machine's order (little-endian wherever BPF runs here). */
function bytesOf(rows: Uint32Array): Buffer {
  return Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength);
}

let indexes = Buffer.alloc(0);

/** The keys of an array's first `count` entries; tables are of one size, so the same are asked for again and again. */
function indexesUpTo(count: number): Buffer {
  if (indexes.length !== count * 4) indexes = Buffer.from(Uint32Array.from({ length: count }, (_, index) => index).buffer);
  return indexes;
}

interface Known {
  /** Of the inner map. */
  readonly mapId: number;
  /** Of its content; undefined: not looked at yet. */
  readonly digest: number | undefined;
}

/** The golden ratio (Knuth, TAOCP 6.4). */
const FACTOR = 0x9e3779b1;

/** Of whole rows. 32 bits are enough to see that somebody has written there; thousands of tables are looked at. */
function digestOf(rows: Uint32Array): number {
  // Four at once, which do not wait for each other. Each step is one-to-one: a table that differs in one slot has another digest.
  let a = rows.length;
  let b = 1;
  let c = 2;
  let d = 3;
  for (let slot = 0; slot < rows.length; slot += 4) {
    a = Math.imul(a ^ (rows[slot] as number), FACTOR);
    b = Math.imul(b ^ (rows[slot + 1] as number), FACTOR);
    c = Math.imul(c ^ (rows[slot + 2] as number), FACTOR);
    d = Math.imul(d ^ (rows[slot + 3] as number), FACTOR);
  }
  let hash = 0;
  for (const lane of [a, b, c, d]) hash = Math.imul(hash ^ lane ^ (lane >>> 15), FACTOR);
  return hash;
}

/** The backend id in one slot of an opened table. */
export function tableEntry(table: BpfMap, slot: number): number | undefined {
  const value = table.lookup(encodeIndex(Math.floor(slot / MAGLEV_ROW_SLOTS)));
  return value === undefined ? undefined : MAGLEV_ROW.decode(value).backendId[slot % MAGLEV_ROW_SLOTS];
}
