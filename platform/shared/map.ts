// A live map by the calls that libbpf and ebpfapi.dll share: single operations, and the checks of all. Whole-map operations are the platform's.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: every buffer that reaches the library has been checked for size; it would read past a short one.

import { type ErrorCode, FairleadError } from '../../agent/model/errors.js';
import { type BpfMap, type InnerEntry, type MapChunk, type MapType, PER_CPU, type UpdateWhen } from '../port.js';
import type { Descriptor } from './descriptor.js';
import type { SharedCalls } from './libbpf-calls.js';

/** The numbers that both C libraries have in common. */
const ENOENT = 2;
const EEXIST = 17;
const ENOSPC = 28;

const FLAGS: Readonly<Record<UpdateWhen, number>> = { any: 0, absent: 1, present: 2 };

/** What the system tells of a map. `valueSize`: of one CPU. */
export interface MapFacts {
  readonly id: number;
  readonly name: string;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

/** By the platform's number of it. */
export function mapTypeOf(number: number, types: Readonly<Record<Exclude<MapType, 'other'>, number>>): MapType {
  return (Object.keys(types) as (keyof typeof types)[]).find((type) => types[type] === number) ?? 'other';
}

export abstract class LibbpfMap implements BpfMap {
  readonly name: string;
  readonly id: number;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly #calls: SharedCalls;
  readonly #descriptor: Descriptor;

  /** Takes ownership of the descriptor. `cpus`: per-CPU values have one part for each. */
  constructor(calls: SharedCalls, cpus: number, descriptor: Descriptor, facts: MapFacts) {
    this.#calls = calls;
    this.#descriptor = descriptor;
    this.name = facts.name;
    this.id = facts.id;
    this.type = facts.type;
    this.keySize = facts.keySize;
    this.valueSize = PER_CPU.includes(facts.type) ? Math.ceil(facts.valueSize / 8) * 8 * cpus : facts.valueSize;
    this.maxEntries = facts.maxEntries;
  }

  /** For the adapter alone. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  get holdsMaps(): boolean {
    return this.type === 'array_of_maps' || this.type === 'hash_of_maps';
  }

  lookup(key: Buffer): Buffer | undefined {
    this.#requireSize('key', key, this.keySize);
    return this.read(this.fd, key);
  }

  update(key: Buffer, value: Buffer, when: UpdateWhen = 'any'): void {
    this.#requireSize('key', key, this.keySize);
    this.#requireSize('value', value, this.valueSize);
    this.#refuseRawInner();
    this.put(this.fd, key, value, when);
  }

  delete(key: Buffer): boolean {
    this.#requireSize('key', key, this.keySize);
    return this.remove(this.fd, key);
  }

  abstract chunks(entriesPerChunk?: number): AsyncGenerator<MapChunk>;

  async updateMany(keys: Buffer, values: Buffer, count: number): Promise<void> {
    this.#requireSize('keys', keys, this.keySize * count, 'at least');
    this.#requireSize('values', values, this.valueSize * count, 'at least');
    this.#refuseRawInner();
    await this.putMany(keys, values, count);
  }

  async deleteMany(keys: Buffer, count: number): Promise<number> {
    this.#requireSize('keys', keys, this.keySize * count, 'at least');
    return await this.removeMany(keys, count);
  }

  async setInner(entries: readonly InnerEntry[]): Promise<void> {
    const descriptors = Buffer.alloc(entries.length * 4);
    for (const [index, { key, inner }] of entries.entries()) {
      this.#requireSize('key', key, this.keySize);
      if (!(inner instanceof LibbpfMap) || !this.holdsMaps) {
        throw new FairleadError('FL_E_MAP', `map ${this.name} (${this.type}) cannot hold map ${inner.name} (${inner.type})`);
      }
      descriptors.writeUInt32LE(inner.fd, index * 4);
    }
    await this.putInner(Buffer.concat(entries.map(({ key }) => key)), descriptors, entries.length);
  }

  abstract pin(path: string): void;

  close(): void {
    this.#descriptor.close();
  }

  /** The error of a failed operation: "cannot update map ct4 (hash, 262144 entries): ...". */
  failure(doing: string, errno: number, hint?: string): FairleadError {
    const what = `cannot ${doing} map ${this.name} (${this.type}, ${this.maxEntries} entries)`;
    const number = Math.abs(errno);
    if (this.isFull(number)) return this.error('FL_E_LIMIT', `${what}: it is full`, errno);
    if (number === EEXIST) return this.error('FL_E_CONFLICT', `${what}: the key is there`, errno);
    if (number === ENOENT) return this.error('FL_E_CONFLICT', `${what}: the key is absent`, errno);
    return this.error('FL_E_MAP', what, errno, hint);
  }

  /** Does this errno of an update say that there is no room? */
  protected isFull(errno: number): boolean {
    return errno === ENOSPC;
  }

  protected read(fd: number, key: Buffer): Buffer | undefined {
    const value = Buffer.alloc(this.valueSize);
    const result = this.#calls.bpf_map_lookup_elem(fd, key, value);
    if (result === -ENOENT) return undefined;
    if (result < 0) throw this.failure('look up', result);
    return value;
  }

  /** `value`: of a map of maps, a descriptor. */
  protected put(fd: number, key: Buffer, value: Buffer, when: UpdateWhen, hint?: string): void {
    const result = this.#calls.bpf_map_update_elem(fd, key, value, FLAGS[when]);
    if (result < 0) throw this.failure('update', result, hint);
  }

  protected remove(fd: number, key: Buffer): boolean {
    const result = this.#calls.bpf_map_delete_elem(fd, key);
    if (result === -ENOENT) return false;
    if (result < 0) throw this.failure('delete from', result);
    return true;
  }

  protected abstract putMany(keys: Buffer, values: Buffer, count: number): Promise<void>;
  protected abstract removeMany(keys: Buffer, count: number): Promise<number>;
  protected abstract putInner(keys: Buffer, descriptors: Buffer, count: number): Promise<void>;
  /** The platform's error of an errno. */
  protected abstract error(code: ErrorCode, what: string, errno: number, hint?: string): FairleadError;

  #requireSize(what: string, buffer: Buffer, size: number, how: 'exactly' | 'at least' = 'exactly'): void {
    if (how === 'exactly' ? buffer.length === size : buffer.length >= size) return;
    throw new FairleadError('FL_E_MAP', `map ${this.name}: ${what} of ${buffer.length} bytes, need ${how} ${size}`);
  }

  #refuseRawInner(): void {
    if (this.holdsMaps) throw new FairleadError('FL_E_MAP', `map ${this.name} holds maps: its entries are set with setInner`);
  }
}
