// What the fake kernel holds: maps, programs, links. Plain state; the handles of a platform stand in map.ts, program.ts, link.ts.
// May import platform/port, agent/model/errors.
// Invariant: a map's entries obey the rules of its type (full hash refuses, full LRU hash evicts, an array is always full).

import { FairleadError } from '../../agent/model/errors.js';
import { type MapSpec, PER_CPU, type UpdateWhen } from '../port.js';

/** A map as an object file declares it. */
export interface FakeMapSpec extends MapSpec {
  /** Declared with LIBBPF_PIN_BY_NAME; default true. */
  readonly pinned?: boolean;
  /** Of maps of maps: what the inner maps must look like. */
  readonly inner?: Omit<MapSpec, 'name'>;
}

export interface Entry {
  readonly key: Buffer;
  value: Buffer;
  /** Of maps of maps: the inner map. */
  inner?: MapObject;
}

/** Records in their order, with the kernel's 8 bytes before each and its rounding up to 8. */
export class RingObject {
  readonly #records: Buffer[] = [];
  #used = 0;
  /** Called, and forgotten, when a record comes or a reader closes. */
  wake: (() => void) | undefined;
  readonly #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Records that nobody has taken yet. */
  get waiting(): number {
    return this.#records.length;
  }

  /** False when it does not fit, as the helper's error. */
  put(record: Buffer): boolean {
    const used = this.#used + roomOf(record);
    if (used >= this.#bytes) return false;
    this.#used = used;
    this.#records.push(Buffer.from(record));
    this.wakeUp();
    return true;
  }

  /** The oldest records, at most `limit`; they are gone then. */
  take(limit: number): readonly Buffer[] {
    const taken = this.#records.splice(0, Math.max(0, limit));
    for (const record of taken) this.#used -= roomOf(record);
    return taken;
  }

  wakeUp(): void {
    this.wake?.();
    this.wake = undefined;
  }
}

function roomOf(record: Buffer): number {
  return 8 + Math.ceil(record.length / 8) * 8;
}

export class MapObject {
  readonly id: number;
  readonly spec: FakeMapSpec;
  /** As lookup returns it: per-CPU values of all CPUs together. */
  readonly valueSize: number;
  /** Open handles. */
  handles = 0;
  /** Of ring buffers: what nobody has taken yet. */
  readonly ring: RingObject | undefined;
  /** By the key's bytes; the first is the one that an LRU map evicts next. */
  readonly entries = new Map<string, Entry>();

  constructor(id: number, spec: FakeMapSpec, cpus: number) {
    this.id = id;
    this.spec = spec;
    this.ring = spec.type === 'ringbuf' ? new RingObject(spec.maxEntries) : undefined;
    this.valueSize = PER_CPU.includes(spec.type) ? Math.ceil(spec.valueSize / 8) * 8 * cpus : spec.valueSize;
  }

  get isArray(): boolean {
    return this.spec.type === 'array' || this.spec.type === 'percpu_array';
  }

  get holdsMaps(): boolean {
    return this.spec.type === 'array_of_maps' || this.spec.type === 'hash_of_maps';
  }

  /** The entry, as stored; of an array that nobody wrote at this index: zeros. */
  get(key: Buffer): Entry | undefined {
    const written = this.entries.get(key.toString('latin1'));
    if (written !== undefined || !this.isArray || key.readUInt32LE() >= this.spec.maxEntries) return written;
    return { key, value: Buffer.alloc(this.valueSize) };
  }

  /** The entry that a lookup finds: in an lpm_trie that of the longest prefix. */
  find(key: Buffer): Entry | undefined {
    return this.spec.type === 'lpm_trie' ? this.#longestPrefix(key) : this.get(key);
  }

  /** As find(), for who writes to the value: an array's entry is kept from then on. */
  take(key: Buffer): Entry | undefined {
    const found = this.find(key);
    if (found === undefined || !this.isArray || this.entries.has(key.toString('latin1'))) return found;
    this.put(key, found.value);
    return this.get(key);
  }

