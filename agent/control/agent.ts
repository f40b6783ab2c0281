// What every way in (prompt, command line, later the API) may ask of the running agent.
// One writer stands behind it: calls are carried out one after the other in the order in which they came.
// Invariant: a call that throws has left the running state as it was.

import type { BackendState, Endpoint, Frontend, Mode } from '../model/service.js';
import type { BackendView, FlowView, NeighbourView, ServiceView, StatusView } from '../model/views.js';

/** Creates a service or changes the one with this id; what is undefined stays as it is (backends: as given, whole). */
export interface ServiceUpdate {
  readonly id: number;
  readonly frontend: Frontend | undefined;
  readonly backends: readonly Endpoint[] | undefined;
  /** One weight for each of `backends`, in their order. */
  readonly weights: readonly number[] | undefined;
  /** 'default': follow the agent's mode again. */
  readonly mode: Mode | 'default' | undefined;
}

export interface BackendUpdate {
  readonly id: number;
  readonly backend: Endpoint;
  readonly state: BackendState | undefined;
  readonly weight: number | undefined;
}

export interface Change<View> {
  readonly view: View;
  /** Whether anything differed from before. */
  readonly outcome: 'created' | 'changed' | 'unchanged';
  /** Things that the person should know though the call succeeded ("backend 20.1.1.50:80: no route to host, retried"). */
  readonly warnings: readonly string[];
}

export interface Agent {
  updateService(update: ServiceUpdate): Promise<Change<ServiceView>>;
  deleteService(id: number): Promise<ServiceView>;
  getService(id: number): Promise<ServiceView>;
  listServices(): Promise<readonly ServiceView[]>;
  /** Flows of one service, streamed from the conntrack maps. Throws FL_E_NOT_FOUND before the first one. */
  dumpState(id: number): AsyncIterable<FlowView>;
  setBackend(update: BackendUpdate): Promise<Change<BackendView>>;
  listBackends(): Promise<readonly BackendView[]>;
  getMode(): Promise<Mode>;
  setMode(mode: Mode): Promise<{ readonly mode: Mode; readonly before: Mode }>;
  listNeighbours(): Promise<readonly NeighbourView[]>;
  /** Asks the network for this address's MAC again and waits up to 2 s for the answer. */
  updateNeighbour(address: string): Promise<NeighbourView>;
  status(): Promise<StatusView>;
  /** Takes the data plane away: links, program, maps, pins. The agent can only be closed after it. */
  unload(): Promise<void>;
  /** Stops the agent's own work (sweeper, watchers, lock); the data plane stays. */
  close(): Promise<void>;
}
