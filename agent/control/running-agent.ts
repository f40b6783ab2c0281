// The running agent: each call of agent.ts, carried out by the one writer.
// Imports platform/port, agent/datapath, agent/model and its siblings. start.ts makes it.
// Invariant: the state file is written before the maps, and when the maps refuse, both are as they were.

import { isDeepStrictEqual } from 'node:util';
import type { Datapath } from '../datapath/datapath.js';
import { rememberBackends } from '../datapath/flow-record.js';
import type { EventFilter } from '../model/events.js';
import type { Backend, DesiredState, Endpoint, Mode, Service } from '../model/service.js';
import type { ExplanationView, FlowQuestion } from '../model/explanation.js';
import { formatEndpoint } from '../model/format.js';
import { validateService } from '../model/validate.js';
import { validateServices } from '../model/validate-all.js';
import { warnOfPorts } from '../model/warn-ports.js';
import type { StatsView } from '../model/stats.js';
import type { BackendView, FlowCount, FlowView, NeighbourView, ServiceView, StatusView } from '../model/views.js';
import type { Agent, BackendUpdate, Change, DenyChange, DenyUpdate, EventWatch, ServiceUpdate } from './agent.js';
import {
  type ApplyContext,
  applyDenied,
  applyHops,
  applyMode,
  applyService,
  applyServices,
  endFlows,
  removeService,
} from './apply/apply.js';
import { checkPlaces } from './check-places.js';
import { diffStates, isSame, type StateDifference } from './state/diff-state.js';
import { findService, mergeBackendUpdate, mergeDenied, mergeService, replaceService } from './state/intents.js';
import { Explainer } from './explain/explainer.js';
import { EventWatcher } from './event-watcher.js';
import { findNeighbour } from './next-hop/find-neighbour.js';
import type { Hop } from './next-hop/next-hop.js';
import { probe } from '../health/probe.js';
import { DsrProber } from '../health/probe-dsr.js';
import { HealthChecker, type HealthChange, type Known } from '../health/checker.js';
import { dsrNetwork } from './dsr-network.js';
import { HealthWarnings } from './health-warnings.js';
import { Guard } from './guard/guard.js';
import { isOut, stateBefore, withHealth } from './health-overlay.js';
import { readStats } from './read-stats.js';
import type { Session } from './session.js';
import { viewStatus } from './status.js';
import { Transaction } from './apply/transaction.js';
import { type ViewContext, viewBackends, viewNeighbours, viewService, warnOfBackends } from './views.js';
import { Writer } from './writer.js';
import { type Here, validateHere, validateMode } from './validate-here.js';

/** How long an answer waits for the MACs of new backends, milliseconds: ARP on a LAN takes less than one. */
const SETTLE = 300;
/** How long updateNeighbour waits, milliseconds. */
const ASK = 2000;

export class RunningAgent implements Agent {
  readonly #session: Session;
  readonly #context: ApplyContext;
  readonly #writer = new Writer();
  readonly #watcher: EventWatcher;
  readonly #health: HealthChecker;
  readonly #healthWarnings: HealthWarnings;
  readonly #guard: Guard;
  readonly #dsrProber: DsrProber;
  readonly #explainer: Explainer;
  readonly #here: Here;
  #state: DesiredState;
  #closed = false;