  /** Keys: the prefix's length as u32, then its bits, the first in the highest bit of the first byte. */
  #longestPrefix(key: Buffer): Entry | undefined {
    const wanted = key.readUInt32LE();
    let longest: Entry | undefined;
    for (const entry of this.entries.values()) {
      const length = entry.key.readUInt32LE();
      if (length > wanted || (longest !== undefined && length <= longest.key.readUInt32LE())) continue;
      if (samePrefix(entry.key.subarray(4), key.subarray(4), length)) longest = entry;
    }
    return longest;
  }

  /** All entries: an array's and an array of maps' in the order of indexes, others' oldest first. */
  list(): Entry[] {
    if (this.isArray) return Array.from({ length: this.spec.maxEntries }, (_, index) => this.get(indexKey(index)) as Entry);
    const entries = [...this.entries.values()];
    return this.spec.type === 'array_of_maps' ? entries.sort((a, b) => a.key.readUInt32LE() - b.key.readUInt32LE()) : entries;
  }

  /** All entries' keys and values, back to back. */
  content(): { readonly count: number; readonly keys: Buffer; readonly values: Buffer } {
    const { keySize, maxEntries } = this.spec;
    const entries = this.isArray ? [...this.entries.values()] : this.list();
    const count = this.isArray ? maxEntries : entries.length;
    const keys = Buffer.alloc(count * keySize);
    const values = Buffer.alloc(count * this.valueSize);
    if (this.isArray) for (let index = 0; index < count; index++) keys.writeUInt32LE(index, index * keySize);
    entries.forEach(({ key, value }, place) => {
      const at = this.isArray ? key.readUInt32LE() : place;
      key.copy(keys, at * keySize);
      value.copy(values, at * this.valueSize);
    });
    return { count, keys, values };
  }

  /** Throws FL_E_LIMIT, FL_E_CONFLICT as the kernel would refuse. */
  set(key: Buffer, value: Buffer, when: UpdateWhen, inner?: MapObject): void {
    const there = this.get(key);
    const { name, type, maxEntries } = this.spec;
    const what = `cannot update map ${name} (${type}, ${maxEntries} entries)`;
    const indexed = this.isArray || type === 'array_of_maps';
    if (indexed && key.readUInt32LE() >= maxEntries) throw new FairleadError('FL_E_LIMIT', `${what}: it is full`);
    if (when === 'absent' && there !== undefined) throw new FairleadError('FL_E_CONFLICT', `${what}: the key is there`);
    if (when === 'present' && there === undefined) throw new FairleadError('FL_E_CONFLICT', `${what}: the key is absent`);
    if (there === undefined && this.entries.size >= maxEntries) {
      if (type !== 'lru_hash') throw new FairleadError('FL_E_LIMIT', `${what}: it is full`);
      const oldest = this.entries.keys().next();
      if (!oldest.done) this.entries.delete(oldest.value);
    }
    this.put(key, value, inner);
  }

  /** False when the key was absent. Throws FL_E_MAP on arrays, whose entries cannot go. */
  remove(key: Buffer): boolean {
    if (this.isArray) throw new FairleadError('FL_E_MAP', `cannot delete from map ${this.spec.name} (${this.spec.type}): invalid argument`);
    return this.entries.delete(key.toString('latin1'));
  }

  private put(key: Buffer, value: Buffer, inner?: MapObject): void {
    const name = key.toString('latin1');
    // The entry becomes the newest.
    this.entries.delete(name);
    this.entries.set(name, { key: Buffer.from(key), value: Buffer.from(value), ...(inner === undefined ? {} : { inner }) });
  }
}

function samePrefix(a: Buffer, b: Buffer, bits: number): boolean {
  const bytes = bits >> 3;
  const last = 0xff & ~(0xff >> (bits & 7));
  return a.compare(b, 0, bytes, 0, bytes) === 0 && (((a[bytes] ?? 0) ^ (b[bytes] ?? 0)) & last) === 0;
}

function indexKey(index: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return key;
}

export interface ProgramObject {
  readonly kind: 'program';
  readonly id: number;
  readonly name: string;
  /** Of its name, as the fake has no instructions. */
  readonly tag: string;
  readonly maps: readonly MapObject[];
  handles: number;
}

export interface LinkObject {
  readonly kind: 'link';
  readonly id: number;
  /** 0 when the device is gone. */
  ifindex: number;
  readonly mode: 'native' | 'generic';
  program: ProgramObject;
  handles: number;
}

export type KernelObject = MapObject | ProgramObject | LinkObject;
