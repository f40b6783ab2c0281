// A live map: where eBPF for Windows' library answers otherwise than libbpf does. Whole-map operations are in map-batch.ts.
// May import platform/port, platform/shared, agent/model/errors and its siblings.
// Invariant: the port's answers are the same as on Linux.

import { FairleadError } from '../../agent/model/errors.js';
import type { MapChunk, MapSpec, UpdateWhen } from '../port.js';
import { LibbpfMap, mapTypeOf } from '../shared/map.js';
import { entryOf } from '../shared/map-walk.js';
import { Descriptor } from '../shared/descriptor.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { readMapInfo } from './info.js';
import { deleteAll, readChunks, updateInBatches } from './map-batch.js';
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

export class WindowsMap extends LibbpfMap {
  readonly #context: Context;

  /** Takes ownership of the descriptor. */
  constructor(context: Context, descriptor: Descriptor) {
    const info = readMapInfo(context, descriptor.fd);
    super(context.api, context.cpus, descriptor, { ...info, type: mapTypeOf(info.type, MAP_TYPES) });
    this.#context = context;
  }

  chunks(entriesPerChunk?: number): AsyncGenerator<MapChunk> {
    return readChunks(this.#context, this, entriesPerChunk);
  }

  pin(path: string): void {
    pinObject(this.#context, this.fd, `map ${this.name}`, path);
  }

  protected override read(fd: number, key: Buffer): Buffer | undefined {
    return this.#hasIndex(key) ? super.read(fd, key) : undefined;
  }

  protected override put(fd: number, key: Buffer, value: Buffer, when: UpdateWhen, hint?: string): void {
    if (!this.#hasIndex(key)) throw this.failure('update', ERRNO.ENOSPC);
    if (when === 'absent' && this.#isArray) throw this.failure('update', ERRNO.EEXIST);
    try {
      super.put(fd, key, value, when, hint);
    } catch (error) {
      // The library has no errno for a key that is there: it says EOTHER, as of all that it has none for.
      const isThere = when === 'absent' && error instanceof FairleadError && error.errno === ERRNO.EOTHER;
      throw isThere ? this.failure('update', ERRNO.EEXIST) : error;
    }
  }

  protected override remove(fd: number, key: Buffer): boolean {
    // The library would write zeros; the port has no such deletion.
    if (this.#isArray) throw this.failure('delete from', ERRNO.EINVAL);
    return this.#hasIndex(key) && super.remove(fd, key);
  }

  protected putMany(keys: Buffer, values: Buffer, count: number): Promise<void> {
    return updateInBatches(this.#context, this, keys, values, count);
  }

  protected removeMany(keys: Buffer, count: number): Promise<number> {
    return deleteAll(this, keys, count);
  }

  /** There is no batch for maps of maps, and no grace period to wait for. */
  protected async putInner(keys: Buffer, descriptors: Buffer, count: number): Promise<void> {
    const hint = 'inner maps must all have the same type and sizes';
    for (let i = 0; i < count; i++) this.put(this.fd, entryOf(keys, i, this.keySize), entryOf(descriptors, i, 4), 'any', hint);
  }

  protected error = systemError;

  get #isArray(): boolean {
    return this.type === 'array' || this.type === 'percpu_array';
  }

  /** False of an index beyond an array's end, which the library answers as any other wrong argument. */
  #hasIndex(key: Buffer): boolean {
    return (!this.#isArray && this.type !== 'array_of_maps') || key.readUInt32LE() < this.maxEntries;
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
