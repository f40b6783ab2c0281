// The kernel's table of proven addresses beside the model's: an array, of which all but a few slots are empty.
// Imports agent/datapath's layout and the model's state.
// Invariant: as side-map.ts has it.

import { encodeIndex, PROVEN } from '../../agent/datapath/layout.js';
import type { BpfMap } from '../../platform/port.js';
import type { Side } from './side-map.js';
import type { Proof, State } from './state.js';

const NOBODY: Proof = { hash: 0, when: 0 };
type Proven = NonNullable<State['proven']>;
const NONE: Proven = new Map();

export class ProvenMap implements Side {
  readonly #map: BpfMap;
  /** Undefined: nobody knows what the map holds. */
  #held: Proven | undefined = NONE;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  put({ proven = NONE }: State): void {
    const held = this.#held;
    if (proven === held) return;
    const slots = held === undefined ? Array.from({ length: this.#map.maxEntries }, (_, slot) => slot) : [...held.keys(), ...proven.keys()];
    for (const slot of slots) {
      const wanted = proven.get(slot) ?? NOBODY;
      if (wanted !== held?.get(slot)) this.#map.update(encodeIndex(slot), PROVEN.encode(wanted));
    }
    this.#held = proven;
  }

  differs({ proven = NONE }: State): string | undefined {
    return this.#firstOther([...proven].filter(([slot, proof]) => this.#held?.get(slot) !== proof));
  }

  accept({ proven = NONE }: State): void {
    this.#held = proven;
  }

  forget(): void {
    this.#held = undefined;
  }

  checkAll({ proven = NONE }: State): string | undefined {
    return this.#firstOther([...proven]);
  }

  #firstOther(wanted: readonly (readonly [number, Proof])[]): string | undefined {
    for (const [slot, proof] of wanted) {
      const found = this.#map.lookup(encodeIndex(slot)) as Buffer;
      if (!found.equals(PROVEN.encode(proof)))
        return `proven, slot ${slot}: model ${JSON.stringify(proof)}, kernel ${JSON.stringify(PROVEN.decode(found))}`;
    }
    return undefined;
  }
}
