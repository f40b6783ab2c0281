// The data plane's counters by reason, over metrics (per CPU).
// Imports agent/model, platform/port and its siblings.
// Invariant: one row for each reason, also where an older map has fewer entries.

import type { BpfMap } from '../../platform/port.js';
import { type Reason, REASONS } from '../model/reasons.js';
import { COUNTER, encodeIndex } from './layout.js';

export type ReasonCount = Reason & { readonly packets: number; readonly bytes: number };

export class MetricsTable {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Packets and bytes of each reason since the map was made, summed over the CPUs, in the order of REASONS. */
  read(): readonly ReasonCount[] {
    return REASONS.map((reason, index) => {
      const value = this.#map.lookup(encodeIndex(index));
      let [packets, bytes] = [0, 0];
      for (let at = 0; value !== undefined && at + COUNTER.size <= value.length; at += COUNTER.size) {
        const counter = COUNTER.decode(value, at);
        packets += counter.packets;
        bytes += counter.bytes;
      }
      return { ...reason, packets, bytes };
    });
  }
}
