// A live kernel map: single operations here, whole-map operations in map-batch.ts.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: every buffer that reaches the kernel has been checked for size; the kernel would read past a short one.

import { FairleadError } from '../../agent/model/errors.js';
import type { BpfMap, InnerEntry, MapChunk, MapSpec, MapType, UpdateWhen } from '../port.js';
import { type Context, Descriptor } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { readMapInfo } from './info.js';
import { pinObject } from './pins.js';
import { deleteInBatches, firstOfRun, putInBatch, readChunks, readMemory, strideOf, updateInBatches } from './map-batch.js';
import { BPF_F_MMAPABLE, MapMemory } from './map-memory.js';

/** enum bpf_map_type of linux/bpf.h. */
export const MAP_TYPES: Readonly<Record<Exclude<MapType, 'other'>, number>> = {
  hash: 1,
  array: 2,
  percpu_hash: 5,
  percpu_array: 6,
  lru_hash: 9,
  lpm_trie: 11,
  array_of_maps: 12,
  hash_of_maps: 13,
  ringbuf: 27,
};
const PER_CPU_TYPES = new Set([5, 6, 10, 21]);
const BPF_F_NO_PREALLOC = 1;
const FLAGS: Readonly<Record<UpdateWhen, number>> = { any: 0, absent: 1, present: 2 };

export class LinuxMap implements BpfMap {
  readonly name: string;
  readonly id: number;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly #context: Context;
  readonly #descriptor: Descriptor;
  readonly #mappable: boolean;
  /** Of an array that was read as a whole once: single entries are read there too, at a tenth of what a call takes. */
  #memory: MapMemory | undefined;

  /** Takes ownership of the descriptor. `name`: the whole name where the kernel's 15 characters are not all of it. */
  constructor(context: Context, descriptor: Descriptor, name?: string) {
    const info = readMapInfo(context, descriptor.fd);
    this.#context = context;
    this.#descriptor = descriptor;
    this.name = name ?? info.name;
    this.id = info.id;
    this.type = (Object.keys(MAP_TYPES) as (keyof typeof MAP_TYPES)[]).find((type) => MAP_TYPES[type] === info.type) ?? 'other';
    this.keySize = info.keySize;
    this.valueSize = PER_CPU_TYPES.has(info.type) ? Math.ceil(info.valueSize / 8) * 8 * context.cpus : info.valueSize;
    this.maxEntries = info.maxEntries;
    this.#mappable = this.type === 'array' && (info.flags & BPF_F_MMAPABLE) !== 0;
  }

  /** For the adapter alone. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  get holdsMaps(): boolean {
    return this.type === 'array_of_maps' || this.type === 'hash_of_maps';
  }

  lookup(key: Buffer): Buffer | undefined {
    this.requireSize('key', key, this.keySize);
    const value = Buffer.alloc(this.valueSize);
    if (this.#memory !== undefined) {
      const index = key.readUInt32LE(0);
      if (index >= this.maxEntries) return undefined;
      this.#memory.copy(index, 1, strideOf(this.valueSize), this.valueSize, value);
      return value;
    }
    const result = this.#context.bpf.bpf_map_lookup_elem(this.fd, key, value);
    if (result === -ERRNO.ENOENT) return undefined;
    if (result < 0) throw this.failure('look up', result);
    return value;
  }

  update(key: Buffer, value: Buffer, when: UpdateWhen = 'any'): void {
    this.requireSize('key', key, this.keySize);
    this.requireSize('value', value, this.valueSize);
    this.refuseRawInner();
    const result = this.#context.bpf.bpf_map_update_elem(this.fd, key, value, FLAGS[when]);
    if (result < 0) throw this.failure('update', result);
  }

  delete(key: Buffer): boolean {
    this.requireSize('key', key, this.keySize);
    const result = this.#context.bpf.bpf_map_delete_elem(this.fd, key);
    if (result === -ERRNO.ENOENT) return false;
    if (result < 0) throw this.failure('delete from', result);
    return true;
  }

  chunks(entriesPerChunk?: number): AsyncGenerator<MapChunk> {
    if (this.#mappable) this.#memory ??= MapMemory.open(this.fd, this.maxEntries * strideOf(this.valueSize));
    return this.#memory === undefined ? readChunks(this.#context, this, entriesPerChunk) : readMemory(this.#memory, this, entriesPerChunk);
  }

  async updateMany(keys: Buffer, values: Buffer, count: number): Promise<void> {
    this.requireSize('keys', keys, this.keySize * count, 'at least');
    this.requireSize('values', values, this.valueSize * count, 'at least');
    this.refuseRawInner();
    if (this.#mappable && this.#writeMemory(keys, values, count)) return;
    await updateInBatches(this.#context, this, keys, values, count);
  }

  async deleteMany(keys: Buffer, count: number): Promise<number> {
    this.requireSize('keys', keys, this.keySize * count, 'at least');
    return await deleteInBatches(this.#context, this, keys, count);
  }

  async setInner(entries: readonly InnerEntry[]): Promise<void> {
    const keys = Buffer.concat(entries.map(({ key }) => key));
    const descriptors = Buffer.alloc(entries.length * 4);
    for (const [index, { key, inner }] of entries.entries()) {
      this.requireSize('key', key, this.keySize);
      if (!(inner instanceof LinuxMap) || !this.holdsMaps) {
        throw new FairleadError('FL_E_MAP', `map ${this.name} (${this.type}) cannot hold map ${inner.name} (${inner.type})`);
      }
      descriptors.writeUInt32LE(inner.fd, index * 4);
    }
    await putInBatch(this.#context, this, keys, descriptors, entries.length);
  }

  pin(path: string): void {
    pinObject(this.#context, this.fd, `map ${this.name}`, path);
  }

  close(): void {
    this.#memory?.close();
    this.#descriptor.close();
  }

  /** The error of a failed operation: "cannot update map ct4 (lru_hash, 262144 entries): ...". */
  failure(doing: string, errno: number, hint?: string): FairleadError {
    const what = `cannot ${doing} map ${this.name} (${this.type}, ${this.maxEntries} entries)`;
    const number = Math.abs(errno);
    if (number === ERRNO.E2BIG || number === ERRNO.ENOSPC) return systemError('FL_E_LIMIT', `${what}: it is full`, errno);
    if (number === ERRNO.ENOMEM && this.type === 'lru_hash') return systemError('FL_E_LIMIT', `${what}: no free entry`, errno);
    if (number === ERRNO.EEXIST) return systemError('FL_E_CONFLICT', `${what}: the key is there`, errno);
    if (number === ERRNO.ENOENT) return systemError('FL_E_CONFLICT', `${what}: the key is absent`, errno);
    return systemError('FL_E_MAP', what, errno, hint);
  }

