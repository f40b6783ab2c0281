// The agent's settings, as the command line gives them: plain data with defaults.
// Imports only its siblings. Reading them from text is agent/cli's work, checking them parse.ts's.

import type { Prefix } from './events.js';
import type { Dispatch, Endpoint, Mode } from './service.js';

export const XDP_MODES = ['auto', 'native', 'generic'] as const;
export type XdpMode = (typeof XDP_MODES)[number];

/** What becomes of a fragment to a service whose datagram's first one has not come. */
export const EARLY_FRAGMENTS = ['drop', 'pass'] as const;
export type EarlyFragments = (typeof EARLY_FRAGMENTS)[number];
/** What a client gets when no backend can serve it; the index is enum fl_no_backend. */
export const NO_BACKEND_ANSWERS = ['drop', 'reset', 'unreachable'] as const;
export type NoBackendAnswer = (typeof NO_BACKEND_ANSWERS)[number];

/** Which clients must prove their address before they may open a TCP connection; the index is enum fl_syn_challenge. */
export const SYN_CHALLENGES = ['off', 'pressed', 'always'] as const;
export type SynChallenge = (typeof SYN_CHALLENGES)[number];

/** What becomes of a packet to a virtual address on a port that no service has. */
export const UNKNOWN_PORT_WORDS = ['pass', 'drop'] as const;
export type UnknownPort = (typeof UNKNOWN_PORT_WORDS)[number];

/** The gravest first. */
export const LOG_LEVELS = ['error', 'warning', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

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
  /** Addresses of this node, of either family, that SNAT and IPIP send from. None: those of the devices. */
  readonly lbAddresses: readonly string[];
  /** A prime. */
  readonly maglevSize: number;
  /** Of each family; LEAST_FLOWS at least. */
  readonly maxFlows: number;
  readonly maxServices: number;
  readonly maxBackends: number;
  /** New flow entries a second and CPU; 0: no bound. */
  readonly newFlowRate: number;
  /** Seconds. */
  readonly timeouts: { readonly syn: number; readonly established: number; readonly closing: number; readonly udp: number };
  /** Packets that the data plane makes itself (ICMP errors, resets), a second and CPU; 0: none. */
  readonly answerRate: number;
  /** Largest MSS that a SYN may name, for IPv4; for IPv6 20 less; 0: any. */
  readonly mssClamp: number;
  /** Whether echo requests to a service's address are answered. */
  readonly vipEcho: boolean;
  readonly noBackend: NoBackendAnswer;
  readonly synChallenge: SynChallenge;
  readonly stateFile: string;
  /** Unix socket that the agent's API is served on. */
  readonly apiSocket: string;
  /** Group that may use the API beside root, by name or number; undefined: the agent's own. */
  readonly apiGroup: string | undefined;
  /** Network address that the page, metrics and health are read at, by anybody who reaches it; undefined: none. */
  readonly web: Endpoint | undefined;
  /** Names that these may be asked for by, beside IP addresses and localhost: in small letters. */
  readonly webNames: readonly string[];
  /** A pre-built object that reads its settings from the config map; undefined: compile. */
  readonly bpfObject: string | undefined;
  readonly cacheDirectory: string;
  /** What the agent without a prompt tells of itself: this and what is graver. */
  readonly logLevel: LogLevel;
  readonly clang: string;
  readonly earlyFragments: EarlyFragments;
  /** IPv4 prefix that the outer sources of IPIP are taken from; undefined: the LB address. */
  readonly ipipSource: Prefix | undefined;
  /** Addresses of this node, of either family, that SNAT sends from, each with its own ports. None: the LB address towards the backend. */
  readonly snatAddresses: readonly string[];
  readonly vipUnknownPort: UnknownPort;
  /** Whether health checks may run programs, as the agent's user. */
  readonly healthExec: boolean;
}

/** Folders that nobody was told another of, and what an instance's API is called. */
interface Places {
  readonly locks: string;
  readonly cache: string;
  /** A file. */
  state(instance: string): string;
  api(instance: string): string;
}

/** `system`: as process.platform names it; `data`: Windows' folder for programs' data. */
export function placesOn(system: string, data = 'C:\\ProgramData'): Places {
  if (system !== 'win32') {
    return {
      locks: '/run/fairlead',
      cache: '/var/cache/fairlead',
      state: (instance) => `/var/lib/fairlead/${instance}/state.json`,
      api: (instance) => `/run/fairlead/${instance}.sock`,
    };
  }
  const own = `${data}\\Fairlead`;
  return {
    locks: `${own}\\run`,
    cache: `${own}\\cache`,
    state: (instance) => `${own}\\state\\${instance}\\state.json`,
    api: (instance) => `\\\\.\\pipe\\fairlead-${instance}`,
  };
}

const PLACES = placesOn(process.platform, process.env['ProgramData']);

/** Where lock files are. */
export const LOCK_FOLDER = PLACES.locks;

/** Where an instance keeps its services and mode, unless told otherwise. */
export function stateFileOf(instance: string): string {
  return PLACES.state(instance);
}

/** Where an instance's API is, unless told otherwise. */
export function socketOf(instance: string): string {
  return PLACES.api(instance);
}

/** A table of fewer has no room for all the slots that a flow may stand in. */
export const LEAST_FLOWS = 64;

export const DEFAULT_SETTINGS: Settings = {
  instance: 'default',
  mode: undefined,
  devices: [],
  dispatch: 'ipip',
  xdpMode: 'auto',
  snatRange: undefined,
  lbAddresses: [],
  maglevSize: 16381,
  maxFlows: 262144,
  maxServices: 16384,
  maxBackends: 32768,
  newFlowRate: 100000,
  timeouts: { syn: 60, established: 21600, closing: 10, udp: 60 },
  answerRate: 1000,
  mssClamp: 0,
  vipEcho: true,
  noBackend: 'drop',
  synChallenge: 'off',
  stateFile: stateFileOf('default'),
  apiSocket: socketOf('default'),
  apiGroup: undefined,
  web: undefined,
  webNames: [],
  bpfObject: undefined,
  cacheDirectory: PLACES.cache,
  logLevel: 'info',
  clang: 'clang',
  earlyFragments: 'drop',
  ipipSource: undefined,
  snatAddresses: [],
  vipUnknownPort: 'pass',
  healthExec: false,
};
