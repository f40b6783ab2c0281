// Before the program reaches a device: settings, desired state and next hops are put into its maps.
// Imports platform/port, agent/datapath, agent/model and its siblings.
// Invariant: a program never forwards by empty maps, and an adopted map is written only where it differs.

import { isDeepStrictEqual } from 'node:util';
import type { Datapath } from '../../datapath/datapath.js';
import type { Config } from '../../datapath/layout.js';
import type { Known } from '../../health/checker.js';
import { formatEndpoint } from '../../model/format.js';
import type { DesiredState, Endpoint, Service } from '../../model/service.js';
import { type Here, validateHere, validateMode } from '../validate-here.js';
import { type ApplyContext, applyState } from './apply.js';
import { type ChosenState, chooseState, type StateSources } from '../state/choose-state.js';
import { isOut, stateBefore, withHealth } from '../health-overlay.js';
import type { NextHops } from '../next-hop/neighbours.js';
import { Frontends, Slots } from './slots.js';
import { RangeBook } from './source-policy.js';
import type { Tables } from './table-steps.js';
import { Transaction } from './transaction.js';

export interface ReconcileRequest extends Omit<StateSources, 'datapath'>, Here {
  readonly datapath: Datapath;
  readonly config: Config;
  readonly hops: NextHops;
  readonly snatAddresses: readonly string[];
}

export interface Reconciled {
  readonly tables: Tables;
  readonly state: DesiredState;
  readonly warnings: readonly string[];
  /** Of backends that the maps had: those that their service's checks had found down stay so until they rise. */
  readonly known: (service: number, backend: Endpoint) => Known;
}

/**
 * Throws what reading or writing the maps throws, after undoing what it wrote; FL_E_STATE when no state can be had, FL_E_CONFLICT when the
 * settings contradict it.
 */
export async function reconcile(request: ReconcileRequest): Promise<Reconciled> {
  const { datapath, hops, file } = request;
  const chosen = await chooseState(request);
  validateMode(chosen.state.mode, request);
  for (const service of chosen.state.services) validateHere(service, chosen.state.mode, request);
  if (!isDeepStrictEqual({ ...datapath.config.read() }, { ...request.config })) datapath.config.write(request.config);
  datapath.events.off();
  datapath.snatSources.set(request.snatAddresses);
  const backends = await datapath.backends.entries();
  const services = await datapath.services.entries();
  await datapath.services.adopt(
    services.map(([frontend]) => frontend),
    await datapath.flows.serviceAddresses(),
  );
  const tables: Tables = {
    datapath,
    slots: new Slots(datapath.backends.size, backends),
    frontends: new Frontends(services),
    ranges: new RangeBook(await datapath.ranges.entries()),
  };
  for (const [, { address, nextHop }] of backends) hops.track(address, nextHop);
  for (const service of chosen.state.services) for (const { address } of service.backends) hops.track(address);
  keepState(request, chosen);
  const context: ApplyContext = {
    tables,
    dispatch: request.dispatch,
    maglevSize: request.config.maglevSize,
    hopTo: (address) => hops.get(address),
    distrustTables: chosen.inDoubt,
  };
  const states = new Map(backends.map(([, entry]) => [`${entry.serviceId} ${formatEndpoint(entry)}`, entry.state]));
  const known = (service: number, backend: Endpoint): Known => {
    const state = states.get(`${service} ${formatEndpoint(backend)}`);
    return state === 'quarantined' ? 'down' : state === 'active' ? 'up' : undefined;
  };
  const isOutAtFirst = (service: Service) => (backend: Endpoint) =>
    isOut(service.health, stateBefore(service, backend, known(service.id, backend)));
  const healthy = { ...chosen.state, services: chosen.state.services.map((one) => withHealth(one, isOutAtFirst(one))) };
  const transaction = new Transaction();
  try {
    await applyState(context, healthy, transaction);
  } catch (error) {
    throw await transaction.rollback(error);
  }
  await datapath.stats.retain(new Set(chosen.state.services.map(({ id }) => id)));
  for (const address of tables.slots.takeLeft()) if (!tables.slots.hasAddress(address)) hops.forget(address);
  await datapath.learn(chosen.state.services.map(({ id }) => id));
  return { tables, state: chosen.state, warnings: chosen.warnings, known };

  /** The file says what the maps are about to hold, before they do. */
  function keepState({ mode }: ReconcileRequest, { state, inDoubt }: ChosenState): void {
    if (inDoubt || mode !== undefined) file.write(state);
  }
}
