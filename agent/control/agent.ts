// What every way in (prompt, command line, later the API) may ask of the running agent.
// One writer stands behind it: calls are carried out one after the other in the order in which they came.
// Invariant: a call that throws has left the running state as it was.

import type { StateDifference } from './state/diff-state.js';
import type { EventFilter, EventLosses, PacketEvent } from '../model/events.js';
import type { HealthUpdate } from '../model/health.js';
import type { ExplanationView, FlowQuestion } from '../model/explanation.js';
import type { BackendState, DesiredState, Endpoint, Frontend, Mode } from '../model/service.js';
import type { StatsView } from '../model/stats.js';
import type { BackendView, FlowCount, FlowView, NeighbourView, ServiceView, StatusView } from '../model/views.js';

export type { StateDifference };

/** Creates a service or changes the one with this id; what is undefined stays as it is (backends: as given, whole). */
export interface ServiceUpdate {
  readonly id: number;
  readonly frontend: Frontend | undefined;
  readonly backends: readonly Endpoint[] | undefined;
  /** One weight for each of `backends`, in their order. */
  readonly weights: readonly number[] | undefined;
  /** 'default': follow the agent's mode again. */
  readonly mode: Mode | 'default' | undefined;
  /** Prefixes of source addresses, in their order; empty: no such list any more. */
  readonly sourceAllow?: readonly string[] | undefined;
  readonly sourceDeny?: readonly string[] | undefined;
  /** Seconds; 'none': no session affinity any more. */
  readonly affinity?: number | 'none' | undefined;
  /** Configuration of QUIC connection ids that name the backend. */
  readonly quic?: number | 'off' | undefined;
  /** One QUIC server id for each of the backends, in their order. */
  readonly quicIds?: readonly string[] | undefined;
  /** What of its health check is to change. */
  readonly health?: HealthUpdate | 'none' | undefined;
}

export interface BackendUpdate {
  readonly id: number;
  readonly backend: Endpoint;
  readonly state: BackendState | undefined;
  readonly weight: number | undefined;
}

/** Prefixes to put on the list of clients that no service takes, and to take off it. */
export interface DenyUpdate {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

export interface DenyChange {
  /** What was not there before. */
  readonly added: readonly string[];
  /** What was there before. */
  readonly removed: readonly string[];
  /** Prefixes on the list now. */
  readonly count: number;
}

export interface Change<View> {
  readonly view: View;
  /** Whether anything differed from before. */
  readonly outcome: 'created' | 'changed' | 'unchanged';
  /** Things that the person should know though the call succeeded ("backend 20.1.1.50:80: no route to host, retried"). */
  readonly warnings: readonly string[];
}

/** What a watch gives; it ends with the signal, and with the agent. */
export interface EventWatch extends AsyncIterable<PacketEvent> {
  /** What was left out until now. */
  losses(): EventLosses;
}

export interface Agent {
  updateService(update: ServiceUpdate): Promise<Change<ServiceView>>;
  deleteService(id: number): Promise<ServiceView>;
  getService(id: number): Promise<ServiceView>;
  listServices(): Promise<readonly ServiceView[]>;
  /** Flows of one service, streamed from the conntrack maps. Throws FL_E_NOT_FOUND before the first one. */
  dumpState(id: number): AsyncIterable<FlowView>;
  /** Flows of every backend, counted by reading the flow tables through. Backends without any are in it too. */
  countFlows(): Promise<readonly FlowCount[]>;
  /** What services and backends counted, and their flows. It reads the flow tables through, as countFlows() does. */
  readStats(): Promise<StatsView>;
  setBackend(update: BackendUpdate): Promise<Change<BackendView>>;
  listBackends(): Promise<readonly BackendView[]>;
  getMode(): Promise<Mode>;
  setMode(mode: Mode): Promise<{ readonly mode: Mode; readonly before: Mode }>;
  /** Prefixes whose clients no service takes, in their order. */
  listDenied(): Promise<readonly string[]>;
  updateDenied(update: DenyUpdate): Promise<DenyChange>;
  listNeighbours(): Promise<readonly NeighbourView[]>;
  /** Asks the network for this address's MAC again and waits up to 2 s for the answer. */
  updateNeighbour(address: string): Promise<NeighbourView>;
  status(): Promise<StatusView>;
  /** What the program would do with the next packet of this flow, real or not, and why; with the proof by a run that leaves no trace. */
  explainFlow(question: FlowQuestion): Promise<ExplanationView>;
  /**
   * Packets as the data plane handles them, while somebody iterates; off again when that ends, however it ends.
   * Throws FL_E_NOT_FOUND for an unknown service, FL_E_CONFLICT when somebody watches already; the latter also at the first event.
   */
  watchEvents(filter: EventFilter, signal: AbortSignal): EventWatch;
  /** Everything that a person has asked for. */
  getDesired(): Promise<DesiredState>;
  /** Makes the desired state this one, all or nothing; what is as it was is not touched. `dryRun`: only says what would change. */
  replaceDesired(state: DesiredState, dryRun: boolean): Promise<StateDifference>;
  /** Takes the data plane away: links, program, maps, pins. The agent can only be closed after it. */
  unload(): Promise<void>;
  /** Stops the agent's own work (watchers, lock); the data plane stays. */
  close(): Promise<void>;
}
