// The nouns of the control plane: what a person asks for (services) as plain data.
// Imports only its siblings in agent/model. No kernel handle, no index, no MAC: those belong to agent/control.
// Addresses are canonical text ('20.1.1.10', '2001:db8::1'); ports are numbers (host order).

import { familyOf } from './address.js';
import type { HealthCheck } from './health.js';
import type { SourceRanges } from './source-ranges.js';

export const MODES = ['snat', 'dsr'] as const;
export type Mode = (typeof MODES)[number];

export const DISPATCHES = ['ipip', 'l2'] as const;
export type Dispatch = (typeof DISPATCHES)[number];

/** What a flow does with its packets; in the order of enum fl_action, from 1. */
export const ACTIONS = ['snat', 'dsr-ipip', 'dsr-l2', 'dsr-ipip6', 'local'] as const;
export type Action = (typeof ACTIONS)[number];

export const PROTOCOLS = ['tcp', 'udp'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** In the order of enum fl_backend_state, from 1. */
export const BACKEND_STATES = ['active', 'terminating', 'quarantined', 'maintenance'] as const;
export type BackendState = (typeof BACKEND_STATES)[number];

export interface Endpoint {
  readonly address: string;
  /** Of a backend: 0 is the port that the client used. */
  readonly port: number;
}

/** Made by buildFrontend (frontend.ts): what a frontend has one of alone is not there, so that equal frontends compare equal. */
export interface Frontend extends Endpoint {
  readonly protocol: Protocol;
  /** Last port of the range that begins at `port`. Every port: from 0 to 65535. Undefined: one port. */
  readonly lastPort?: number | undefined;
  /** Length of the prefix that begins at `address`. Undefined: one address. */
  readonly prefixLength?: number | undefined;
}

export interface Backend extends Endpoint {
  /** 0 to 1000; 0 gets no new flow. */
  readonly weight: number;
  readonly state: BackendState;
  /** Its server id in QUIC connection ids, 1 to 8 bytes as lower-case hex; where the service has `quic`. */
  readonly quicId?: string;
}

export interface Service {
  /** 1 to 65535. */
  readonly id: number;
  readonly frontend: Frontend;
  readonly backends: readonly Backend[];
  /** The service's own mode; undefined: it follows the agent's. */
  readonly mode: Mode | undefined;
  /** The clients that it takes, of the frontend's family; absent: all. At least one range when it is there. */
  readonly sourceRanges?: SourceRanges;
  /** Session affinity: new flows of a client follow its last one for so many seconds, 1 to a week; absent: none. */
  readonly affinity?: number;
  /** UDP alone: QUIC connection ids of this configuration (0 to 6) name the backend; undefined: they are not looked at. */
  readonly quic?: number;
  /** How its backends are checked; absent: they are not. */
  readonly health?: HealthCheck;
}

/** Everything that a person has asked for: the content of the state file. */
export interface DesiredState {
  readonly mode: Mode;
  readonly services: readonly Service[];
  /** Prefixes whose clients no service takes, of either family, in their order; absent: none. */
  readonly deny?: readonly string[];
}

/** The action that new flows of a service get; `mode`: the agent's. A service that passes validate-families.ts has no other. */
export function actionOf(service: Pick<Service, 'frontend' | 'backends' | 'mode'>, mode: Mode, dispatch: Dispatch): Action {
  if ((service.mode ?? mode) === 'snat') return 'snat';
  return dispatch === 'ipip' && crossesFamilies(service) ? 'dsr-ipip6' : `dsr-${dispatch}`;
}

/** An IPv4 frontend with IPv6 backends. */
export function crossesFamilies({ frontend, backends }: Pick<Service, 'frontend' | 'backends'>): boolean {
  const family = familyOf(frontend.address);
  return backends.some(({ address }) => familyOf(address) !== family);
}
