// Whole-map operations entry by entry: for map types that have no batch calls, and for systems whose batches do not tell enough.
// May import node:timers/promises, platform/port and its siblings.
// Invariant: no stretch between two turns of the event loop handles more than ENTRIES_PER_TURN entries (0.5 to 2 ms).

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MapChunk } from '../port.js';
import type { SharedCalls } from './libbpf-calls.js';
import type { LibbpfMap } from './map.js';

export const ENTRIES_PER_TURN = 2048;

/** struct bpf_map_batch_opts without flags. */
export const BATCH_OPTS = Buffer.alloc(24);
BATCH_OPTS.writeBigUInt64LE(24n, 0);

const ENOENT = 2;

/** Entry `index` of some that lie back to back, each of `size` bytes. */
export const entryOf = (all: Buffer, index: number, size: number): Buffer => all.subarray(index * size, (index + 1) * size);

/** The content in chunks of `size`. A map whose current key is deleted meanwhile may start again from the front: so the walk is bounded. */
export async function* readOneByOne(
  { bpf_map_get_next_key }: Pick<SharedCalls, 'bpf_map_get_next_key'>,
  map: LibbpfMap,
  size: number,
): AsyncGenerator<MapChunk> {
  const keys = Buffer.alloc(size * map.keySize);
  const values = Buffer.alloc(size * map.valueSize);
  let key: Buffer | null = null;
  let next = Buffer.alloc(map.keySize);
  let count = 0;
  for (let steps = 0; steps < 2 * map.maxEntries; steps++) {
    const result = bpf_map_get_next_key(map.fd, key, next);
    if (result === -ENOENT) break;
    if (result < 0) throw map.failure('walk', result);
    const value = map.lookup(next);
    if (value !== undefined) {
      next.copy(keys, count * map.keySize);
      value.copy(values, count * map.valueSize);
      count++;
    }
    const free: Buffer<ArrayBuffer> = (key as Buffer<ArrayBuffer> | null) ?? Buffer.alloc(map.keySize);
    key = next;
    next = free;
    if (count === size) {
      yield { count, keys, values };
      count = 0;
    }
    if (steps % ENTRIES_PER_TURN === ENTRIES_PER_TURN - 1) await nextTurn();
  }
  if (count > 0) yield { count, keys, values };
}

/** A piece of at most ENTRIES_PER_TURN entries. */
export function updateOneByOne(map: LibbpfMap, keys: Buffer, values: Buffer, count: number): void {
  for (let i = 0; i < count; i++) map.update(entryOf(keys, i, map.keySize), entryOf(values, i, map.valueSize));
}

/** The same; returns how many keys were there. */
export function deleteOneByOne(map: LibbpfMap, keys: Buffer, count: number): number {
  let deleted = 0;
  for (let i = 0; i < count; i++) if (map.delete(entryOf(keys, i, map.keySize))) deleted++;
  return deleted;
}
