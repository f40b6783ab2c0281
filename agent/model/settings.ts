// The agent's settings, as the command line gives them: plain data with defaults.
// Imports only its siblings. Reading them from text is agent/cli's work, checking them parse.ts's.

import type { Dispatch, Mode } from './service.js';

export const XDP_MODES = ['auto', 'native', 'generic'] as const;
export type XdpMode = (typeof XDP_MODES)[number];

export interface Settings {
  /** Names one data plane on this machine: its pins, lock and state file. Letters, digits, '-', '_'; at most 32. */
  readonly instance: string;
  /** Mode of the first start; later starts take the mode of the state file unless the flag is given. */
  readonly mode: Mode | undefined;
  readonly devices: readonly string[];
  readonly dispatch: Dispatch;
  readonly xdpMode: XdpMode;
  /** Inclusive; undefined: the part of 1024-65535 outside ip_local_port_range. */
  readonly snatRange: readonly [number, number] | undefined;
  /** Undefined: by route, the address of the device that leads to the backend. */
  readonly lbAddress: string | undefined;
  /** A prime. */
  readonly maglevSize: number;
  readonly maxFlows: number;
  readonly maxServices: number;
  readonly maxBackends: number;
  /** New flow entries a second and CPU; 0: no bound. */
  readonly newFlowRate: number;
  /** Seconds. */
  readonly timeouts: { readonly syn: number; readonly established: number; readonly closing: number; readonly udp: number };
  /** Seconds between two sweeps of the conntrack maps. */
  readonly sweepInterval: number;
  readonly stateFile: string;
  /** A pre-built object that reads its settings from the config map; undefined: compile. */
  readonly bpfObject: string | undefined;
  readonly cacheDirectory: string;
  readonly clang: string;
}

export const DEFAULT_SETTINGS: Settings = {
  instance: 'default',
  mode: undefined,
  devices: [],
  dispatch: 'ipip',
  xdpMode: 'auto',
  snatRange: undefined,
  lbAddress: undefined,
  maglevSize: 16381,
  maxFlows: 262144,
  maxServices: 16384,
  maxBackends: 65536,
  newFlowRate: 100000,
  timeouts: { syn: 60, established: 21600, closing: 10, udp: 60 },
  sweepInterval: 5,
  stateFile: '/var/lib/fairlead/default/state.json',
  bpfObject: undefined,
  cacheDirectory: '/var/cache/fairlead',
  clang: 'clang',
};
