// Whole-map operations: the library's batch calls where the map type has them, one by one where not.
// May import node:timers/promises, platform/port, platform/shared and its siblings.
// Invariant: no stretch between two turns of the event loop handles more than ENTRIES_PER_TURN entries.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MapChunk } from '../port.js';
import type { Context } from './context.js';
import { ERRNO } from './errno.js';
import { BATCH_OPTS, deleteOneByOne, ENTRIES_PER_TURN, entryOf, readOneByOne, updateOneByOne } from '../shared/map-walk.js';
import type { WindowsMap } from './map.js';

const hasNoBatch = (result: number): boolean => result === -ERRNO.ENOTSUP || result === -ERRNO.EINVAL;

/**
 * A batch read of more than one request to the driver (64 KiB) that ends where the map ends says "no more keys" and not how many it has read
 * (ebpf_api.cpp, _ebpf_map_lookup_element_batch_helper). So a chunk is one request; this much of it is its header, with room to spare.
 */
const REQUEST_BYTES = 65535 - 64;

/** The map's content in chunks. The position of a walk is a key. */
export async function* readChunks({ api }: Context, map: WindowsMap, entriesPerChunk = ENTRIES_PER_TURN): AsyncGenerator<MapChunk> {
  const size = Math.max(1, Math.min(entriesPerChunk, map.maxEntries, Math.floor(REQUEST_BYTES / (map.keySize + map.valueSize))));
  if (map.holdsMaps) return yield* readOneByOne(api, map, size);
  const keys = Buffer.alloc(size * map.keySize);
  const values = Buffer.alloc(size * map.valueSize);
  const count = Buffer.alloc(4);
  const next = Buffer.alloc(Math.max(8, map.keySize));
  let position: Buffer | null = null;
  for (;;) {
    count.writeUInt32LE(size);
    const result = api.bpf_map_lookup_batch(map.fd, position, next, keys, values, count, BATCH_OPTS);
    if (position === null && hasNoBatch(result)) return yield* readOneByOne(api, map, size);
    if (result === -ERRNO.ENOENT) return;
    if (result < 0) throw map.failure('read', result);
    const entries = count.readUInt32LE();
    yield { count: entries, keys, values };
    await nextTurn();
    position = lastPresent(map, keys, entries) ?? position;
  }
}

/**
 * The last of these keys that is still in the map: a walk cannot go on from a key that was deleted, it ends as if the map did.
 * Without any, the position before them serves as well: what stood between the two is gone.
 */
function lastPresent(map: WindowsMap, keys: Buffer, count: number): Buffer | undefined {
  for (let i = count - 1; i >= 0; i--) {
    const key = entryOf(keys, i, map.keySize);
    if (map.lookup(key) !== undefined) return Buffer.from(key);
  }
  return undefined;
}

/** Writes `count` entries. On failure those before the refused one are written. */
export async function updateInBatches({ api }: Context, map: WindowsMap, keys: Buffer, values: Buffer, count: number): Promise<void> {
  const done = Buffer.alloc(4);
  for (let from = 0; from < count; from += ENTRIES_PER_TURN) {
    const piece = Math.min(ENTRIES_PER_TURN, count - from);
    const pieceKeys = keys.subarray(from * map.keySize, (from + piece) * map.keySize);
    const pieceValues = values.subarray(from * map.valueSize, (from + piece) * map.valueSize);
    done.writeUInt32LE(piece);
    // A batch that fails does not tell how far it came: written again one by one, the refused entry says why.
    if (api.bpf_map_update_batch(map.fd, pieceKeys, pieceValues, done, BATCH_OPTS) < 0) updateOneByOne(map, pieceKeys, pieceValues, piece);
    await nextTurn();
  }
}

/**
 * Deletes `count` keys and returns how many were there. One by one: a batch ends at the first absent key and does not tell which it was,
 * nor can what it deleted be told afterwards from what was absent.
 */
export async function deleteAll(map: WindowsMap, keys: Buffer, count: number): Promise<number> {
  let deleted = 0;
  for (let from = 0; from < count; from += ENTRIES_PER_TURN) {
    deleted += deleteOneByOne(map, keys.subarray(from * map.keySize), Math.min(ENTRIES_PER_TURN, count - from));
    await nextTurn();
  }
  return deleted;
}
