// What a service asks of its clients, from what is wanted to what the maps hold: its source ranges, and the flags that make them count.
// Imports agent/datapath, agent/model and its siblings.
// Invariant: ranges stand in the map before a service entry refers to them, and go after no entry does; what is right is not written.

import type { RangeTable, Ranges } from '../../datapath/range-table.js';
import type { ServiceEntry } from '../../datapath/service-table.js';
import { RANGES_OF_ALL } from '../../datapath/layout.js';
import { familyOf } from '../../model/address.js';
import type { DesiredState, Service } from '../../model/service.js';
import { ANY_SOURCE, ofFamily, type Permit, permitsOf } from '../../model/source-ranges.js';
import type { Step, Transaction } from './transaction.js';

/** The ranges in the maps by service id, as the agent knows them. */
export class RangeBook {
  readonly #byService: Map<number, Ranges>;

  constructor(entries: Iterable<readonly [number, Ranges]> = []) {
    this.#byService = new Map(entries);
  }

  of(serviceId: number): Ranges {
    return this.#byService.get(serviceId) ?? new Map<string, Permit>();
  }

  /** Services that have a range; RANGES_OF_ALL is none. */
  services(): readonly number[] {
    return [...this.#byService.keys()].filter((id) => id !== RANGES_OF_ALL);
  }

  set(serviceId: number, ranges: Ranges): void {
    if (ranges.size === 0) this.#byService.delete(serviceId);
    else this.#byService.set(serviceId, ranges);
  }
}

interface RangeTables {
  readonly datapath: { readonly ranges: RangeTable };
  readonly ranges: RangeBook;
}

/** Writes the ranges that the service lacks, or has with another permit. */
export async function placeRanges(tables: RangeTables, serviceId: number, wanted: Ranges, transaction: Transaction): Promise<void> {
  const present = tables.ranges.of(serviceId);
  const put = new Map([...wanted].filter(([prefix, permit]) => present.get(prefix) !== permit));
  if (put.size > 0) await transaction.run(writeRanges(tables, serviceId, put));
}

/** Takes away the ranges that the service is not to have. */
export async function dropRanges(tables: RangeTables, serviceId: number, wanted: Ranges, transaction: Transaction): Promise<void> {
  const surplus = [...tables.ranges.of(serviceId).keys()].filter((prefix) => !wanted.has(prefix));
  if (surplus.length > 0) await transaction.run(deleteRanges(tables, serviceId, surplus));
}

function writeRanges({ datapath, ranges }: RangeTables, serviceId: number, put: Ranges): Step {
  const before = ranges.of(serviceId);
  const undo = async (): Promise<void> => {
    await datapath.ranges.remove(
      serviceId,
      [...put.keys()].filter((prefix) => !before.has(prefix)),
    );
    await datapath.ranges.put(serviceId, new Map([...before].filter(([prefix]) => put.has(prefix))));
    ranges.set(serviceId, before);
  };
  const run = async (): Promise<void> => {
    await datapath.ranges.put(serviceId, put);
    ranges.set(serviceId, new Map([...before, ...put]));
  };
  return { text: textOf(serviceId), run: () => orUndo(run, undo), undo };
}

function deleteRanges({ datapath, ranges }: RangeTables, serviceId: number, prefixes: readonly string[]): Step {
  const before = ranges.of(serviceId);
  const gone = new Set(prefixes);
  const undo = async (): Promise<void> => {
    await datapath.ranges.put(serviceId, new Map([...before].filter(([prefix]) => gone.has(prefix))));
    ranges.set(serviceId, before);
  };
  const run = async (): Promise<void> => {
    await datapath.ranges.remove(serviceId, prefixes);
    ranges.set(serviceId, new Map([...before].filter(([prefix]) => !gone.has(prefix))));
  };
  return { text: textOf(serviceId), run: () => orUndo(run, undo), undo };
}

/** A batch may have written a part before it failed. */
async function orUndo(run: () => Promise<void>, undo: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    await undo();
    throw error;
  }
}

function textOf(serviceId: number): string {
  return serviceId === RANGES_OF_ALL ? 'denied clients' : `source ranges of service ${serviceId}`;
}

/** The ranges that a service is to have. */
export function rangesFor({ sourceRanges }: Service): Ranges {
  return permitsOf(sourceRanges ?? ANY_SOURCE);
}

/** The ranges of all services. */
export function deniedRanges({ deny = [] }: Pick<DesiredState, 'deny'>): Ranges {
  return permitsOf({ allow: [], deny });
}

/** The part of a service's entry that says what its clients are asked for. */
export function policyFor(service: Service, { deny = [] }: Pick<DesiredState, 'deny'>): Pick<ServiceEntry, 'policy'> {
  const { allow, deny: own } = service.sourceRanges ?? ANY_SOURCE;
  const ranges = allow.length + own.length > 0;
  const denyList = ofFamily(deny, familyOf(service.frontend.address)).length > 0;
  const affinitySeconds = service.affinity ?? 0;
  if (!ranges && !denyList && affinitySeconds === 0) return {};
  return { policy: { ranges, allowedAlone: allow.length > 0, denyList, affinitySeconds } };
}