  /** The same without a call for each entry, where they follow each other; false where that cannot be. */
  #writeMemory(keys: Buffer, values: Buffer, count: number): boolean {
    const first = firstOfRun(keys, count);
    if (first === undefined || first + count > this.maxEntries || strideOf(this.valueSize) !== this.valueSize) return false;
    const memory = MapMemory.open(this.fd, this.maxEntries * this.valueSize, 'write');
    memory?.write(first * this.valueSize, values.subarray(0, count * this.valueSize));
    memory?.close();
    return memory !== undefined;
  }

  private requireSize(what: string, buffer: Buffer, size: number, how: 'exactly' | 'at least' = 'exactly'): void {
    if (how === 'exactly' ? buffer.length === size : buffer.length >= size) return;
    throw new FairleadError('FL_E_MAP', `map ${this.name}: ${what} of ${buffer.length} bytes, need ${how} ${size}`);
  }

  private refuseRawInner(): void {
    if (this.holdsMaps) throw new FairleadError('FL_E_MAP', `map ${this.name} holds maps: its entries are set with setInner`);
  }
}

/** A new map that nothing pins. Throws FL_E_UNSUPPORTED for types that need more than a MapSpec says, FL_E_LOAD, FL_E_PERMISSION. */
export function createMap(context: Context, spec: MapSpec): LinuxMap {
  const what = `map ${spec.name} (${spec.type}, key ${spec.keySize} bytes, value ${spec.valueSize} bytes, ${spec.maxEntries} entries)`;
  if (spec.type === 'other' || spec.type === 'array_of_maps' || spec.type === 'hash_of_maps') {
    throw new FairleadError('FL_E_UNSUPPORTED', `${what} cannot be made by itself`, { hint: 'declare it in an object file and load that' });
  }
  const opts = Buffer.alloc(48);
  opts.writeBigUInt64LE(48n, 0);
  const like = spec.like instanceof LinuxMap ? readMapInfo(context, spec.like.fd) : undefined;
  opts.writeUInt32LE(spec.type === 'lpm_trie' ? BPF_F_NO_PREALLOC : (like?.flags ?? 0) & BPF_F_MMAPABLE, 28);
  const types = like && openTypes(context, like);
  if (types !== undefined) {
    opts.writeUInt32LE(types.descriptor.fd, 8);
    opts.writeUInt32LE(types.keyType, 12);
    opts.writeUInt32LE(types.valueType, 16);
  }
  const fd = context.bpf.bpf_map_create(MAP_TYPES[spec.type], spec.name, spec.keySize, spec.valueSize, spec.maxEntries, opts);
  types?.descriptor.close();
  if (fd < 0) throw systemError('FL_E_LOAD', `cannot make ${what}`, fd);
  return new LinuxMap(context, new Descriptor(context, fd, `map ${spec.name}`), spec.name);
}

/** The BTF of a map's key and value; undefined when it has none, or this process may not open it (CAP_SYS_ADMIN). The caller closes the descriptor. */
function openTypes(
  context: Context,
  { name, btf }: ReturnType<typeof readMapInfo>,
): { descriptor: Descriptor; keyType: number; valueType: number } | undefined {
  if (btf.id === 0) return undefined;
  const fd = context.bpf.bpf_btf_get_fd_by_id(btf.id);
  if (fd === -ERRNO.EPERM) return undefined;
  if (fd < 0) throw systemError('FL_E_LOAD', `cannot open the types of map ${name}`, fd);
  return { descriptor: new Descriptor(context, fd, `types of map ${name}`), keyType: btf.keyType, valueType: btf.valueType };
}
