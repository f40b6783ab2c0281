// From what is wanted to what the maps hold: the differences, in an order in which no packet meets a dangling reference.
// Imports agent/datapath, agent/model and its siblings.
// Invariant: backend entries, then the Maglev table, then the service entry; taking away in reverse; what is right already is not written.

import { isDeepStrictEqual } from 'node:util';
import type { BackendEntry } from '../../datapath/backend-table.js';
import type { ServiceEntry } from '../../datapath/service-table.js';
import { type DigestBackend, digestBackends } from '../../model/digest.js';
import { formatEndpoint, formatFrontend } from '../../model/format.js';
import { buildMaglevTable } from '../../model/maglev.js';
import { actionFor, type DesiredState, type Dispatch, type Mode, type Service } from '../../model/service.js';
import type { Hop } from '../next-hop/next-hop.js';
import { deleteService, freeBackend, type Tables, writeBackend, writeMaglev, writeService } from './table-steps.js';
import type { Transaction } from './transaction.js';

export interface ApplyContext {
  readonly tables: Tables;
  readonly dispatch: Dispatch;
  readonly maglevSize: number;
  /** The way to a backend's address now. */
  readonly hopTo: (address: string) => Hop;
  /** Writes all Maglev tables anew, whatever their digests say: the state they belong to is in doubt. */
  readonly distrustTables?: boolean;
}

/** Services whose Maglev tables are put in place together. */
const GROUP = 32;

