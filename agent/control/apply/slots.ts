// Which backend slot holds which backend, and which frontends the maps have: what the agent knows of the maps between two calls.
// Imports agent/model and agent/datapath.
// Invariant: an id belongs to one (service, address, port); a free id is one whose slot in the map is free.

import type { BackendEntry } from '../../datapath/backend-table.js';
import type { ServiceEntry } from '../../datapath/service-table.js';
import { FairleadError } from '../../model/errors.js';
import { formatFrontend } from '../../model/format.js';
import type { Endpoint, Frontend } from '../../model/service.js';

export interface Slot {
  readonly id: number;
  readonly serviceId: number;
  readonly endpoint: Endpoint;
}

export class Slots {
  readonly #size: number;
  readonly #slots = new Map<number, Slot>();
  readonly #byService = new Map<number, Map<number, Slot>>();
  readonly #byAddress = new Map<string, Map<number, Slot>>();
  /** Addresses whose last slot was released. */
  readonly #left = new Set<string>();
  /** No id below is free. */
  #lowest = 0;

  constructor(size: number, entries: Iterable<readonly [number, BackendEntry]> = []) {
    this.#size = size;
    for (const [id, { serviceId, address, port }] of entries) this.take({ id, serviceId, endpoint: { address, port } });
  }

  get count(): number {
    return this.#slots.size;
  }

  has(id: number): boolean {
    return this.#slots.has(id);
  }

  idOf(serviceId: number, endpoint: Endpoint): number | undefined {
    return this.ofService(serviceId).find((slot) => slot.endpoint.address === endpoint.address && slot.endpoint.port === endpoint.port)?.id;
  }

  /** Slots of a service; of two with the same endpoint (a torn update) both are given. */
  ofService(serviceId: number): readonly Slot[] {
    return [...(this.#byService.get(serviceId)?.values() ?? [])];
  }

  ofAddress(address: string): readonly Slot[] {
    return [...(this.#byAddress.get(address)?.values() ?? [])];
  }

  /** Services that have a slot. */
  services(): Iterable<number> {
    return this.#byService.keys();
  }

  hasAddress(address: string): boolean {
    return this.#byAddress.has(address);
  }

  /** Addresses that have had no slot any more at some time since the last call. */
  takeLeft(): readonly string[] {
    const left = [...this.#left];
    this.#left.clear();
    return left;
  }

  /** The lowest free ids, not taken yet. Throws FL_E_LIMIT when there are fewer. */
  findFree(count: number): readonly number[] {
    const ids: number[] = [];
    for (let id = this.#lowest; ids.length < count && id < this.#size; id++) if (!this.#slots.has(id)) ids.push(id);
    if (ids.length === count) return ids;
    throw new FairleadError('FL_E_LIMIT', `${this.#slots.size + count} backends: the table has ${this.#size} slots`, {
      hint: 'remove backends, or start the agent with a larger --max-backends',
    });
  }

  take(slot: Slot): void {
    this.#slots.set(slot.id, slot);
    entryOf(this.#byService, slot.serviceId).set(slot.id, slot);
    entryOf(this.#byAddress, slot.endpoint.address).set(slot.id, slot);
    while (this.#slots.has(this.#lowest)) this.#lowest++;
  }

  release(id: number): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    removeFrom(this.#byService, slot.serviceId, id);
    removeFrom(this.#byAddress, slot.endpoint.address, id);
    if (!this.#byAddress.has(slot.endpoint.address)) this.#left.add(slot.endpoint.address);
    this.#lowest = Math.min(this.#lowest, id);
  }
}

/** Frontends in the service maps by service id: one each, two after an update that was cut off while it changed the frontend. */
export class Frontends {
  readonly #byService = new Map<number, Map<string, Frontend>>();
  readonly #owner = new Map<string, number>();

  constructor(entries: Iterable<readonly [Frontend, ServiceEntry]> = []) {
    for (const [frontend, { id }] of entries) this.add(id, frontend);
  }

  services(): Iterable<number> {
    return this.#byService.keys();
  }

  of(serviceId: number): readonly Frontend[] {
    return [...(this.#byService.get(serviceId)?.values() ?? [])];
  }

  owner(frontend: Frontend): number | undefined {
    return this.#owner.get(formatFrontend(frontend));
  }

  /** A frontend has one owner: what another service had there is its no more. */
  add(serviceId: number, frontend: Frontend): void {
    this.remove(frontend);
    const key = formatFrontend(frontend);
    this.#owner.set(key, serviceId);
    entryOf(this.#byService, serviceId).set(key, frontend);
  }

  remove(frontend: Frontend): void {
    const key = formatFrontend(frontend);
    const owner = this.#owner.get(key);
    if (owner === undefined) return;
    this.#owner.delete(key);
    removeFrom(this.#byService, owner, key);
  }
}

function entryOf<Key, Inner, Value>(map: Map<Key, Map<Inner, Value>>, key: Key): Map<Inner, Value> {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = new Map<Inner, Value>();
  map.set(key, made);
  return made;
}

function removeFrom<Key, Inner, Value>(map: Map<Key, Map<Inner, Value>>, key: Key, inner: Inner): void {
  const found = map.get(key);
  found?.delete(inner);
  if (found?.size === 0) map.delete(key);
}
