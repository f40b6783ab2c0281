// The nouns of the control plane: what a person asks for (services) as plain data.
// Imports only its siblings in agent/model. No kernel handle, no index, no MAC: those belong to agent/control.
// Addresses are canonical text ('20.1.1.10', later '2001:db8::1'); ports are numbers (host order).

export const MODES = ['snat', 'dsr'] as const;
export type Mode = (typeof MODES)[number];

export const DISPATCHES = ['ipip', 'l2'] as const;
export type Dispatch = (typeof DISPATCHES)[number];

/** What a flow does with its packets; in the order of enum fl_action, from 1. */
export const ACTIONS = ['snat', 'dsr-ipip', 'dsr-l2'] as const;
export type Action = (typeof ACTIONS)[number];

export const PROTOCOLS = ['tcp', 'udp'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** In the order of enum fl_backend_state, from 1. */
export const BACKEND_STATES = ['active', 'terminating', 'quarantined', 'maintenance'] as const;
export type BackendState = (typeof BACKEND_STATES)[number];

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Frontend extends Endpoint {
  readonly protocol: Protocol;
}

export interface Backend extends Endpoint {
  /** 0 to 1000; 0 gets no new flow. */
  readonly weight: number;
  readonly state: BackendState;
}

export interface Service {
  /** 1 to 65535. */
  readonly id: number;
  readonly frontend: Frontend;
  readonly backends: readonly Backend[];
  /** The service's own mode; undefined: it follows the agent's. */
  readonly mode: Mode | undefined;
}

/** Everything that a person has asked for: the content of the state file. */
export interface DesiredState {
  readonly mode: Mode;
  readonly services: readonly Service[];
}

/** The action that new flows of a service get. */
export function actionFor(mode: Mode, dispatch: Dispatch): Action {
  return mode === 'snat' ? 'snat' : `dsr-${dispatch}`;
}
