// A live kernel map: what Linux has beside the shared calls, as arrays that are memory of this process. Whole-map operations are in map-batch.ts.
// May import platform/port, platform/shared, agent/model/errors and its siblings.

import { FairleadError } from '../../agent/model/errors.js';
import type { MapChunk, MapSpec, MapType, UpdateWhen } from '../port.js';
import { LibbpfMap, mapTypeOf } from '../shared/map.js';
import { Descriptor } from '../shared/descriptor.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { type MapInfo, readMapInfo } from './info.js';
import { pinObject } from './pins.js';
import { deleteInBatches, putInBatch, readChunks, readMemory, strideOf, updateInBatches } from './map-batch.js';
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
const BPF_F_NO_PREALLOC = 1;

export class LinuxMap extends LibbpfMap {
  readonly #context: Context;
  readonly #btf: MapInfo['btf'];
  /** Opened when the first map is made like this one; undefined: there are none. */
  #types: { readonly descriptor: Descriptor | undefined } | undefined;
  /** Whether its memory is still to be asked for. */
  #mappable: boolean;
  /** Of an array, once it was looked at or written to: an entry is read and written there at a tenth of what a call takes. */
  #memory: MapMemory | undefined;

  /** Takes ownership of the descriptor. `name`: the whole name where the kernel's 15 characters are not all of it. */
  constructor(context: Context, descriptor: Descriptor, name?: string) {
    const info = readMapInfo(context, descriptor.fd);
    super(context.bpf, context.cpus, descriptor, { ...info, name: name ?? info.name, type: mapTypeOf(info.type, MAP_TYPES) });
    this.#context = context;
    this.#btf = info.btf;
    this.#mappable = this.type === 'array' && (info.flags & BPF_F_MMAPABLE) !== 0;
  }

  chunks(entriesPerChunk?: number): AsyncGenerator<MapChunk> {
    const memory = this.#openMemory(this.fd);
    return memory === undefined ? readChunks(this.#context, this, entriesPerChunk) : readMemory(memory, this, entriesPerChunk);
  }

  pin(path: string): void {
    pinObject(this.#context, this.fd, `map ${this.name}`, path);
  }

  override close(): void {
    this.#memory?.close();
    this.#types?.descriptor?.close();
    super.close();
  }

  /**
   * For the adapter alone: the BTF of the map's key and value, which stays this map's; undefined when it has none, or this process may not open
   * it (CAP_SYS_ADMIN).
   */
  types(): { readonly fd: number; readonly keyType: number; readonly valueType: number } | undefined {
    const { id, keyType, valueType } = this.#btf;
    this.#types ??= { descriptor: id === 0 ? undefined : this.#openTypes(id) };
    const { descriptor } = this.#types;
    return descriptor && { fd: descriptor.fd, keyType, valueType };
  }

  protected override read(fd: number, key: Buffer): Buffer | undefined {
    const memory = this.#openMemory(fd);
    if (memory === undefined) return super.read(fd, key);
    const index = key.readUInt32LE(0);
    if (index >= this.maxEntries) return undefined;
    const value = Buffer.allocUnsafe(this.valueSize);
    memory.copy(index, 1, strideOf(this.valueSize), this.valueSize, value);
    return value;
  }

  /**
   * The kernel too writes an array's value by copying it into this memory, with nothing that keeps a program from reading it meanwhile
   * (array_map_update_elem), so nothing becomes less whole. What it refuses, it is asked for, and says why.
   */
  protected override put(fd: number, key: Buffer, value: Buffer, when: UpdateWhen, hint?: string): void {
    const memory = when === 'absent' ? undefined : this.#openMemory(fd);
    const index = memory === undefined ? this.maxEntries : key.readUInt32LE(0);
    if (memory === undefined || index >= this.maxEntries) super.put(fd, key, value, when, hint);
    else memory.write(index * strideOf(this.valueSize), value);
  }

  protected putMany(keys: Buffer, values: Buffer, count: number): Promise<void> {
    return updateInBatches(this.#context, this, keys, values, count);
  }

  protected removeMany(keys: Buffer, count: number): Promise<number> {
    return deleteInBatches(this.#context, this, keys, count);
  }

  protected putInner(keys: Buffer, descriptors: Buffer, count: number): Promise<void> {
    return putInBatch(this.#context, this, keys, descriptors, count);
  }

  protected override isFull(errno: number): boolean {
    // An LRU hash without a free entry has none for a moment.
    return super.isFull(errno) || errno === ERRNO.E2BIG || (errno === ERRNO.ENOMEM && this.type === 'lru_hash');
  }

  protected error = systemError;

  #openTypes(id: number): Descriptor | undefined {
    const fd = this.#context.bpf.bpf_btf_get_fd_by_id(id);
    if (fd === -ERRNO.EPERM) return undefined;
    if (fd < 0) throw systemError('FL_E_LOAD', `cannot open the types of map ${this.name}`, fd);
    return new Descriptor(this.#context, fd, `types of map ${this.name}`);
  }

  /** Undefined of what is no array that was made for it, and where the kernel refuses, which it is asked once. */
  #openMemory(fd: number): MapMemory | undefined {
    if (!this.#mappable) return this.#memory;
    this.#mappable = false;
    this.#memory = MapMemory.open(fd, this.maxEntries * strideOf(this.valueSize));
    return this.#memory;
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
  opts.writeUInt32LE(spec.type === 'lpm_trie' ? BPF_F_NO_PREALLOC : 0, 28);
  const types = spec.like instanceof LinuxMap ? spec.like.types() : undefined;
  if (types !== undefined) {
    opts.writeUInt32LE(types.fd, 8);
    opts.writeUInt32LE(types.keyType, 12);
    opts.writeUInt32LE(types.valueType, 16);
  }
  const fd = context.bpf.bpf_map_create(MAP_TYPES[spec.type], spec.name, spec.keySize, spec.valueSize, spec.maxEntries, opts);
  if (fd < 0) throw systemError('FL_E_LOAD', `cannot make ${what}`, fd);
  return new LinuxMap(context, new Descriptor(context, fd, `map ${spec.name}`), spec.name);
}
