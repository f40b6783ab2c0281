// A map of the kernel's beside the flow tables, kept as the model's states want it: hashes and tries, whose keys come and go.
// Imports koffi, platform/linux and the model's state.
// Invariant: after put() the map holds what the state says and nothing else; nothing here knows what an entry means.

import koffi from 'koffi';
import type { LinuxMap } from '../../platform/linux/map.js';
import type { BpfMap } from '../../platform/port.js';
import type { State } from './state.js';

/** Keys and values in hex. */
export type Content = ReadonlyMap<string, string>;

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** A map that is no flow table. */
export interface Side {
  put(state: State): void;
  /** What differs of the entries that the last packet should have changed. */
  differs(state: State): string | undefined;
  /** The packet's changes were those of this state. */
  accept(state: State): void;
  /** The next put() looks at every key. */
  forget(): void;
  /** All entries, those that should not be there too. */
  checkAll(state: State): string | undefined;
}

export class SideMap implements Side {
  readonly #map: BpfMap;
  readonly #parts: (state: State) => readonly unknown[];
  readonly #encode: (state: State) => Content;
  readonly #encoded: { parts: readonly unknown[]; content: Content } = { parts: [], content: new Map() };
  /** Undefined: nobody knows what the map holds. */
  #held: Content | undefined;

  /** `parts`: what of a state the content is made from; while these are the same objects, so is the content. */
  constructor(map: BpfMap, parts: (state: State) => readonly unknown[], encode: (state: State) => Content) {
    this.#map = map;
    this.#parts = parts;
    this.#encode = encode;
  }

  put(state: State): void {
    const wanted = this.#content(state);
    if (wanted === this.#held) return;
    for (const key of this.#held?.keys() ?? this.#keys()) if (!wanted.has(key)) this.#map.delete(bytes(key));
    for (const [key, value] of wanted) if (this.#held?.get(key) !== value) this.#map.update(bytes(key), bytes(value));
    this.#held = wanted;
  }

  differs(state: State): string | undefined {
    const wanted = this.#content(state);
    if (wanted === this.#held) return undefined;
    for (const key of this.#held?.keys() ?? [])
      if (!wanted.has(key) && this.#map.lookup(bytes(key)) !== undefined) return this.#say(key, undefined);
    for (const [key, value] of wanted) {
      if (this.#held?.get(key) !== value && this.#map.lookup(bytes(key))?.toString('hex') !== value) return this.#say(key, value);
    }
    return undefined;
  }

  accept(state: State): void {
    this.#held = this.#content(state);
  }

  forget(): void {
    this.#held = undefined;
  }

  checkAll(state: State): string | undefined {
    const wanted = this.#content(state);
    for (const [key, value] of wanted) if (this.#map.lookup(bytes(key))?.toString('hex') !== value) return this.#say(key, value);
    const surplus = this.#keys().find((key) => !wanted.has(key));
    return surplus === undefined ? undefined : this.#say(surplus, undefined);
  }

  has(key: string): boolean {
    return this.#map.lookup(bytes(key)) !== undefined;
  }

  #content(state: State): Content {
    const parts = this.#parts(state);
    const before = this.#encoded;
    if (before.parts.length !== parts.length || parts.some((part, i) => part !== before.parts[i])) {
      before.content = this.#encode(state);
      before.parts = parts;
    }
    return before.content;
  }

  #say(key: string, value: string | undefined): string {
    return `${this.#map.name} ${key}:\n    model ${value}\n    kernel ${this.#map.lookup(bytes(key))?.toString('hex')}`;
  }

  /** As they stand in the kernel; not by batches, which would wait. */
  #keys(): string[] {
    const next = koffi.load('libbpf.so.1').func('int bpf_map_get_next_key(int fd, void *key, void *next)');
    const { fd } = this.#map as LinuxMap;
    const found: string[] = [];
    let key: Buffer | null = null;
    for (;;) {
      const after = Buffer.alloc(this.#map.keySize);
      if (next(fd, key, after) !== 0) return found;
      found.push(after.toString('hex'));
      key = after;
    }
  }
}
