// What the agent answers: plain data that commands print as tables or JSON.
// Imports only its siblings. The JSON forms of these are a contract (docs/json.md).

import type { Action, BackendState, Dispatch, Frontend, Mode, Protocol } from './service.js';
import type { Reason } from './reasons.js';

export interface BackendView {
  readonly service: number;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly state: BackendState;
  /** Index in the backend array of the data plane. */
  readonly backendId: number;
  /** Next hop towards the backend; undefined while unresolved. */
  readonly mac: string | undefined;
  /** Device that leads there; undefined when there is no route. */
  readonly device: string | undefined;
  /** 'resolved', or why not: 'no route to host', 'no answer from 20.1.1.40', ... */
  readonly nextHop: string;
  /** Share of the Maglev table, 0 to 1. */
  readonly share: number;
}

export interface ServiceView {
  readonly id: number;
  readonly frontend: Frontend;
  /** The mode that new flows get. */
  readonly mode: Mode;
  /** True when the service has a mode of its own. */
  readonly ownMode: boolean;
  readonly backends: readonly BackendView[];
}

export type FlowState = 'ACTIVE' | 'IDLE' | 'CLOSING';

/** One flow. tx: client to backend; rx: backend to client (undefined in DSR: replies do not pass here). Frames' bytes. */
export interface FlowView {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly protocol: Protocol;
  readonly backend: string;
  readonly backendPort: number;
  readonly mode: Action;
  readonly snatPort: number | undefined;
  readonly state: FlowState;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly rxPackets: number | undefined;
  readonly rxBytes: number | undefined;
  /** Seconds since the flow began, and since its last packet in either direction. */
  readonly age: number;
  readonly idle: number;
}

export interface NeighbourView {
  readonly address: string;
  readonly device: string | undefined;
  readonly mac: string | undefined;
  /** 'reachable', 'stale', ..., 'unresolved' */
  readonly state: string;
  /** Backends ('20.1.1.10:80') that this next hop leads to. */
  readonly backends: readonly string[];
}

export interface DeviceView {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  readonly mtu: number;
  readonly address: string | undefined;
  readonly xdpMode: 'native' | 'generic';
  readonly linkId: number;
}

export interface StatusView {
  readonly instance: string;
  readonly pid: number;
  readonly mode: Mode;
  readonly dispatch: Dispatch;
  readonly program: { readonly id: number; readonly name: string; readonly digest: string; readonly instructions: number };
  readonly devices: readonly DeviceView[];
  readonly snatRange: readonly [number, number];
  readonly services: number;
  readonly backends: number;
  readonly unresolvedBackends: number;
  readonly flows: { readonly entries: number; readonly limit: number };
  readonly counters: readonly (Reason & { readonly packets: number; readonly bytes: number })[];
  /** What does not work as it should, one line each; empty when all is well. */
  readonly warnings: readonly string[];
}
