// From what is wanted to what the maps hold: the differences, in an order in which no packet meets a dangling reference.
// Imports agent/datapath, agent/model and its siblings.
// Invariant: backend entries, then the Maglev table and source ranges, then the service entry; taking away in reverse; what is right already is not written.

import { isDeepStrictEqual } from 'node:util';
import type { BackendEntry } from '../../datapath/backend-table.js';
import { RANGES_OF_ALL } from '../../datapath/layout.js';
import type { QuicEntry, ServiceEntry } from '../../datapath/service-table.js';
import { type DigestBackend, digestBackends } from '../../model/digest.js';
import { formatEndpoint, formatFrontend } from '../../model/format.js';
import { buildMaglevTable } from '../../model/maglev.js';
import { serves } from '../../model/ready.js';
import { actionOf, type DesiredState, type Dispatch, type Endpoint, type Service } from '../../model/service.js';
import type { Hop } from '../next-hop/next-hop.js';
import { type BuiltTables, MaglevBuilder } from './maglev-builder.js';
import { deniedRanges, dropRanges, placeRanges, policyFor, rangesFor } from './source-policy.js';
import {
  deleteService,
  forgetStats,
  freeBackend,
  type Tables,
  writeBackend,
  writeMaglev,
  writeQuicServer,
  writeService,
} from './table-steps.js';
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

/** Services whose Maglev tables are put in place together; more new ones than this have them built on a thread. */
const GROUP = 128;

/** Makes the maps hold exactly the desired state. */
export async function applyState(context: ApplyContext, state: DesiredState, transaction: Transaction): Promise<void> {
  const wanted = new Set(state.services.map((service) => service.id));
  const { slots, frontends, ranges } = context.tables;
  const present = new Set([...frontends.services(), ...slots.services(), ...ranges.services()]);
  for (const id of present) if (!wanted.has(id)) await removeService(context, id, transaction);
  await placeRanges(context.tables, RANGES_OF_ALL, deniedRanges(state), transaction);
  await applyServices(context, state.services, state, transaction);
  await dropRanges(context.tables, RANGES_OF_ALL, deniedRanges(state), transaction);
}

