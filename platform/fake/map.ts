// A platform's handle of a map of the fake kernel.
// May import node:timers/promises, platform/port, agent/model/errors and its siblings.
// Invariant: every write is checked for an ordered failure first and noted in the journal after.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { FairleadError } from '../../agent/model/errors.js';
import type { BpfMap, InnerEntry, MapChunk, MapType, UpdateWhen } from '../port.js';
import type { FakeKernel } from './kernel.js';
import type { MapObject } from './objects.js';
import { pinObject } from './pins.js';

const ENTRIES_PER_CHUNK = 2048;

export class FakeMap implements BpfMap {
  readonly name: string;
  readonly id: number;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly object: MapObject;
  readonly #kernel: FakeKernel;
  #open = true;

  constructor(kernel: FakeKernel, object: MapObject) {
    this.#kernel = kernel;
    this.object = object;
    object.handles++;
    this.name = object.spec.name;
    this.id = object.id;
    this.type = object.spec.type;
    this.keySize = object.spec.keySize;
    this.valueSize = object.valueSize;
    this.maxEntries = object.spec.maxEntries;
  }

  lookup(key: Buffer): Buffer | undefined {
    this.require('key', key, this.keySize);
    const entry = this.object.find(key);
    return entry && Buffer.from(entry.value);
  }

  update(key: Buffer, value: Buffer, when: UpdateWhen = 'any'): void {
    this.require('key', key, this.keySize);
    this.require('value', value, this.valueSize);
    this.refuseRawInner();
    this.#kernel.checkFault('map-write');
    this.object.set(key, value, when);
    this.note('update', key, value);
  }

  delete(key: Buffer): boolean {
    this.require('key', key, this.keySize);
    this.#kernel.checkFault('map-write');
    const there = this.object.remove(key);
    if (there) this.note('delete', key, undefined);
    if (this.object.holdsMaps) this.#kernel.collect();
    return there;
  }

  async *chunks(entriesPerChunk = ENTRIES_PER_CHUNK): AsyncGenerator<MapChunk> {
    this.requireOpen();
    const { count, keys, values } = this.object.content();
    const size = Math.max(1, entriesPerChunk);
    for (let from = 0; from < count; from += size) {
      const piece = Math.min(size, count - from);
      yield {
        count: piece,
        keys: keys.subarray(from * this.keySize, (from + piece) * this.keySize),
        values: values.subarray(from * this.valueSize, (from + piece) * this.valueSize),
      };
      await nextTurn();
    }
  }

  async updateMany(keys: Buffer, values: Buffer, count: number): Promise<void> {
    this.require('keys', keys, this.keySize * count, 'at least');
    this.require('values', values, this.valueSize * count, 'at least');
    for (let i = 0; i < count; i++) {
      this.update(keys.subarray(i * this.keySize, (i + 1) * this.keySize), values.subarray(i * this.valueSize, (i + 1) * this.valueSize));
      if (i % ENTRIES_PER_CHUNK === ENTRIES_PER_CHUNK - 1) await nextTurn();
    }
    await nextTurn();
  }

  async deleteMany(keys: Buffer, count: number): Promise<number> {
    this.require('keys', keys, this.keySize * count, 'at least');
    let deleted = 0;
    for (let i = 0; i < count; i++) {
      if (this.delete(keys.subarray(i * this.keySize, (i + 1) * this.keySize))) deleted++;
      if (i % ENTRIES_PER_CHUNK === ENTRIES_PER_CHUNK - 1) await nextTurn();
    }
    await nextTurn();
    return deleted;
  }

  async setInner(entries: readonly InnerEntry[]): Promise<void> {
    for (const entry of entries) await this.#setInner(entry);
  }

  async #setInner({ key, inner }: InnerEntry): Promise<void> {
    this.require('key', key, this.keySize);
    if (!(inner instanceof FakeMap) || !this.object.holdsMaps) {
      throw new FairleadError('FL_E_MAP', `map ${this.name} (${this.type}) cannot hold map ${inner.name} (${inner.type})`);
    }
    inner.requireOpen();
    await nextTurn();
    this.#kernel.checkFault('map-write');
    const wanted = this.object.spec.inner;
    const fits = (['type', 'keySize', 'valueSize', 'maxEntries'] as const).every(
      (what) => wanted === undefined || wanted[what] === inner.object.spec[what],
    );
    if (!fits) throw new FairleadError('FL_E_MAP', `cannot put map ${inner.name} into map ${this.name}: invalid argument`);
    const id = Buffer.alloc(4);
    id.writeUInt32LE(inner.id);
    this.object.set(key, id, 'any', inner.object);
    this.note('set-inner', key, id);
    this.#kernel.collect();
  }

  pin(path: string): void {
    this.#kernel.checkFault('pin');
    pinObject(this.#kernel, path, this.object);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.object.handles--;
    this.#kernel.collect();
  }

  private note(op: 'update' | 'delete' | 'set-inner', key: Buffer, value: Buffer | undefined): void {
    this.#kernel.journal.push({ map: this.name, op, key: Buffer.from(key), value: value && Buffer.from(value) });
  }

  private require(what: string, buffer: Buffer, size: number, how: 'exactly' | 'at least' = 'exactly'): void {
    this.requireOpen();
    if (how === 'exactly' ? buffer.length === size : buffer.length >= size) return;
    throw new FairleadError('FL_E_MAP', `map ${this.name}: ${what} of ${buffer.length} bytes, need ${how} ${size}`);
  }

  private requireOpen(): void {
    if (!this.#open) throw new FairleadError('FL_E_SYSTEM', `map ${this.name} was used after it was closed`);
  }

  private refuseRawInner(): void {
    if (this.object.holdsMaps) throw new FairleadError('FL_E_MAP', `map ${this.name} holds maps: its entries are set with setInner`);
  }
}
