// The addresses that SNAT sends from, over snat_sources (an array; a flow names its address by the index).
// Imports agent/model, platform/port and its siblings.
// Invariant: new flows use the first indices of their family; an address keeps its index where that allows it, so that its flows stay true.

import type { BpfMap } from '../../platform/port.js';
import { addressBytes, type Family, familyOf } from '../model/address.js';
import { FAMILIES } from './families.js';
import { encodeIndex, MAX_LB_ADDRESSES, SNAT_SOURCE } from './layout.js';

const FIRST: Readonly<Record<Family, number>> = { 4: 1, 6: 1 + MAX_LB_ADDRESSES };

export class SnatSourceTable {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Makes these the addresses that new flows use, at most 4 of each family. Those behind them stay: flows may still name them. */
  set(addresses: readonly string[]): void {
    for (const { family } of FAMILIES) {
      const wanted = addresses.filter((address) => familyOf(address) === family).map((address) => this.#encode(address));
      const kept = wanted.map((_, place) => wanted.find((value) => value.equals(this.#read(FIRST[family] + place))));
      const others = wanted.filter((value) => !kept.includes(value)).values();
      for (const [place, value] of kept.entries()) {
        if (value === undefined) this.#map.update(encodeIndex(FIRST[family] + place), others.next().value as Buffer);
      }
    }
  }

  #encode(address: string): Buffer {
    return SNAT_SOURCE.encode({ address: addressBytes(address) });
  }

  #read(index: number): Buffer {
    return this.#map.lookup(encodeIndex(index)) ?? Buffer.alloc(0);
  }
}
