// Reads of live maps, each remembered: what was read about one packet is what a copy of the program needs to handle it the same way.
// Imports platform/port alone.
// Invariant: a key is read once; whoever asks again gets the same answer, so that all conclusions are about one moment.

import type { BpfMap } from '../../platform/port.js';

interface Note {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

export class NotedMaps {
  readonly #maps: ReadonlyMap<string, BpfMap>;
  readonly #notes = new Map<string, Map<string, Note>>();

  constructor(maps: ReadonlyMap<string, BpfMap>) {
    this.#maps = maps;
  }

  /** The live value, or the one that was read or put before; undefined: there is no such key, or no such map. */
  read(map: string, key: Buffer): Buffer | undefined {
    const known = this.#of(map).get(key.toString('latin1'));
    if (known !== undefined) return known.value;
    const value = this.#maps.get(map)?.lookup(key);
    this.#of(map).set(key.toString('latin1'), { key, value });
    return value;
  }

  /** Takes `value` for what the map holds from here on. */
  put(map: string, key: Buffer, value: Buffer): void {
    this.#of(map).set(key.toString('latin1'), { key, value });
  }

  /** How many entries a live map has room for. */
  sizeOf(map: string): number {
    return this.#maps.get(map)?.maxEntries ?? 0;
  }

  /** Names of the maps that were read, with the entries that were there. */
  *entries(): Generator<readonly [string, readonly (readonly [Buffer, Buffer])[]]> {
    for (const [map, notes] of this.#notes) {
      yield [map, [...notes.values()].flatMap(({ key, value }) => (value === undefined ? [] : [[key, value] as const]))];
    }
  }

  #of(map: string): Map<string, Note> {
    const notes = this.#notes.get(map) ?? new Map<string, Note>();
    this.#notes.set(map, notes);
    return notes;
  }
}
