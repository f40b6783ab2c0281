// Health checks of a service's backends, as a person asks for them, and what they say. parse-health.ts reads them from text.
// Imports its siblings only. Times are milliseconds here, seconds in what people give and read.
// Invariant: a check that mergeHealth() gives is whole, has nothing of another kind's details, and leaves out what is as usual.

import { FairleadError } from './errors.js';

export const HEALTH_KINDS = ['tcp', 'http', 'https', 'udp', 'grpc', 'grpcs', 'exec'] as const;
export type HealthKind = (typeof HEALTH_KINDS)[number];

/** What becomes of new flows when no backend is up: they go to all as if all were up, or to none. */
export const ALL_DOWN_WORDS = ['open', 'closed'] as const;
export type AllDown = (typeof ALL_DOWN_WORDS)[number];

/** What a backend counts as before its first check has passed, or enough have failed. */
export const INITIAL_WORDS = ['up', 'down'] as const;
/** What becomes of the flows of a backend that goes down. */
export const FLOWS_WORDS = ['keep', 'end'] as const;
/** How a check reaches the backend: by its own address, or as clients' packets do in DSR, to the virtual address. */
export const THROUGH_WORDS = ['direct', 'dsr'] as const;

/** Percent of the interval. */
export const DEFAULT_JITTER = 10;
export const LARGEST_JITTER = 50;

/** Details that kinds of checks have of their own. */
export const DETAILS = {
  tcp: [],
  http: ['path'],
  https: ['path'],
  udp: ['send', 'expect'],
  grpc: ['grpcService'],
  grpcs: ['grpcService'],
  exec: ['command'],
} as const satisfies Record<HealthKind, readonly string[]>;
type Detail = (typeof DETAILS)[HealthKind][number];
const ALL_DETAILS: readonly Detail[] = ['path', 'send', 'expect', 'grpcService', 'command'];

export interface HealthCheck {
  /**
   * tcp: a connection is accepted. http, https: a GET is answered with a status from 200 to 399. udp: a datagram is answered.
   * grpc, grpcs: grpc.health.v1 says SERVING. exec: a program of the agent's machine ends with 0. No certificate is verified.
   */
  readonly kind: HealthKind;
  /** Of http and https. */
  readonly path?: string;
  /** Of udp: what is sent (absent: nothing but the datagram), and what the answer has to contain (absent: anything); as parsePayload() reads them. */
  readonly send?: string;
  readonly expect?: string;
  /** Of grpc and grpcs: the service that is asked for; absent: the server as a whole. */
  readonly grpcService?: string;
  /** Of exec: the program's path and its arguments. */
  readonly command?: readonly string[];
  /** Undefined: the port that the backend serves on. */
  readonly port?: number;
  /** Milliseconds from one check to the next; and until one counts as failed. */
  readonly interval: number;
  readonly timeout: number;
  /** So many in a row make a backend up, or down. */
  readonly rise: number;
  readonly fall: number;
  readonly allDown: AllDown;
  /** Up to so many percent of the interval are left out, at random; absent: DEFAULT_JITTER. */
  readonly jitter?: number;
  /** Absent: up. */
  readonly initial?: (typeof INITIAL_WORDS)[number];
  /** Absent: keep. */
  readonly flows?: (typeof FLOWS_WORDS)[number];
  /** Absent: direct. */
  readonly through?: (typeof THROUGH_WORDS)[number];
}

/** Down is found after at most interval x fall + timeout: 7 s, or 0.75 s. */
export const HEALTH_PROFILES = {
  default: { interval: 2000, timeout: 1000, rise: 2, fall: 3 },
  fast: { interval: 250, timeout: 250, rise: 2, fall: 2 },
} as const;
export const PROFILE_NAMES = Object.keys(HEALTH_PROFILES) as readonly (keyof typeof HEALTH_PROFILES)[];

/** What is undefined stays as it is, or as the profile has it. */
export type HealthUpdate = { readonly [Field in keyof HealthCheck]?: HealthCheck[Field] | undefined };

/** What a check is where nothing else is said; it is left out of the check. */
const USUAL = { jitter: DEFAULT_JITTER, initial: 'up', flows: 'keep', through: 'direct' } as const;

/** The check as the call wants it; undefined: none. `where`: what messages name, 'service 3'. Throws FL_E_USAGE for details of a check that there is not, or of another kind. */
export function mergeHealth(
  update: HealthUpdate | 'none' | undefined,
  before: HealthCheck | undefined,
  where: string,
): HealthCheck | undefined {
  if (update === 'none') return undefined;
  const given = Object.fromEntries(Object.entries(update ?? {}).filter(([, value]) => value !== undefined)) as Partial<HealthCheck>;
  if (Object.keys(given).length === 0) return before;
  const kind = given.kind ?? before?.kind;
  if (kind === undefined) {
    throw new FairleadError('FL_E_USAGE', `${where}: it has no health check to change`, {
      hint: 'say which with --health=tcp or --health=http:/PATH',
    });
  }
  const own: readonly Detail[] = DETAILS[kind];
  const stranger = ALL_DETAILS.find((detail) => detail in given && !own.includes(detail));
  if (stranger !== undefined) {
    const owners = HEALTH_KINDS.filter((one) => (DETAILS[one] as readonly Detail[]).includes(stranger));
    throw new FairleadError('FL_E_USAGE', `${where}: a health check by ${kind} has no ${stranger}`, {
      hint: `${stranger} is of ${owners.join(' and ')}`,
    });
  }
  const merged: Record<string, unknown> = { allDown: 'open', ...HEALTH_PROFILES.default, ...before, ...given, kind };
  if (own.includes('path')) merged['path'] ??= '/';
  // Another kind of check has nothing of the former one's details.
  const strange = (name: string) => ALL_DETAILS.includes(name as Detail) && !own.includes(name as Detail);
  const usual = (name: string, value: unknown) => value === '' || (USUAL as Record<string, unknown>)[name] === value;
  const kept = Object.entries(merged).filter(([name, value]) => !strange(name) && !usual(name, value));
  if (kind === 'exec' && merged['command'] === undefined) {
    throw new FairleadError('FL_E_USAGE', `${where}: a health check by exec without its command`, {
      hint: `--health-command='["/usr/local/bin/check","--fast"]'`,
    });
  }
  return Object.fromEntries(kept) as unknown as HealthCheck;
}

export interface HealthStatus {
  /** 'unknown': no check has been decided yet; the backend counts as up. */
  readonly state: 'up' | 'down' | 'unknown';
  /** Seconds since 1970. */
  readonly since: number;
  /** Why the last check failed; undefined after one that did not. */
  readonly reason: string | undefined;
}
