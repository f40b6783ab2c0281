// From what is wanted to what the maps hold: the differences, in an order in which no packet meets a dangling reference.
// Imports agent/datapath, agent/model and its siblings.
// Invariant: backend entries, then the Maglev table, then the service entry; taking away in reverse; what is right already is not written.

import { isDeepStrictEqual } from 'node:util';
import type { BackendEntry } from '../datapath/backend-table.js';
import type { ServiceEntry } from '../datapath/service-table.js';
import { digestBackends } from '../model/digest.js';
import { formatEndpoint, formatFrontend } from '../model/format.js';
import { buildMaglevTable } from '../model/maglev.js';
import { actionFor, type DesiredState, type Dispatch, type Mode, type Service } from '../model/service.js';
import type { Hop } from './next-hop.js';
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

/** Makes the maps hold exactly the desired state. */
export async function applyState(context: ApplyContext, state: DesiredState, transaction: Transaction): Promise<void> {
  const wanted = new Set(state.services.map((service) => service.id));
  const { slots, frontends } = context.tables;
  const present = new Set([...frontends.services(), ...slots.services()]);
  for (const id of present) if (!wanted.has(id)) await removeService(context, id, transaction);
  for (const service of state.services) {
    await applyService(context, service, state.mode, transaction);
    // Thousands of services: packets do not wait for the agent, but signals and timers would.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Makes the maps hold this service as it is wanted. Throws FL_E_LIMIT when no slot is left. */
export async function applyService(context: ApplyContext, service: Service, mode: Mode, transaction: Transaction): Promise<void> {
  const { tables } = context;
  const placed = new Map(tables.slots.ofService(service.id).map((slot) => [formatEndpoint(slot.endpoint), slot.id]));
  const ids = await applyBackends(context, service, placed, transaction);
  const serving = service.backends
    .filter((backend) => backend.state === 'active' && backend.weight > 0)
    .map((backend) => ({ key: formatEndpoint(backend), weight: backend.weight, backendId: ids.get(formatEndpoint(backend)) as number }));
  const former = tables.frontends.of(service.id);
  const present = ownEntry(tables, service);
  const known = present ?? (former[0] === undefined ? undefined : tables.datapath.services.get(former[0]));
  const maglevDigest = serving.length === 0 ? 0 : digestBackends(serving, context.maglevSize);
  if (serving.length > 0 && (known?.maglevDigest !== maglevDigest || context.distrustTables === true)) {
    const table = buildMaglevTable(serving, context.maglevSize).map((index) => serving[index]?.backendId as number);
    await transaction.run(writeMaglev(tables, service.id, table));
  }
  const action = actionFor(service.mode ?? mode, context.dispatch);
  const entry: ServiceEntry = { id: service.id, backendCount: serving.length, maglevDigest, action };
  if (!isDeepStrictEqual(present, entry)) await transaction.run(writeService(tables, service.frontend, entry));
  for (const frontend of former) {
    if (formatFrontend(frontend) !== formatFrontend(service.frontend)) await transaction.run(deleteService(tables, frontend));
  }
  if (serving.length === 0 && known !== undefined && known.maglevDigest !== 0)
    await transaction.run(writeMaglev(tables, service.id, undefined));
  const kept = new Set(ids.values());
  for (const slot of tables.slots.ofService(service.id)) if (!kept.has(slot.id)) await transaction.run(freeBackend(tables, slot.id));
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

/** The ids of the service's backends by endpoint: those that it had, free ones for the others. */
async function applyBackends(
  context: ApplyContext,
  service: Service,
  placed: ReadonlyMap<string, number>,
  transaction: Transaction,
): Promise<ReadonlyMap<string, number>> {
  const { slots, datapath } = context.tables;
  const fresh = slots.findFree(service.backends.filter((backend) => !placed.has(formatEndpoint(backend))).length)[Symbol.iterator]();
  const ids = new Map<string, number>();
  for (const backend of service.backends) {
    const id = placed.get(formatEndpoint(backend)) ?? (fresh.next().value as number);
    ids.set(formatEndpoint(backend), id);
    const present = datapath.backends.get(id);
    const generation = present?.generation ?? nextGeneration(datapath.backends.generationOf(id));
    const { address, port, weight, state } = backend;
    const hop = hopFields(context.hopTo(address), present);
    const wanted: BackendEntry = { serviceId: service.id, address, port, weight, state, generation, ...hop };
    if (!isDeepStrictEqual(present, wanted)) await transaction.run(writeBackend(context.tables, id, wanted));
  }
  return ids;
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
