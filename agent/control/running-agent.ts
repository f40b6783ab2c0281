// The running agent: each call of agent.ts, carried out by the one writer.
// Imports platform/port, agent/datapath, agent/model and its siblings. start.ts makes it.
// Invariant: the state file is written before the maps, and when the maps refuse, both are as they were.

import { isDeepStrictEqual } from 'node:util';
import type { Datapath } from '../datapath/datapath.js';
import { rememberBackends } from '../datapath/flow-record.js';
import type { DesiredState, Mode, Service } from '../model/service.js';
import { validateService } from '../model/validate.js';
import { warnOfPorts } from '../model/warn-ports.js';
import type { BackendView, FlowView, NeighbourView, ServiceView, StatusView } from '../model/views.js';
import type { Agent, BackendUpdate, Change, ServiceUpdate } from './agent.js';
import { type ApplyContext, applyHops, applyMode, applyService, removeService } from './apply/apply.js';
import { checkPlaces } from './check-places.js';
import { findService, mergeBackendUpdate, mergeService, replaceService } from './state/intents.js';
import { findNeighbour } from './next-hop/find-neighbour.js';
import type { Hop } from './next-hop/next-hop.js';
import type { Session } from './session.js';
import type { Slots } from './apply/slots.js';
import { viewStatus } from './status.js';
import { Transaction } from './apply/transaction.js';
import { viewBackend, viewNeighbours, viewService, warnOfBackends } from './views.js';
import { Writer } from './writer.js';

/** How long an answer waits for the MACs of new backends, milliseconds: ARP on a LAN takes less than one. */
const SETTLE = 300;
/** How long updateNeighbour waits, milliseconds. */
const ASK = 2000;

export class RunningAgent implements Agent {
  readonly #session: Session;
  readonly #context: ApplyContext;
  readonly #writer = new Writer();
  #state: DesiredState;
  #closed = false;

