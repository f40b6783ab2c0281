// Which addresses have a service, as one bit for each hash of an address, over vips.
// Imports agent/model, platform/port and its siblings.
// Invariant: the bit of an address stands as long as a service is on it or a flow to it may live; a bit too many costs the data plane
// a lookup, no more. So bits are only set while the agent runs, and those that nothing needs any more go at its next start.

import type { BpfMap } from '../../platform/port.js';
import { encodeIndex, VIP_WORD } from './layout.js';
import { vipBit } from './tuple-hash.js';

/** 'any': more than can be told one by one, so that every bit is theirs. */
export type Addresses = Iterable<Uint8Array> | 'any';

const ALL_BITS = 0xffff_ffff_ffff_ffffn;

export class VipTable {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Before the first service on the addresses (4 or 16 bytes, network order) is written. */
  add(addresses: Addresses): void {
    for (const [word, wanted] of this.#bitsOf(addresses)) {
      const bits = this.#read(word);
      if ((bits | wanted) !== bits) this.#write(word, bits | wanted);
    }
  }

  /** Clears the bits of all but these addresses, and sets theirs. */
  retain(addresses: Addresses): void {
    const wanted = this.#bitsOf(addresses);
    for (let word = 0; word < this.#map.maxEntries; word++) {
      const bits = wanted.get(word) ?? 0n;
      if (bits !== this.#read(word)) this.#write(word, bits);
    }
  }

  /** The bits of each word that has any. */
  #bitsOf(addresses: Addresses): ReadonlyMap<number, bigint> {
    const words = new Map<number, bigint>();
    if (addresses === 'any') {
      for (let word = 0; word < this.#map.maxEntries; word++) words.set(word, ALL_BITS);
      return words;
    }
    for (const address of addresses) {
      const bit = vipBit(address);
      words.set(bit >> 6, (words.get(bit >> 6) ?? 0n) | (1n << BigInt(bit & 63)));
    }
    return words;
  }

  #read(word: number): bigint {
    const value = this.#map.lookup(encodeIndex(word));
    return value === undefined ? 0n : VIP_WORD.decode(value).bits;
  }

  #write(word: number, bits: bigint): void {
    this.#map.update(encodeIndex(word), VIP_WORD.encode({ bits }));
  }
}