/** Makes the maps hold exactly the desired state. */
export async function applyState(context: ApplyContext, state: DesiredState, transaction: Transaction): Promise<void> {
  const wanted = new Set(state.services.map((service) => service.id));
  const { slots, frontends } = context.tables;
  const present = new Set([...frontends.services(), ...slots.services()]);
  for (const id of present) if (!wanted.has(id)) await removeService(context, id, transaction);
  for (let from = 0; from < state.services.length; from += GROUP) {
    const placed: Placed[] = [];
    for (const service of state.services.slice(from, from + GROUP)) placed.push(await placeBackends(context, service, transaction));
    // Putting a table in place waits for the kernel's grace period: tables of a group wait together.
    const tables = await Promise.allSettled(placed.map((one) => placeTable(context, one, transaction)));
    for (const table of tables) if (table.status === 'rejected') throw table.reason;
    for (const one of placed) await publish(context, one, state.mode, transaction);
    // Thousands of services: packets do not wait for the agent, but signals and timers would.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Makes the maps hold this service as it is wanted. Throws FL_E_LIMIT when no slot is left. */
export async function applyService(context: ApplyContext, service: Service, mode: Mode, transaction: Transaction): Promise<void> {
  const placed = await placeBackends(context, service, transaction);
  await placeTable(context, placed, transaction);
  await publish(context, placed, mode, transaction);
}

/** A service whose backends have their slots. */
interface Placed {
  readonly service: Service;
  readonly slots: ReadonlySet<number>;
  /** Backends that get new flows. */
  readonly serving: readonly DigestBackend[];
  /** Of the table that these need; 0: none. */
  readonly digest: number;
}

async function placeTable(context: ApplyContext, { service, serving, digest }: Placed, transaction: Transaction): Promise<void> {
  const known = knownEntry(context.tables, service);
  if (digest === 0 || (known?.maglevDigest === digest && context.distrustTables !== true)) return;
  const table = buildMaglevTable(serving, context.maglevSize).map((index) => serving[index]?.backendId as number);
  await transaction.run(writeMaglev(context.tables, service.id, table));
}

/** The service entry, and then what nothing refers to any more. */
async function publish(context: ApplyContext, placed: Placed, mode: Mode, transaction: Transaction): Promise<void> {
  const { tables, dispatch } = context;
  const { service, serving, digest } = placed;
  const former = tables.frontends.of(service.id);
  const known = knownEntry(tables, service);
  const action = actionFor(service.mode ?? mode, dispatch);
  const entry: ServiceEntry = { id: service.id, backendCount: serving.length, maglevDigest: digest, action };
  if (!isDeepStrictEqual(ownEntry(tables, service), entry)) await transaction.run(writeService(tables, service.frontend, entry));
  for (const frontend of former) {
    if (formatFrontend(frontend) !== formatFrontend(service.frontend)) await transaction.run(deleteService(tables, frontend));
  }
  if (digest === 0 && known !== undefined && known.maglevDigest !== 0) await transaction.run(writeMaglev(tables, service.id, undefined));
  for (const { id } of tables.slots.ofService(service.id)) if (!placed.slots.has(id)) await transaction.run(freeBackend(tables, id));
}

/** Takes a service away: its entry, its table, its backends. */
export async function removeService(context: ApplyContext, id: number, transaction: Transaction): Promise<void> {
  const { tables } = context;
  let table = false;
  for (const frontend of tables.frontends.of(id)) {
    table ||= (tables.datapath.services.get(frontend)?.maglevDigest ?? 0) !== 0;
    await transaction.run(deleteService(tables, frontend));
  }
  if (table) await transaction.run(writeMaglev(tables, id, undefined));
  for (const slot of tables.slots.ofService(id)) await transaction.run(freeBackend(tables, slot.id));
}

/** Changes what new flows get, in the service entries alone. */
export async function applyMode(context: ApplyContext, state: DesiredState, transaction: Transaction): Promise<void> {
  const { tables } = context;
  for (const service of state.services) {
    const present = ownEntry(tables, service);
    const action = actionFor(service.mode ?? state.mode, context.dispatch);
    if (present !== undefined && present.action !== action)
      await transaction.run(writeService(tables, service.frontend, { ...present, action }));
  }
}

/** Writes the next hop of each slot with this address, where it differs. */
export async function applyHops(context: ApplyContext, addresses: Iterable<string>, transaction: Transaction): Promise<void> {
  const { slots, datapath } = context.tables;
  for (const address of addresses) {
    for (const slot of slots.ofAddress(address)) {
      const present = datapath.backends.get(slot.id);
      if (present === undefined) continue;
      const wanted = { ...present, ...hopFields(context.hopTo(address), present) };
      if (!isDeepStrictEqual(present, wanted)) await transaction.run(writeBackend(context.tables, slot.id, wanted));
    }
  }
}

/** Each backend in its slot: the one that it had, a free one for a new backend. */
async function placeBackends(context: ApplyContext, service: Service, transaction: Transaction): Promise<Placed> {
  const { slots, datapath } = context.tables;
  const placed = new Map(slots.ofService(service.id).map((slot) => [formatEndpoint(slot.endpoint), slot.id]));
  const keyed = service.backends.map((backend) => ({ backend, key: formatEndpoint(backend) }));
  const free = slots.findFree(keyed.filter(({ key }) => !placed.has(key)).length).values();
  const used = new Set<number>();
  const serving: DigestBackend[] = [];
  for (const { backend, key } of keyed) {
    const id = placed.get(key) ?? (free.next().value as number);
    const present = datapath.backends.get(id);
    const generation = present?.generation ?? nextGeneration(datapath.backends.generationOf(id));
    const { address, port, weight, state } = backend;
    const hop = hopFields(context.hopTo(address), present);
    const wanted: BackendEntry = { serviceId: service.id, address, port, weight, state, generation, ...hop };
    if (!isDeepStrictEqual(present, wanted)) await transaction.run(writeBackend(context.tables, id, wanted));
    used.add(id);
    if (state === 'active' && weight > 0) serving.push({ key, weight, backendId: id });
  }
  return { service, slots: used, serving, digest: serving.length === 0 ? 0 : digestBackends(serving, context.maglevSize) };
}

/** While there is no route the source stays: the flows' reverse entries are found by it when the route is back. */
function hopFields(hop: Hop, present: BackendEntry | undefined): Pick<BackendEntry, 'source' | 'nextHop'> {
  return { source: hop.source ?? present?.source, nextHop: hop.resolved };
}

/** 16 bits, and never 0: that is a slot that was never used. */
export function nextGeneration(generation: number): number {
  return generation >= 0xffff ? 1 : generation + 1;
}

/** The entry at the service's frontend, if it is this service's. */
function ownEntry(tables: Tables, service: Service): ServiceEntry | undefined {
  const entry = tables.datapath.services.get(service.frontend);
  return entry?.id === service.id ? entry : undefined;
}

/** The same, or the entry at the frontend that the service had before: both tell which table is in place. */
function knownEntry(tables: Tables, service: Service): ServiceEntry | undefined {
  const [former] = tables.frontends.of(service.id);
  return ownEntry(tables, service) ?? (former === undefined ? undefined : tables.datapath.services.get(former));
}
