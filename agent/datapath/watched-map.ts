// A map that the agent alone writes, with what it has written beside it: so it is seen when somebody else writes there, and put right.
// Imports platform/port alone. Not for maps of maps: what an entry of theirs held is gone with it (maglev-tables.ts).
// Invariant: what is not known to be the agent's own write is foreign; a write that the map refused is not known.

import type { BpfMap, InnerEntry, MapChunk, UpdateWhen } from '../../platform/port.js';

/** What restore() found. */
export interface Restored {
  readonly map: string;
  /** Entries that had another value, that were gone, and that nobody but their writer knows. */
  readonly changed: number;
  readonly missing: number;
  readonly foreign: number;
}

export class WatchedMap implements BpfMap {
  readonly #map: BpfMap;
  /** By the key's bytes. Of an array: empty. */
  readonly #known = new Map<string, Buffer>();
  /** An array's values, one after the other. */
  readonly #array: Buffer | undefined;
  /** Of an array: no entry beyond was ever used. What stands there nothing refers to, and it is not read: arrays are large, and mostly empty. */
  #highest = -1;
  /** Of a value: bytes with 0 may be written by the data plane too. */
  readonly #mask: Buffer | undefined;
  #learned = false;

  /** `shared`: parts of a value, [offset, bytes], that the data plane writes too. */
  constructor(map: BpfMap, shared: readonly (readonly [number, number])[] = []) {
    this.#map = map;
    if (map.type === 'array') this.#array = Buffer.alloc(map.maxEntries * map.valueSize);
    if (shared.length === 0) return;
    this.#mask = Buffer.alloc(map.valueSize, 0xff);
    for (const [offset, bytes] of shared) this.#mask.fill(0, offset, offset + bytes);
  }

  get name(): string {
    return this.#map.name;
  }
  get id(): number {
    return this.#map.id;
  }
  get type(): BpfMap['type'] {
    return this.#map.type;
  }
  get keySize(): number {
    return this.#map.keySize;
  }
  get valueSize(): number {
    return this.#map.valueSize;
  }
  get maxEntries(): number {
    return this.#map.maxEntries;
  }

  lookup(key: Buffer): Buffer | undefined {
    return this.#map.lookup(key);
  }

  update(key: Buffer, value: Buffer, when?: UpdateWhen): void {
    this.#map.update(key, value, when);
    this.#note(key, value);
  }

  delete(key: Buffer): boolean {
    const there = this.#map.delete(key);
    this.#known.delete(nameOf(key));
    return there;
  }

  chunks(entriesPerChunk?: number): AsyncGenerator<MapChunk> {
    return this.#map.chunks(entriesPerChunk);
  }

  async updateMany(keys: Buffer, values: Buffer, count: number): Promise<void> {
    await this.#map.updateMany(keys, values, count);
    for (const [key, value] of this.#pairs({ count, keys, values })) this.#note(key, value);
  }

  async deleteMany(keys: Buffer, count: number): Promise<number> {
    const deleted = await this.#map.deleteMany(keys, count);
    for (let i = 0; i < count; i++) this.#known.delete(nameOf(keys.subarray(i * this.keySize, (i + 1) * this.keySize)));
    return deleted;
  }

  async setInner(entries: readonly InnerEntry[]): Promise<void> {
    await this.#map.setInner(entries);
  }

  pin(path: string): void {
    this.#map.pin(path);
  }

  close(): void {
    this.#map.close();
  }

  /** Takes what stands in the map for the agent's own. */
  async learn(): Promise<void> {
    this.#known.clear();
    this.#array?.fill(0);
    for await (const chunk of this.#map.chunks()) {
      // Most of an array was never written.
      if (this.#array !== undefined && this.#isChunkSame(chunk, this.#array)) continue;
      for (const [key, value] of this.#pairs(chunk)) this.#note(key, value);
    }
    this.#learned = true;
  }

  /** Compares the map with what is known, and puts right what differs. Undefined: nothing did. Before learn(): undefined. */
  async restore(): Promise<Restored | undefined> {
    if (!this.#learned) return undefined;
    const suspects = await this.#findSuspects();
    const found = { map: this.name, changed: 0, missing: 0, foreign: 0 };
    for (const key of suspects) {
      // Looked at again, with nothing in between: what was read before may have been written since by the agent.
      const wanted = this.#get(key);
      const there = this.#map.lookup(key);
      if (wanted === undefined ? there === undefined : there !== undefined && this.#isSame(there, wanted)) continue;
      if (wanted === undefined) found.foreign++;
      else if (there === undefined) found.missing++;
      else found.changed++;
      if (wanted === undefined) this.#map.delete(key);
      else this.#map.update(key, wanted);
    }
    return found.changed + found.missing + found.foreign === 0 ? undefined : found;
  }

  /** Keys at which the map is not as it is known, or was not a moment ago. */
  async #findSuspects(): Promise<readonly Buffer[]> {
    const suspects: Buffer[] = [];
    const absent = new Set(this.#known.keys());
    for await (const chunk of this.#map.chunks()) {
      if (this.#array !== undefined && chunk.keys.readUInt32LE(0) > this.#highest) break;
      if (this.#array !== undefined && this.#isChunkSame(chunk, this.#array)) continue;
      for (const [key, value] of this.#pairs(chunk)) {
        const wanted = this.#get(key);
        absent.delete(nameOf(key));
        if (wanted === undefined || !this.#isSame(value, wanted)) suspects.push(Buffer.from(key));
      }
    }
    for (const name of absent) suspects.push(Buffer.from(name, 'latin1'));
    return suspects;
  }

  /** An array's chunk as a whole: most never differ. */
  #isChunkSame({ count, keys, values }: MapChunk, array: Buffer): boolean {
    const at = keys.readUInt32LE(0) * this.valueSize;
    return values.compare(array, at, at + count * this.valueSize, 0, count * this.valueSize) === 0;
  }

  #get(key: Buffer): Buffer | undefined {
    if (this.#array === undefined) return this.#known.get(nameOf(key));
    const at = key.readUInt32LE(0) * this.valueSize;
    return this.#array.subarray(at, at + this.valueSize);
  }

  #note(key: Buffer, value: Buffer): void {
    if (this.#array === undefined) this.#known.set(nameOf(key), Buffer.from(value));
    else {
      const index = key.readUInt32LE(0);
      value.copy(this.#array, index * this.valueSize);
      if (index > this.#highest && value.some((byte) => byte !== 0)) this.#highest = index;
    }
  }

  #isSame(value: Buffer, wanted: Buffer): boolean {
    if (value.equals(wanted)) return true;
    const mask = this.#mask;
    return mask !== undefined && value.every((byte, i) => ((byte ^ (wanted[i] as number)) & (mask[i] as number)) === 0);
  }

  *#pairs({ count, keys, values }: MapChunk): Generator<readonly [Buffer, Buffer]> {
    const { keySize, valueSize } = this;
    for (let i = 0; i < count; i++)
      yield [keys.subarray(i * keySize, (i + 1) * keySize), values.subarray(i * valueSize, (i + 1) * valueSize)];
  }
}

const nameOf = (key: Buffer): string => key.toString('latin1');
