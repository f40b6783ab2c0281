// Whole-map operations: an array's memory, the kernel's batch calls where the map type has them, one by one where not.
// May import node:timers/promises, platform/port, platform/shared and its siblings.
// Invariant: no stretch between two turns of the event loop handles more than ENTRIES_PER_TURN entries (0.5 to 2 ms).

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MapChunk } from '../port.js';
import type { Context } from './context.js';
import { ERRNO } from './errno.js';
import { callAsync } from '../shared/libbpf-calls.js';
import { BATCH_OPTS, deleteOneByOne, ENTRIES_PER_TURN, entryOf, readOneByOne, updateOneByOne } from '../shared/map-walk.js';
import type { LinuxMap } from './map.js';
import type { MapMemory } from './map-memory.js';

/** The kernel's answers when a map type has no batch call, or kernels before 5.6 have none at all. */
function hasNoBatch(result: number): boolean {
  return result === -ERRNO.ENOTSUPP || result === -ERRNO.EOPNOTSUPP || result === -ERRNO.EINVAL;
}

/** The map's content in chunks of at most `entriesPerChunk`, or more where the kernel's hash buckets are fuller than that. */
export async function* readChunks(context: Context, map: LinuxMap, entriesPerChunk = ENTRIES_PER_TURN): AsyncGenerator<MapChunk> {
  let size = Math.max(1, Math.min(entriesPerChunk, map.maxEntries));
  // Batch reads of maps of maps stop at an empty slot on many kernels.
  if (map.holdsMaps) return yield* readOneByOne(context.bpf, map, size);
  let keys = Buffer.alloc(size * map.keySize);
  let values = Buffer.alloc(size * map.valueSize);
  const count = Buffer.alloc(4);
  // Hash maps keep 4 bytes of position here, the others a key.
  let position: Buffer | null = null;
  let next = Buffer.alloc(Math.max(8, map.keySize));
  for (;;) {
    count.writeUInt32LE(size);
    const result = context.bpf.bpf_map_lookup_batch(map.fd, position, next, keys, values, count, BATCH_OPTS);
    if (position === null && hasNoBatch(result)) return yield* readOneByOne(context.bpf, map, size);
    if (result === -ERRNO.ENOSPC) {
      // The next hash bucket holds more than a chunk: nothing was read, a larger chunk goes on from the same place.
      size *= 2;
      keys = Buffer.alloc(size * map.keySize);
      values = Buffer.alloc(size * map.valueSize);
      continue;
    }
    if (result < 0 && result !== -ERRNO.ENOENT) throw map.failure('read', result);
    const entries = count.readUInt32LE();
    if (entries > 0) yield { count: entries, keys, values };
    if (result === -ERRNO.ENOENT) return;
    const free: Buffer<ArrayBuffer> = (position as Buffer<ArrayBuffer> | null) ?? Buffer.alloc(next.length);
    position = next;
    next = free;
    await nextTurn();
  }
}

/** Bytes from one value of an array to the next. */
export const strideOf = (valueSize: number): number => Math.ceil(valueSize / 8) * 8;

/** The same of an array that is memory of this process. */
export async function* readMemory(memory: MapMemory, map: LinuxMap, entriesPerChunk = ENTRIES_PER_TURN): AsyncGenerator<MapChunk> {
  const size = Math.max(1, Math.min(entriesPerChunk, map.maxEntries));
  const keys = Buffer.alloc(size * map.keySize);
  const values = Buffer.alloc(size * map.valueSize);
  for (let first = 0; first < map.maxEntries; first += size) {
    const count = Math.min(size, map.maxEntries - first);
    for (let i = 0; i < count; i++) keys.writeUInt32LE(first + i, i * map.keySize);
    memory.copy(first, count, strideOf(map.valueSize), map.valueSize, values);
    yield { count, keys, values };
    await nextTurn();
  }
}

/** Writes `count` entries. On failure those before the refused one are written. */
export async function updateInBatches(context: Context, map: LinuxMap, keys: Buffer, values: Buffer, count: number): Promise<void> {
  const done = Buffer.alloc(4);
  for (let from = 0; from < count; from += ENTRIES_PER_TURN) {
    const piece = Math.min(ENTRIES_PER_TURN, count - from);
    const pieceKeys = keys.subarray(from * map.keySize, (from + piece) * map.keySize);
    const pieceValues = values.subarray(from * map.valueSize, (from + piece) * map.valueSize);
    done.writeUInt32LE(piece);
    const result = context.bpf.bpf_map_update_batch(map.fd, pieceKeys, pieceValues, done, BATCH_OPTS);
    if (hasNoBatch(result)) updateOneByOne(map, pieceKeys, pieceValues, piece);
    else if (result < 0) throw map.failure(`write entry ${from + done.readUInt32LE()} of ${count} to`, result);
    await nextTurn();
  }
}

/**
 * Points `count` keys of a map of maps at the maps of these descriptors. After a call the kernel waits for a grace period of RCU (some milliseconds): one for
 * the whole batch, and on a worker thread. Kernels before 5.13 have no such batch.
 */
export async function putInBatch(context: Context, map: LinuxMap, keys: Buffer, descriptors: Buffer, count: number): Promise<void> {
  const hint = 'inner maps must all have the same type and sizes';
  const done = Buffer.alloc(4);
  done.writeUInt32LE(count);
  const batch = await callAsync(context.bpf.bpf_map_update_batch, map.fd, keys, descriptors, done, BATCH_OPTS);
  if (batch === 0) return;
  if (!hasNoBatch(batch)) throw map.failure(`put map ${done.readUInt32LE()} of ${count} into`, batch, hint);
  const put = async (index: number): Promise<void> => {
    const key = Buffer.from(entryOf(keys, index, map.keySize));
    const descriptor = Buffer.from(entryOf(descriptors, index, 4));
    const result = await callAsync(context.bpf.bpf_map_update_elem, map.fd, key, descriptor, 0);
    if (result < 0) throw map.failure(`put map ${index} of ${count} into`, result, hint);
  };
  const all = await Promise.allSettled(Array.from({ length: count }, (_, index) => put(index)));
  for (const one of all) if (one.status === 'rejected') throw one.reason;
}

/** Deletes `count` keys and returns how many were there. The kernel's batch stops at each absent key; the rest follows in another call. */
export async function deleteInBatches(context: Context, map: LinuxMap, keys: Buffer, count: number): Promise<number> {
  const done = Buffer.alloc(4);
  let deleted = 0;
  let from = 0;
  let calls = 0;
  while (from < count) {
    const piece = Math.min(ENTRIES_PER_TURN, count - from);
    done.writeUInt32LE(piece);
    const pieceKeys = keys.subarray(from * map.keySize, (from + piece) * map.keySize);
    const result = context.bpf.bpf_map_delete_batch(map.fd, pieceKeys, done, BATCH_OPTS);
    if (hasNoBatch(result)) {
      deleted += deleteOneByOne(map, pieceKeys, piece);
      from += piece;
    } else if (result === -ERRNO.ENOENT) {
      deleted += done.readUInt32LE();
      from += done.readUInt32LE() + 1;
    } else if (result < 0) throw map.failure('delete from', result);
    else {
      deleted += piece;
      from += piece;
    }
    // A call that ended at an absent key was short: give way by calls as well as by entries.
    if (++calls % 256 === 0 || result !== -ERRNO.ENOENT) await nextTurn();
  }
  return deleted;
}
