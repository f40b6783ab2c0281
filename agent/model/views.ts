// What the agent answers: plain data that commands print as tables or JSON.
// Imports only its siblings. The JSON forms of these are a contract (docs/json.md).

import type { Action, BackendState, Dispatch, Endpoint, Frontend, Mode, Protocol } from './service.js';
import type { HealthCheck } from './health.js';
import type { Reason } from './reasons.js';
import type { SourceRanges } from './source-ranges.js';

/** What `explain` answers: its parts are many, and stand in a file of their own. */
export type { ExplanationView } from './explanation.js';

export interface BackendView {
  readonly service: number;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly state: BackendState;
  /** Index in the backend array of the data plane. */
  readonly backendId: number;
  /** The backend is this node itself: its flows pass to the stack. */
  readonly local: boolean;
  /** Next hop towards the backend; undefined while unresolved. */
  readonly mac: string | undefined;
  /** Device that leads there; undefined when there is no route. */
  readonly device: string | undefined;
  /** 'resolved', or why not: 'no route to host', 'no answer from 20.1.1.40', ... */
  readonly nextHop: string;
  /** Its server id in QUIC connection ids, hex; undefined: it has none. */
  readonly quicId?: string | undefined;
  /** What its checks say; undefined: it is not checked. */
  readonly health: 'up' | 'down' | 'unknown' | undefined;
  /** Since when, seconds since 1970. */
  readonly healthSince: number | undefined;
  /** Why its last check failed. */
  readonly healthReason: string | undefined;
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
  /** Prefixes of the clients that it takes; both empty: all. */
  readonly sourceRanges: SourceRanges;
  /** Seconds of session affinity by client address; undefined: none. */
  readonly affinity: number | undefined;
  /** Configuration of the QUIC connection ids that name a backend; undefined: they are not looked at. */
  readonly quic?: number | undefined;
  /** How its backends are checked. */
  readonly health: HealthCheck | undefined;
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
  /** The LB address that it has towards the backend; undefined in DSR, or while the reverse entry is not there. */
  readonly snatAddress: string | undefined;
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
  /** Backends ('20.1.1.10:80', '[2001:db8::10]:80') that this next hop leads to. */
  readonly backends: readonly string[];
}

export interface DeviceView {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  readonly mtu: number;
  /** The first of `addresses`. */
  readonly address: string | undefined;
  /** Its main address of each family that it has, IPv4 first. */
  readonly addresses: readonly string[];
  readonly xdpMode: 'native' | 'generic';
  readonly linkId: number;
}

/** How full a table of the data plane is. */
export interface TableView {
  /** 'services', 'backends', 'flows'. */
  readonly name: string;
  readonly entries: number;
  readonly limit: number;
}

/** Flows of one backend now. */
export interface FlowCount extends Endpoint {
  readonly service: number;
  readonly flows: number;
}

/** SNAT ports towards the backend of a family that has most in use. `limit`: with all SNAT addresses. */
export interface PortGauge extends Frontend {
  readonly family: 4 | 6;
  readonly inUse: number;
  readonly limit: number;
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
  /** Tables that can fill up, flows among them. */
  readonly tables: readonly TableView[];
  /** The fullest backend of each family that has SNAT flows. */
  readonly snatPorts: readonly PortGauge[];
  readonly counters: readonly (Reason & { readonly packets: number; readonly bytes: number })[];
  /** What does not work as it should, one line each; empty when all is well. */
  readonly warnings: readonly string[];
  /** When each of them came up, seconds since 1970; undefined: of what was found just now. */
  readonly warningsSince: readonly (number | undefined)[];
}