/** Makes the maps hold these services as they are wanted, many at a time. */
export async function applyServices(
  context: ApplyContext,
  services: readonly Service[],
  all: ForAll,
  transaction: Transaction,
): Promise<void> {
  const isNew = ({ id }: Service): boolean => context.tables.frontends.of(id).length === 0;
  const builder = services.filter(isNew).length > GROUP ? new MaglevBuilder() : undefined;
  const groupAt = (from: number): readonly Service[] => services.slice(from, from + GROUP);
  const buildAhead = (from: number) => builder?.build(groupAt(from).filter(isNew), context.maglevSize);
  try {
    let coming = buildAhead(0);
    for (let from = 0; from < services.length; from += GROUP) {
      const built = await coming;
      coming = buildAhead(from + GROUP);
      const placed: Placed[] = [];
      for (const service of groupAt(from)) placed.push(await placeBackends(context, service, transaction));
      await placeTables(context, placed, transaction, built);
      for (const one of placed) await publish(context, one, all, transaction);
      // Thousands of services: packets do not wait for the agent, but signals and timers would.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    builder?.close();
  }
}

/** Makes the maps hold this service as it is wanted, among what is asked of all. Throws FL_E_LIMIT when no slot is left. */
export async function applyService(context: ApplyContext, service: Service, all: ForAll, transaction: Transaction): Promise<void> {
  const placed = await placeBackends(context, service, transaction);
  await placeTables(context, [placed], transaction);
  await publish(context, placed, all, transaction);
}

/** What of the desired state every service entry depends on. */
export type ForAll = Pick<DesiredState, 'mode' | 'deny'>;

/** A service whose backends have their slots. */
interface Placed {
  readonly service: Service;
  readonly slots: ReadonlySet<number>;
  /** Backends that get new flows. */
  readonly serving: readonly DigestBackend[];
  /** QUIC server ids and the slots of their backends. */
  readonly quicIds: ReadonlyMap<string, number>;
  /** Of the table that these need; 0: none. */
  readonly digest: number;
}

/** Putting a table in place waits for the kernel's grace period: those of a group wait together. */
async function placeTables(
  context: ApplyContext,
  placed: readonly Placed[],
  transaction: Transaction,
  built: BuiltTables = new Map(),
): Promise<void> {
  const tables = new Map<number, Uint32Array>();
  for (const { service, serving, digest } of placed) {
    const known = knownEntry(context.tables, service, ownEntry(context.tables, service));
    if (digest === 0 || (known?.maglevDigest === digest && context.distrustTables !== true)) continue;
    const table = built.get(service.id) ?? buildMaglevTable(serving, context.maglevSize);
    const ids = Uint32Array.from(serving, ({ backendId }) => backendId);
    for (let slot = 0; slot < table.length; slot++) table[slot] = ids[table[slot] as number] as number;
    tables.set(service.id, table);
  }
  if (tables.size > 0) await transaction.run(writeMaglev(context.tables, context.maglevSize, tables));
}

/** The service entry, and then what nothing refers to any more. */
async function publish(context: ApplyContext, placed: Placed, all: ForAll, transaction: Transaction): Promise<void> {
  const { tables, dispatch, maglevSize } = context;
  const { service, serving, digest } = placed;
  await placeRanges(tables, service.id, rangesFor(service), transaction);
  const former = tables.frontends.of(service.id);
  const own = ownEntry(tables, service);
  const known = knownEntry(tables, service, own);
  const action = actionOf(service, all.mode, dispatch);
  const policy = policyFor(service, all);
  const quic = quicOf(service);
  const looksAtQuic = quic !== undefined || known?.quic !== undefined;
  if (looksAtQuic) {
    for (const [id, backendId] of placed.quicIds) await transaction.run(writeQuicServer(tables, { serviceId: service.id, id }, backendId));
  }
  const entry: ServiceEntry = {
    id: service.id,
    backendCount: serving.length,
    maglevDigest: digest,
    action,
    ...policy,
    ...(quic && { quic }),
  };
  if (!isDeepStrictEqual(own, entry)) await transaction.run(writeService(tables, service.frontend, entry));
  for (const frontend of former) {
    if (formatFrontend(frontend) !== formatFrontend(service.frontend)) await transaction.run(deleteService(tables, frontend));
  }
  if (digest === 0 && known !== undefined && known.maglevDigest !== 0)
    await transaction.run(writeMaglev(tables, maglevSize, new Map([[service.id, undefined]])));
  await dropRanges(tables, service.id, rangesFor(service), transaction);
  if (looksAtQuic) await removeQuicServers(context, service.id, placed.quicIds, transaction);
  for (const { id } of tables.slots.ofService(service.id)) if (!placed.slots.has(id)) await transaction.run(freeBackend(tables, id));
}

/** Takes a service away: its entry, its table, its ranges, its backends. */
export async function removeService(context: ApplyContext, id: number, transaction: Transaction): Promise<void> {
  const { tables } = context;
  let table = false;
  let quic = false;
  for (const frontend of tables.frontends.of(id)) {
    const entry = tables.datapath.services.get(frontend);
    table ||= (entry?.maglevDigest ?? 0) !== 0;
    quic ||= entry?.quic !== undefined;
    await transaction.run(deleteService(tables, frontend));
  }
  if (table) await transaction.run(writeMaglev(tables, context.maglevSize, new Map([[id, undefined]])));
  await dropRanges(tables, id, new Map(), transaction);
  if (quic) await removeQuicServers(context, id, new Map(), transaction);
  for (const slot of tables.slots.ofService(id)) await transaction.run(freeBackend(tables, slot.id));
  await transaction.run(forgetStats(tables, id));
}

/** Before a slot is freed nothing names it any more. */
async function removeQuicServers(
  { tables }: ApplyContext,
  serviceId: number,
  kept: ReadonlyMap<string, number>,
  transaction: Transaction,
): Promise<void> {
  for (const [server] of await tables.datapath.quic.entries()) {
    if (server.serviceId === serviceId && !kept.has(server.id)) await transaction.run(writeQuicServer(tables, server, undefined));
  }
}

/** What the service's entry says of QUIC; all server ids have one length. */
function quicOf({ quic, backends }: Service): QuicEntry | undefined {
  const bytes = (backends[0]?.quicId?.length ?? 0) / 2;
  return quic === undefined || bytes === 0 ? undefined : { config: quic, bytes };
}

/** Changes what new flows get, in the service entries alone. */
export async function applyMode(context: ApplyContext, state: DesiredState, transaction: Transaction): Promise<void> {
  const { tables } = context;
  for (const service of state.services) {
    const present = ownEntry(tables, service);
    const action = actionOf(service, state.mode, context.dispatch);
    if (present !== undefined && present.action !== action)
      await transaction.run(writeService(tables, service.frontend, { ...present, action }));
  }
}

/** Makes the list of clients that no service takes what the state says. */
export async function applyDenied(context: ApplyContext, state: DesiredState, transaction: Transaction): Promise<void> {
  const { tables } = context;
  await placeRanges(tables, RANGES_OF_ALL, deniedRanges(state), transaction);
  for (const service of state.services) {
    const present = ownEntry(tables, service);
    if (present === undefined) continue;
    const { policy: _before, ...rest } = present;
    const wanted: ServiceEntry = { ...rest, ...policyFor(service, state) };
    if (!isDeepStrictEqual(present, wanted)) await transaction.run(writeService(tables, service.frontend, wanted));
  }
  await dropRanges(tables, RANGES_OF_ALL, deniedRanges(state), transaction);
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
  const unused = slots.findFree(keyed.filter(({ key }) => !placed.has(key)).length);
  await datapath.stats.clear(unused);
  const free = unused.values();
  const used = new Set<number>();
  const serving: DigestBackend[] = [];
  const quicIds = new Map<string, number>();
  for (const { backend, key } of keyed) {
    const own = placed.get(key);
    const id = own ?? (free.next().value as number);
    const present = own === undefined ? undefined : datapath.backends.get(own);
    const generation = present?.generation ?? nextGeneration(datapath.backends.generationOf(id));
    const { address, port, weight, state } = backend;
    const hop = hopFields(context.hopTo(address), present);
    const wanted: BackendEntry = { serviceId: service.id, address, port, weight, state, generation, ...hop };
    if (!isDeepStrictEqual(present, wanted)) await transaction.run(writeBackend(context.tables, id, wanted));
    used.add(id);
    if (backend.quicId !== undefined) quicIds.set(backend.quicId, id);
    if (serves(backend)) serving.push({ key, weight, backendId: id });
  }
  return { service, slots: used, serving, quicIds, digest: serving.length === 0 ? 0 : digestBackends(serving, context.maglevSize) };
}

/** Ends the flows of these backends, which keep their slots: the next packet of each begins another flow, with a backend that serves. */
export async function endFlows(
  { tables }: ApplyContext,
  serviceId: number,
  backends: readonly Endpoint[],
  transaction: Transaction,
): Promise<void> {
  for (const backend of backends) {
    const id = tables.slots.idOf(serviceId, backend);
    const present = id === undefined ? undefined : tables.datapath.backends.get(id);
    if (id === undefined || present === undefined) continue;
    await transaction.run(writeBackend(tables, id, { ...present, generation: nextGeneration(present.generation) }));
  }
}

/** While there is no route the source stays: the flows' reverse entries are found by it when the route is back. */
function hopFields(hop: Hop, present: BackendEntry | undefined): Pick<BackendEntry, 'source' | 'nextHop' | 'local'> {
  return { source: hop.source ?? present?.source, nextHop: hop.resolved, local: hop.local };
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

/** The same, `own`, or the entry at the frontend that the service had before: both tell which table is in place. */
function knownEntry(tables: Tables, service: Service, own: ServiceEntry | undefined): ServiceEntry | undefined {
  const [former] = tables.frontends.of(service.id);
  return own ?? (former === undefined ? undefined : tables.datapath.services.get(former));
}
