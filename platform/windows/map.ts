// One map: single operations by the library's calls.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: keys and values have the map's sizes before the library sees them; it writes as many bytes as the map has.

import { FairleadError } from '../../agent/model/errors.js';
import { type BpfMap, type InnerEntry, type MapChunk, type MapSpec, type MapType, PER_CPU, type UpdateWhen } from '../port.js';
import { type Context, Descriptor } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { readMapInfo } from './info.js';
import { deleteOneByOne, readChunks, updateInBatches } from './map-batch.js';
import { pinObject } from './pins.js';

/** enum bpf_map_type of eBPF for Windows, which is not Linux'. */
export const MAP_TYPES = {
  hash: 1,
  array: 2,
  percpu_hash: 4,
  percpu_array: 5,
  hash_of_maps: 6,
  array_of_maps: 7,
  lru_hash: 8,
  lpm_trie: 9,
  ringbuf: 13,
} as const;

const FLAGS: Readonly<Record<UpdateWhen, number>> = { any: 0, absent: 1, present: 2 };

export class WindowsMap implements BpfMap {
  readonly name: string;
  readonly id: number;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly #context: Context;
  readonly #descriptor: Descriptor;

  /** Takes ownership of the descriptor. */
  constructor(context: Context, descriptor: Descriptor) {
    const info = readMapInfo(context, descriptor.fd);
    this.#context = context;
    this.#descriptor = descriptor;
    this.name = info.name;
    this.id = info.id;
    this.type = (Object.keys(MAP_TYPES) as (keyof typeof MAP_TYPES)[]).find((type) => MAP_TYPES[type] === info.type) ?? 'other';
    this.keySize = info.keySize;
    this.valueSize = PER_CPU.includes(this.type) ? Math.ceil(info.valueSize / 8) * 8 * context.cpus : info.valueSize;
    this.maxEntries = info.maxEntries;
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
    const value = Buffer.alloc(this.valueSize);
    const { fd } = this;
    if (!this.#hasIndex(key)) return undefined;
    const result = this.#context.api.bpf_map_lookup_elem(fd, key, value);
    if (result === -ERRNO.ENOENT) return undefined;
    if (result < 0) throw this.failure('look up', result);
    return value;
  }

  update(key: Buffer, value: Buffer, when: UpdateWhen = 'any'): void {
    this.#requireSize('key', key, this.keySize);
    this.#requireSize('value', value, this.valueSize);
    if (this.holdsMaps) throw new FairleadError('FL_E_MAP', `map ${this.name} holds maps: its entries are set with setInner`);
    this.#put(key, value, when);
  }

  delete(key: Buffer): boolean {
    this.#requireSize('key', key, this.keySize);
    const { fd } = this;
    // The library would write zeros; the port has no such deletion.
    if (this.#isArray) throw this.failure('delete from', ERRNO.EINVAL);
    if (!this.#hasIndex(key)) return false;
    const result = this.#context.api.bpf_map_delete_elem(fd, key);
    if (result === -ERRNO.ENOENT) return false;
    if (result < 0) throw this.failure('delete from', result);
    return true;
  }

  chunks(entriesPerChunk?: number): AsyncGenerator<MapChunk> {
    return readChunks(this.#context, this, entriesPerChunk);
  }

  async updateMany(keys: Buffer, values: Buffer, count: number): Promise<void> {
    this.#requireSize('keys', keys, this.keySize * count, 'at least');
    this.#requireSize('values', values, this.valueSize * count, 'at least');
    if (this.holdsMaps) throw new FairleadError('FL_E_MAP', `map ${this.name} holds maps: its entries are set with setInner`);
    await updateInBatches(this.#context, this, keys, values, count);
  }

  async deleteMany(keys: Buffer, count: number): Promise<number> {
    this.#requireSize('keys', keys, this.keySize * count, 'at least');
    return await deleteOneByOne(this, keys, count);
  }

  /** There is no batch for maps of maps, and no grace period to wait for. */
  async setInner(entries: readonly InnerEntry[]): Promise<void> {
    for (const { key, inner } of entries) {
      this.#requireSize('key', key, this.keySize);
      if (!(inner instanceof WindowsMap) || !this.holdsMaps)
        throw new FairleadError('FL_E_MAP', `map ${this.name} (${this.type}) cannot hold map ${inner.name} (${inner.type})`);
      const descriptor = Buffer.alloc(4);
      descriptor.writeUInt32LE(inner.fd);
      this.#put(key, descriptor, 'any', 'inner maps must all have the same type and sizes');
    }
  }

  pin(path: string): void {
    pinObject(this.#context, this.fd, `map ${this.name}`, path);
  }

  close(): void {
    this.#descriptor.close();
  }

  /** The error of a failed operation: "cannot update map ct4 (hash, 262144 entries): ...". */
  failure(doing: string, errno: number, hint?: string): FairleadError {
    const what = `cannot ${doing} map ${this.name} (${this.type}, ${this.maxEntries} entries)`;
    const number = Math.abs(errno);
    if (number === ERRNO.ENOSPC) return systemError('FL_E_LIMIT', `${what}: it is full`, errno);
    if (number === ERRNO.EEXIST) return systemError('FL_E_CONFLICT', `${what}: the key is there`, errno);
    if (number === ERRNO.ENOENT) return systemError('FL_E_CONFLICT', `${what}: the key is absent`, errno);
    return systemError('FL_E_MAP', what, errno, hint);
  }

  get #isArray(): boolean {
    return this.type === 'array' || this.type === 'percpu_array';
  }

  /** False of an index beyond an array's end, which the library answers as any other wrong argument. */
  #hasIndex(key: Buffer): boolean {
    return (!this.#isArray && this.type !== 'array_of_maps') || key.readUInt32LE() < this.maxEntries;
  }

  #put(key: Buffer, value: Buffer, when: UpdateWhen, hint?: string): void {
    const { fd } = this;
    if (!this.#hasIndex(key)) throw this.failure('update', ERRNO.ENOSPC);
    if (this.#isArray && when === 'absent') throw this.failure('update', ERRNO.EEXIST);
    const result = this.#context.api.bpf_map_update_elem(fd, key, value, FLAGS[when]);
    // The library has no errno for a key that is there: it says EOTHER, as of all that it has none for.
    if (result === -ERRNO.EOTHER && when === 'absent') throw this.failure('update', ERRNO.EEXIST);
    if (result < 0) throw this.failure('update', result, hint);
  }

  #requireSize(what: string, buffer: Buffer, size: number, how: 'exactly' | 'at least' = 'exactly'): void {
    if (how === 'exactly' ? buffer.length === size : buffer.length >= size) return;
    throw new FairleadError('FL_E_MAP', `map ${this.name}: ${what} of ${buffer.length} bytes, need ${how} ${size}`);
  }
}

/** A new map that nothing pins. Throws FL_E_UNSUPPORTED for types that need more than a MapSpec says, FL_E_LOAD, FL_E_PERMISSION. */
export function createMap(context: Context, spec: MapSpec): WindowsMap {
  const what = `map ${spec.name} (${spec.type}, key ${spec.keySize} bytes, value ${spec.valueSize} bytes, ${spec.maxEntries} entries)`;
  if (spec.type === 'other' || spec.type === 'array_of_maps' || spec.type === 'hash_of_maps') {
    throw new FairleadError('FL_E_UNSUPPORTED', `${what} cannot be made by itself`, { hint: 'declare it in an object file and load that' });
  }
  const opts = Buffer.alloc(48); // struct bpf_map_create_opts
  opts.writeBigUInt64LE(48n, 0);
  const { api } = context;
  const fd = api.bpf_map_create(MAP_TYPES[spec.type], spec.name, spec.keySize, spec.valueSize, spec.maxEntries, opts);
  if (fd < 0) throw systemError('FL_E_LOAD', `cannot make ${what}`, fd);
  return new WindowsMap(context, new Descriptor(context, fd, `map ${spec.name}`));
}
