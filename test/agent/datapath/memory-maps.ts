// Maps in memory for the tests of the typed tables: enough of platform/port.ts for these, no eviction, no batching limits.
// Imports platform/port and agent/model/errors.
// `onChunk` runs before each batch of chunks() is handed out, so that a test can let a packet arrive in the middle of a sweep.

import { setImmediate } from 'node:timers/promises';
import { FairleadError } from '../../../agent/model/errors.js';
import type { BpfMap, MapChunk, MapSpec, MapType, UpdateWhen } from '../../../platform/port.js';

export class MemoryMaps {
  readonly #byId = new Map<number, MemoryMap>();
  #nextId = 1;

  createMap(spec: MapSpec): MemoryMap {
    const map = new MemoryMap(this.#nextId++, spec);
    this.#byId.set(map.id, map);
    return map;
  }

  openMapById(id: number): BpfMap | undefined {
    return this.#byId.get(id);
  }
}

export class MemoryMap implements BpfMap {
  readonly name: string;
  readonly id: number;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  onChunk: () => void = () => {};
  closed = false;
  readonly #entries = new Map<string, Buffer>();

  constructor(id: number, spec: MapSpec) {
    this.id = id;
    this.name = spec.name;
    this.type = spec.type;
    this.keySize = spec.keySize;
    this.valueSize = spec.valueSize;
    this.maxEntries = spec.maxEntries;
    if (!this.#isArray) return;
    for (let i = 0; i < spec.maxEntries; i++) this.#entries.set(indexName(i), Buffer.alloc(spec.valueSize));
  }

  get #isArray(): boolean {
    return this.type === 'array' || this.type === 'percpu_array';
  }

  lookup(key: Buffer): Buffer | undefined {
    const value = this.#entries.get(name(key, this.keySize));
    return value && Buffer.from(value);
  }

  update(key: Buffer, value: Buffer, when: UpdateWhen = 'any'): void {
    const at = name(key, this.keySize);
    if (value.length !== this.valueSize) throw new Error(`value of ${value.length} bytes for ${this.name}`);
    const present = this.#entries.has(at);
    if (when !== 'any' && present !== (when === 'present')) throw new FairleadError('FL_E_CONFLICT', `${this.name}: not ${when}`);
    if (!present && (this.#isArray || this.#entries.size >= this.maxEntries)) throw new FairleadError('FL_E_LIMIT', `${this.name} is full`);
    this.#entries.set(at, Buffer.from(value));
  }

  delete(key: Buffer): boolean {
    return this.#entries.delete(name(key, this.keySize));
  }

  async *chunks(entriesPerChunk = 1024): AsyncGenerator<MapChunk> {
    const all = [...this.#entries];
    const keys = Buffer.alloc(entriesPerChunk * this.keySize);
    const values = Buffer.alloc(entriesPerChunk * this.valueSize);
    for (let from = 0; from < all.length; from += entriesPerChunk) {
      const part = all.slice(from, from + entriesPerChunk);
      for (const [i, [key, value]] of part.entries()) {
        keys.write(key, i * this.keySize, 'latin1');
        values.set(value, i * this.valueSize);
      }
      await setImmediate();
      this.onChunk();
      yield { count: part.length, keys, values };
    }
  }

  async updateMany(keys: Buffer, values: Buffer, count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.update(part(keys, i, this.keySize), part(values, i, this.valueSize));
  }

  async deleteMany(keys: Buffer, count: number): Promise<number> {
    let removed = 0;
    for (let i = 0; i < count; i++) if (this.delete(part(keys, i, this.keySize))) removed++;
    return removed;
  }

  async setInner(key: Buffer, inner: BpfMap): Promise<void> {
    const id = Buffer.alloc(4);
    id.writeUInt32LE(inner.id);
    this.#entries.set(name(key, this.keySize), id);
  }

  close(): void {
    this.closed = true;
  }
}

function name(key: Buffer, size: number): string {
  if (key.length !== size) throw new Error(`key of ${key.length} bytes, not ${size}`);
  return key.toString('latin1');
}

function indexName(index: number): string {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return key.toString('latin1');
}

function part(buffer: Buffer, index: number, size: number): Buffer {
  return buffer.subarray(index * size, (index + 1) * size);
}