  constructor(session: Session, state: DesiredState) {
    const { tables, settings, hops, hopChanges } = session.parts;
    this.#session = session;
    this.#explainer = new Explainer(session);
    this.#here = { ...settings, growsHead: session.parts.prepared.growsHead };
    this.#state = state;
    this.#watcher = new EventWatcher(tables.datapath, session.parts.platform.network);
    const hopTo = (address: string): Hop => hops.get(address);
    this.#context = { tables, dispatch: settings.dispatch, maglevSize: settings.maglevSize, hopTo };
    this.#dsrProber = new DsrProber(dsrNetwork(session.parts), probe);
    this.#health = new HealthChecker((change) => this.#writeHealth(change), this.#dsrProber.probe);
    this.#health.follow(state.services, session.parts.known);
    this.#healthWarnings = new HealthWarnings(session.parts.warnings, {
      statusOf: (service, backend) => this.#health.statusOf(service, backend),
      failsOpen: (service) => service.health?.allDown === 'open' && this.#healthy(service) === service,
    });
    this.#guard = new Guard(session.parts, {
      inTurn: (call) => this.#writer.run(call),
      rebuildTable: (id) => this.#rebuildTable(id),
    });
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
      return { service, outcome: outcomeOf(before, service), view: () => this.#viewOf(service, backend) };
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

  async countFlows(): Promise<readonly FlowCount[]> {
    this.#session.requireLoaded();
    const { backends } = await this.#datapath.flows.survey();
    return this.#state.services.flatMap((service) =>
      service.backends.map(({ address, port }) => {
        const id = this.#views.slots.idOf(service.id, { address, port });
        return { service: service.id, address, port, flows: (id === undefined ? undefined : backends.get(id)) ?? 0 };
      }),
    );
  }

  async readStats(): Promise<StatsView> {
    this.#session.requireLoaded();
    const { stats, flows } = this.#datapath;
    const { backends } = await flows.survey();
    return readStats({ stats, slots: this.#views.slots, services: this.#state.services, flows: backends });
  }

  async listBackends(): Promise<readonly BackendView[]> {
    return this.#state.services.flatMap((service) => viewBackends(this.#views, service));
  }

  async getMode(): Promise<Mode> {
    return this.#state.mode;
  }

  setMode(mode: Mode): Promise<{ readonly mode: Mode; readonly before: Mode }> {
    return this.#writer.run(async () => {
      const before = this.#state.mode;
      const next = { ...this.#state, mode };
      validateMode(mode, this.#here);
      for (const service of next.services) validateHere(service, mode, this.#here);
      await this.#commit(next, (transaction) => applyMode(this.#context, next, transaction));
      return { mode, before };
    });
  }

  async listDenied(): Promise<readonly string[]> {
    return this.#state.deny ?? [];
  }

  updateDenied(update: DenyUpdate): Promise<DenyChange> {
    return this.#writer.run(async () => {
      const { state, change } = mergeDenied(this.#state, update);
      await this.#commit(state, (transaction) => applyDenied(this.#context, state, transaction));
      return change;
    });
  }

  async getDesired(): Promise<DesiredState> {
    return this.#state;
  }

  replaceDesired(next: DesiredState, dryRun: boolean): Promise<StateDifference> {
    return this.#writer.run(async () => {
      const { settings, hops, lbAddresses } = this.#session.parts;
      const difference = diffStates(this.#state, next);
      validateServices(next.services, settings, () => {});
      validateMode(next.mode, this.#here);
      for (const service of next.services) validateHere(service, next.mode, this.#here);
      const touched = new Set([...difference.added, ...difference.changed.map(({ id }) => id)]);
      const services = next.services.filter(({ id }) => touched.has(id));
      if (dryRun || isSame(difference)) return difference;
      for (const service of services) for (const { address } of service.backends) hops.track(address);
      try {
        for (const service of services) checkPlaces(service, lbAddresses);
        await this.#commit(next, async (transaction) => {
          for (const id of difference.removed) await removeService(this.#context, id, transaction);
          await applyServices(
            this.#context,
            services.map((service) => this.#healthy(service)),
            next,
            transaction,
          );
          if (difference.mode !== undefined) await applyMode(this.#context, next, transaction);
          if (difference.denied.length + difference.undenied.length > 0) await applyDenied(this.#context, next, transaction);
        });
      } finally {
        this.#followBackends(services);
      }
      return difference;
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

  explainFlow(question: FlowQuestion): Promise<ExplanationView> {
    return this.#explainer.explain(question, {
      state: this.#state,
      healthOf: (service, backend) => this.#health.statusOf(service, backend),
    });
  }

  watchEvents(filter: EventFilter, signal: AbortSignal): EventWatch {
    this.#session.requireLoaded();
    if (filter.service !== undefined) findService(this.#state, filter.service);
    return this.#watcher.watch(filter, signal);
  }

  unload(): Promise<void> {
    return this.#writer.close('the data plane was unloaded: only `exit` is left', async () => {
      this.#watcher.close();
      this.#explainer.close();
      this.#health.close();
      this.#guard.close();
      this.#dsrProber.close();
      this.#session.stop();
      this.#session.removeDataPlane();
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const stop = async (): Promise<void> => {
      this.#watcher.close();
      this.#explainer.close();
      this.#health.close();
      this.#guard.close();
      this.#dsrProber.close();
      this.#session.stop();
      this.#session.release();
    };
    await this.#writer.close('the agent was closed', stop).catch(stop);
  }

  get #views(): ViewContext {
    const healthOf = (service: number, backend: Endpoint) => this.#health.statusOf(service, backend);
    return { slots: this.#session.parts.tables.slots, hopTo: this.#context.hopTo, healthOf };
  }

  #viewOf(service: Service, { address, port }: Endpoint): BackendView {
    return viewBackends(this.#views, service).find((view) => view.address === address && view.port === port) as BackendView;
  }

  /** The service as the data plane is to have it. */
  #healthy(service: Service): Service {
    return withHealth(service, (backend) => {
      const status = this.#health.statusOf(service.id, backend);
      return isOut(service.health, status?.state ?? stateBefore(service, backend, this.#known(service.id, backend)));
    });
  }

  /** What the data plane says of a backend before its checks do. */
  #known(service: number, backend: Endpoint): Known {
    const id = this.#views.slots.idOf(service, backend);
    return id !== undefined && this.#datapath.backends.get(id)?.state === 'active' ? 'up' : undefined;
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
      validateHere(planned.service, this.#state.mode, this.#here);
      for (const { address } of planned.service.backends) hops.track(address);
      try {
        checkPlaces(planned.service, this.#session.parts.lbAddresses);
        const next = replaceService(this.#state, planned.service);
        await this.#commit(next, (transaction) => applyService(this.#context, this.#healthy(planned.service), next, transaction));
      } finally {
        this.#followBackends([planned.service]);
      }
      return planned;
    });
    const { hops } = this.#session.parts;
    await hops.waitUntil(
      () => service.backends.every(({ address }) => hops.get(address).resolved !== undefined || hops.get(address).via === undefined),
      SETTLE,
    );
    const ports = warnOfPorts(viewService(this.#views, service, this.#state));
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
    this.#health.follow(next.services, (service, backend) => this.#known(service, backend));
    this.#healthWarnings.follow(next.services);
    this.#followBackends();
  }

  /** In turn with the calls already. */
  async #rebuildTable(id: number): Promise<void> {
    const service = this.#state.services.find((one) => one.id === id);
    if (service === undefined) return;
    await applyService({ ...this.#context, distrustTables: true }, this.#healthy(service), this.#state, new Transaction());
  }

  /** Lets go of addresses that no backend has any more; `tried`: services that may not have come to be. */
  #followBackends(tried: readonly Service[] = []): void {
    const { hops, tables } = this.#session.parts;
    const asked = [...tables.slots.takeLeft(), ...tried.flatMap(({ backends }) => backends.map(({ address }) => address))];
    for (const address of asked) if (!tables.slots.hasAddress(address)) hops.forget(address);
  }

  /** A backend went up or down: its service's table, in turn with the calls. */
  #writeHealth({ service: id, backend, status }: HealthChange): void {
    const { warnings, log } = this.#session.parts;
    const why = status.reason === undefined ? '' : `: ${status.reason}`;
    log(status.state === 'down' ? 'warning' : 'info', `backend ${formatEndpoint(backend)} of service ${id} is ${status.state}${why}`, {
      by: 'health',
    });
    const write = async (): Promise<void> => {
      const service = this.#state.services.find((one) => one.id === id);
      if (service === undefined) return;
      await this.#applyHealth(service);
      this.#healthWarnings.tell(service);
    };
    this.#writer.run(write).then(
      () => warnings.set('health', undefined),
      (error: Error) => {
        if (!this.#closed) warnings.set('health', `what health checks found could not be written: ${error.message}`);
      },
    );
  }

  /** The service as its checks want it; flows of backends that go out end where the service asks for that. */
  async #applyHealth(service: Service): Promise<void> {
    const healthy = this.#healthy(service);
    const goesOut = (backend: Backend) => backend.state === 'quarantined' && this.#known(service.id, backend) === 'up';
    const leaving = service.health?.flows === 'end' ? healthy.backends.filter(goesOut) : [];
    const transaction = new Transaction();
    await applyService(this.#context, healthy, this.#state, transaction);
    // New flows have another table by now, so that none of those that end here begins again at the same backend.
    await endFlows(this.#context, service.id, leaving, transaction);
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
