// Source ranges of services in the data plane, over lb4_ranges and lb6_ranges: tries, in which the longest prefix decides.
// Imports agent/model, platform/port and its siblings.
// Invariant: many entries are written and read by batches; a write that fails half-way is put right by whoever knows what stood there.

import type { BpfMap } from '../../platform/port.js';
import { familyOf } from '../model/address.js';
import { FairleadError } from '../model/errors.js';
import type { Permit } from '../model/source-ranges.js';
import type { FamilyLayout } from './families.js';
import { RANGE, RANGE_ID_BITS } from './layout.js';

export interface RangeMap {
  readonly layout: FamilyLayout;
  readonly map: BpfMap;
}

/** Prefixes ('10.0.0.0/8') and what they say, of one service. */
export type Ranges = ReadonlyMap<string, Permit>;

export class RangeTable {
  readonly #families: readonly RangeMap[];

  constructor(families: readonly RangeMap[]) {
    this.#families = families;
  }

  /** Writes these ranges beside those that the service has. Throws FL_E_LIMIT when the map is full; then some are written. */
  async put(serviceId: number, ranges: Ranges): Promise<void> {
    for (const { layout, map } of this.#families) {
      const own = [...ranges].filter(([prefix]) => familyOf(prefix) === layout.family);
      if (own.length === 0) continue;
      const keys = encodeKeys(
        layout,
        serviceId,
        own.map(([prefix]) => prefix),
      );
      await map.updateMany(keys, Buffer.concat(own.map(([, permit]) => RANGE.encode({ permit }))), own.length);
    }
  }

  /** Takes these prefixes of the service away; those that are not there are ignored. */
  async remove(serviceId: number, prefixes: Iterable<string>): Promise<void> {
    const all = [...prefixes];
    for (const { layout, map } of this.#families) {
      const own = all.filter((prefix) => familyOf(prefix) === layout.family);
      if (own.length > 0) await map.deleteMany(encodeKeys(layout, serviceId, own), own.length);
    }
  }

  /** All ranges by service id. */
  async entries(): Promise<Map<number, Map<string, Permit>>> {
    const found = new Map<number, Map<string, Permit>>();
    for (const { layout, map } of this.#families) {
      for await (const chunk of map.chunks()) {
        for (let i = 0; i < chunk.count; i++) {
          const { serviceId, address, prefixLength } = layout.sourceRange.decode(chunk.keys, i * layout.sourceRange.size);
          const prefix = `${address}/${prefixLength - RANGE_ID_BITS}`;
          const own = found.get(serviceId) ?? new Map<string, Permit>();
          found.set(serviceId, own.set(prefix, permitOf(chunk.values, i, prefix)));
        }
      }
    }
    return found;
  }
}

function encodeKeys({ sourceRange }: FamilyLayout, serviceId: number, prefixes: readonly string[]): Buffer {
  const keys = prefixes.map((prefix) => {
    const [address = '', length] = prefix.split('/');
    return sourceRange.encode({ prefixLength: RANGE_ID_BITS + Number(length), serviceId, address });
  });
  return Buffer.concat(keys);
}

function permitOf(values: Buffer, index: number, prefix: string): Permit {
  const { permit } = RANGE.decode(values, index * RANGE.size);
  if (permit !== undefined) return permit;
  const number = values.readUInt8(index * RANGE.size);
  throw new FairleadError('FL_E_MAP', `source range ${prefix}: ${number} says neither allow nor deny`, {
    hint: 'another program has written to the map; unload and start again',
  });
}
