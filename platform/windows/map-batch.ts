// Whole-map operations: the library's batch calls where the map type has them, one by one where not.
// May import node:timers/promises, platform/port and its siblings.
// Invariant: no stretch between two turns of the event loop handles more than ENTRIES_PER_TURN entries.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MapChunk } from '../port.js';
import type { Context } from './context.js';
import { ERRNO } from './errno.js';
import type { WindowsMap } from './map.js';

const ENTRIES_PER_TURN = 2048;
const OPTS = Buffer.alloc(24); // struct bpf_map_batch_opts
OPTS.writeBigUInt64LE(24n, 0);

const hasNoBatch = (result: number): boolean => result === -ERRNO.ENOTSUP || result === -ERRNO.EINVAL;

/** The map's content in chunks. The position of a walk is a key. */
export async function* readChunks({ api }: Context, map: WindowsMap, entriesPerChunk = ENTRIES_PER_TURN): AsyncGenerator<MapChunk> {
  const size = Math.max(1, Math.min(entriesPerChunk, map.maxEntries));
  if (map.holdsMaps) return yield* readOneByOne({ api }, map, size);
  const keys = Buffer.alloc(size * map.keySize);
  const values = Buffer.alloc(size * map.valueSize);
  const count = Buffer.alloc(4);
  let position: Buffer | null = null;
  for (;;) {
    const next: Buffer = Buffer.alloc(Math.max(8, map.keySize));
    count.writeUInt32LE(size);
    const result = api.bpf_map_lookup_batch(map.fd, position, next, keys, values, count, OPTS);
    if (position === null && hasNoBatch(result)) return yield* readOneByOne({ api }, map, size);
    if (result < 0 && result !== -ERRNO.ENOENT) throw map.failure('read', result);
    // The last call may end with ENOENT and still have entries, as on Linux.
    const entries = result === 0 || position === null ? count.readUInt32LE() : 0;
    if (result === -ERRNO.ENOENT) return;
    if (entries > 0) yield { count: entries, keys, values };
    position = next;
    await nextTurn();
  }
}

/** A map whose current key is deleted meanwhile may start again from the front: so the walk is bounded. */
async function* readOneByOne({ api }: Pick<Context, 'api'>, map: WindowsMap, size: number): AsyncGenerator<MapChunk> {
  const keys = Buffer.alloc(size * map.keySize);
  const values = Buffer.alloc(size * map.valueSize);
  let key: Buffer | null = null;
  let count = 0;
  for (let steps = 0; steps < 2 * map.maxEntries; steps++) {
    const next: Buffer = Buffer.alloc(map.keySize);
    const result = api.bpf_map_get_next_key(map.fd, key, next);
    if (result === -ERRNO.ENOENT) break;
    if (result < 0) throw map.failure('walk', result);
    const value = map.lookup(next);
    if (value !== undefined) {
      next.copy(keys, count * map.keySize);
      value.copy(values, count * map.valueSize);
      count++;
    }
    key = next;
    if (count === size) {
      yield { count, keys, values };
      count = 0;
    }
    if (steps % ENTRIES_PER_TURN === ENTRIES_PER_TURN - 1) await nextTurn();
  }
  if (count > 0) yield { count, keys, values };
}

/** Writes `count` entries. On failure those before the refused one are written. */
export async function updateInBatches({ api }: Context, map: WindowsMap, keys: Buffer, values: Buffer, count: number): Promise<void> {
  const done = Buffer.alloc(4);
  for (let from = 0; from < count; from += ENTRIES_PER_TURN) {
    const piece = Math.min(ENTRIES_PER_TURN, count - from);
    const pieceKeys = keys.subarray(from * map.keySize, (from + piece) * map.keySize);
    const pieceValues = values.subarray(from * map.valueSize, (from + piece) * map.valueSize);
    done.writeUInt32LE(piece);
    const result = api.bpf_map_update_batch(map.fd, pieceKeys, pieceValues, done, OPTS);
    if (hasNoBatch(result)) {
      const part = (all: Buffer, index: number, size: number) => all.subarray(index * size, (index + 1) * size);
      for (let i = 0; i < piece; i++) map.update(part(pieceKeys, i, map.keySize), part(pieceValues, i, map.valueSize));
    } else if (result < 0) throw map.failure(`write entry ${from + done.readUInt32LE()} of ${count} to`, result);
    await nextTurn();
  }
}

/** Deletes `count` keys and returns how many were there. A batch stops at each absent key; the rest follows in another call. */
export async function deleteInBatches({ api }: Context, map: WindowsMap, keys: Buffer, count: number): Promise<number> {
  const done = Buffer.alloc(4);
  let deleted = 0;
  for (let from = 0; from < count; ) {
    const piece = Math.min(ENTRIES_PER_TURN, count - from);
    const pieceKeys = keys.subarray(from * map.keySize, (from + piece) * map.keySize);
    done.writeUInt32LE(piece);
    const result = api.bpf_map_delete_batch(map.fd, pieceKeys, done, OPTS);
    if (hasNoBatch(result)) {
      for (let i = 0; i < piece; i++) if (map.delete(pieceKeys.subarray(i * map.keySize, (i + 1) * map.keySize))) deleted++;
      from += piece;
    } else if (result === -ERRNO.ENOENT) {
      deleted += done.readUInt32LE();
      from += done.readUInt32LE() + 1;
    } else if (result < 0) throw map.failure('delete from', result);
    else {
      deleted += piece;
      from += piece;
    }
    await nextTurn();
  }
  return deleted;
}