  constructor(session: Session, state: DesiredState) {
    const { tables, settings, hops, hopChanges } = session.parts;
    this.#session = session;
    this.#state = state;
    const hopTo = (address: string): Hop => hops.get(address);
    this.#context = { tables, dispatch: settings.dispatch, maglevSize: settings.maglevSize, hopTo };
    hopChanges.onChange((addresses) => this.#writeHops(addresses));
  }

  updateService(update: ServiceUpdate): Promise<Change<ServiceView>> {
    return this.#change(() => {
      const before = this.#state.services.find((service) => service.id === update.id);
      const service = mergeService(update, before);
      return { service, outcome: outcomeOf(before, service), view: () => viewService(this.#views, service, this.#state) };
    });
  }

  setBackend(update: BackendUpdate): Promise<Change<BackendView>> {
    return this.#change(() => {
      const before = findService(this.#state, update.id);
      const { service, backend } = mergeBackendUpdate(before, update);
      return { service, outcome: outcomeOf(before, service), view: () => viewBackend(this.#views, service, backend) };
    });
  }

  deleteService(id: number): Promise<ServiceView> {
    return this.#writer.run(async () => {
      const service = findService(this.#state, id);
      const view = viewService(this.#views, service, this.#state);
      const services = this.#state.services.filter((other) => other.id !== id);
      await this.#commit({ ...this.#state, services }, (transaction) => removeService(this.#context, id, transaction));
      return view;
    });
  }

  async getService(id: number): Promise<ServiceView> {
    return viewService(this.#views, findService(this.#state, id), this.#state);
  }

  async listServices(): Promise<readonly ServiceView[]> {
    return this.#state.services.map((service) => viewService(this.#views, service, this.#state));
  }

  async *dumpState(id: number): AsyncIterable<FlowView> {
    this.#session.requireLoaded();
    findService(this.#state, id);
    const { backends, flows } = this.#datapath;
    const backendOf = rememberBackends(backends);
    for await (const record of flows.flows({ serviceId: id })) {
      const view = flows.toView(record, backendOf);
      if (view !== undefined) yield view;
    }
  }

  async listBackends(): Promise<readonly BackendView[]> {
    return this.#state.services.flatMap((service) => service.backends.map((backend) => viewBackend(this.#views, service, backend)));
  }

  async getMode(): Promise<Mode> {
    return this.#state.mode;
  }

  setMode(mode: Mode): Promise<{ readonly mode: Mode; readonly before: Mode }> {
    return this.#writer.run(async () => {
      const before = this.#state.mode;
      const next = { ...this.#state, mode };
      await this.#commit(next, (transaction) => applyMode(this.#context, next, transaction));
      return { mode, before };
    });
  }

  async listNeighbours(): Promise<readonly NeighbourView[]> {
    return viewNeighbours(this.#views, this.#session.parts.hops.entries());
  }

  async updateNeighbour(address: string): Promise<NeighbourView> {
    this.#session.requireLoaded();
    const find = () =>
      findNeighbour(viewNeighbours(this.#views, this.#session.parts.hops.entries()), this.#session.parts.hops.entries(), address);
    const { backend } = find();
    await this.#session.parts.hops.solicit(backend, ASK);
    return find().view;
  }

  async status(): Promise<StatusView> {
    this.#session.requireLoaded();
    return viewStatus(this.#session, this.#state);
  }

  unload(): Promise<void> {
    return this.#writer.close('the data plane was unloaded: only `exit` is left', async () => {
      await this.#session.stop();
      this.#session.removeDataPlane();
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const stop = async (): Promise<void> => {
      await this.#session.stop();
      this.#session.release();
    };
    await this.#writer.close('the agent was closed', stop).catch(stop);
  }

  get #views(): { readonly slots: Slots; readonly hopTo: (address: string) => Hop } {
    return { slots: this.#session.parts.tables.slots, hopTo: this.#context.hopTo };
  }

  get #datapath(): Datapath {
    return this.#session.parts.tables.datapath;
  }

  /** A changed or new service, from the call to its answer. */
  async #change<View>(plan: () => { service: Service; outcome: Change<View>['outcome']; view: () => View }): Promise<Change<View>> {
    const { service, outcome, view } = await this.#writer.run(async () => {
      const planned = plan();
      const { settings, hops } = this.#session.parts;
      validateService(planned.service, this.#state.services, settings);
      for (const { address } of planned.service.backends) hops.track(address);
      try {
        checkPlaces(planned.service, this.#session.parts.lbAddresses, this.#context.hopTo);
        const next = replaceService(this.#state, planned.service);
        await this.#commit(next, (transaction) => applyService(this.#context, planned.service, next.mode, transaction));
      } finally {
        this.#followBackends();
      }
      return planned;
    });
    const { hops } = this.#session.parts;
    await hops.waitUntil(
      () => service.backends.every(({ address }) => hops.get(address).resolved !== undefined || hops.get(address).via === undefined),
      SETTLE,
    );
    const ports = warnOfPorts({ ...service, mode: service.mode ?? this.#state.mode });
    return { view: view(), outcome, warnings: [...warnOfBackends(this.#views, service.backends), ...ports] };
  }

  /** File, then maps; when the maps refuse, the maps and the file as they were. */
  async #commit(next: DesiredState, apply: (transaction: Transaction) => Promise<void>): Promise<void> {
    const before = this.#state;
    const differs = !isDeepStrictEqual(before, next);
    if (differs) this.#session.parts.file.write(next);
    const transaction = new Transaction();
    try {
      await apply(transaction);
      this.#state = next;
    } catch (error) {
      const failure = await transaction.rollback(error);
      if (differs) this.#session.parts.file.write(before);
      throw failure;
    }
    this.#followBackends();
  }

  #followBackends(): void {
    this.#session.parts.hops.retain(new Set(this.#session.parts.tables.slots.addresses()));
  }

  /** A next hop changed: the slots that use it, in turn with the calls. */
  #writeHops(addresses: ReadonlySet<string>): void {
    const { warnings } = this.#session.parts;
    const write = () => applyHops(this.#context, addresses, new Transaction());
    this.#writer.run(write).then(
      () => warnings.set('hops', undefined),
      (error: Error) => {
        if (!this.#closed) warnings.set('hops', `next hops could not be written: ${error.message}`);
      },
    );
  }
}

function outcomeOf(before: Service | undefined, after: Service): Change<unknown>['outcome'] {
  if (before === undefined) return 'created';
  return isDeepStrictEqual(before, after) ? 'unchanged' : 'changed';
}
