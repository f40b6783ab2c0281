// Health checks of a service's backends, as a person asks for them, and what they say.
// Imports its siblings only. Times are milliseconds here, seconds in what people give and read.
// Invariant: a check that mergeHealth() gives is whole and within its bounds.

import { FairleadError } from './errors.js';
import { parseInteger, parseWord, valueError } from './parse-value.js';

export const HEALTH_KINDS = ['tcp', 'http', 'https'] as const;
export type HealthKind = (typeof HEALTH_KINDS)[number];

/** What becomes of new flows when no backend is up: they go to all as if all were up, or to none. */
export const ALL_DOWN_WORDS = ['open', 'closed'] as const;
export type AllDown = (typeof ALL_DOWN_WORDS)[number];

export interface HealthCheck {
  /** tcp: a connection is accepted. http, https: a GET is answered with a status from 200 to 399; certificates are not verified. */
  readonly kind: HealthKind;
  /** Of http and https. */
  readonly path?: string;
  /** Undefined: the port that the backend serves on. */
  readonly port?: number;
  /** Milliseconds from one check to the next; and until one counts as failed. */
  readonly interval: number;
  readonly timeout: number;
  /** So many in a row make a backend up, or down. */
  readonly rise: number;
  readonly fall: number;
  readonly allDown: AllDown;
}

/** Down is found after at most interval x fall + timeout: 7 s, or 0.75 s. */
export const HEALTH_PROFILES = {
  default: { interval: 2000, timeout: 1000, rise: 2, fall: 3 },
  fast: { interval: 250, timeout: 250, rise: 2, fall: 2 },
} as const;
export const PROFILE_NAMES = Object.keys(HEALTH_PROFILES) as readonly (keyof typeof HEALTH_PROFILES)[];

/** What is undefined stays as it is, or as the profile has it. */
export type HealthUpdate = { readonly [Field in keyof HealthCheck]?: HealthCheck[Field] | undefined };

/** The check as the call wants it; undefined: none. Throws FL_E_USAGE for details of a check that there is not. */
export function mergeHealth(
  update: HealthUpdate | 'none' | undefined,
  before: HealthCheck | undefined,
  id: number,
): HealthCheck | undefined {
  if (update === 'none') return undefined;
  const given = Object.fromEntries(Object.entries(update ?? {}).filter(([, value]) => value !== undefined)) as Partial<HealthCheck>;
  if (Object.keys(given).length === 0) return before;
  const kind = given.kind ?? before?.kind;
  if (kind === undefined) {
    throw new FairleadError('FL_E_USAGE', `service ${id}: it has no health check to change`, {
      hint: 'say which with --health=tcp or --health=http:/PATH',
    });
  }
  // Another kind of check has nothing of the former one's path.
  const { path: former, ...same } = { allDown: 'open' as const, ...HEALTH_PROFILES.default, ...before, ...given, kind };
  const path = kind === 'tcp' ? undefined : (given.path ?? (before?.kind === 'tcp' ? undefined : former) ?? '/');
  return { ...same, ...(path === undefined ? {} : { path }) };
}

export interface HealthStatus {
  /** 'unknown': no check has been decided yet; the backend counts as up. */
  readonly state: 'up' | 'down' | 'unknown';
  /** Seconds since 1970. */
  readonly since: number;
  /** Why the last check failed; undefined after one that did not. */
  readonly reason: string | undefined;
}

/** 'tcp', 'http:/PATH', 'https:/PATH', 'none'. */
export function parseHealth(text: string, where?: string): HealthUpdate | 'none' {
  if (text === 'none') return 'none';
  const [word = '', ...rest] = text.split(':');
  const kind = parseWord(word, 'health check', HEALTH_KINDS, where);
  const path = rest.join(':');
  if (rest.length === 0) return { kind };
  if (kind === 'tcp') throw valueError('health check', text, 'tcp has no path', where, 'give tcp, or http:/PATH');
  return { kind, path: parsePath(path, where) };
}

/** A path with its query, as a request line has it (RFC 9112, section 3.2.1). */
export function parsePath(text: string, where?: string): string {
  if (/^\/[\x21-\x7e]*$/.test(text) && text.length <= 1024) return text;
  throw valueError('path', text, 'not a path of visible ASCII that begins with /', where, 'for example http:/healthz');
}

/** Seconds, whole or with up to three decimals, 0.05 to 3600, as milliseconds. */
export function parseSpan(text: string, where?: string): number {
  const milliseconds = /^\d{1,4}(?:\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : Number.NaN;
  if (milliseconds >= 50 && milliseconds <= 3_600_000) return milliseconds;
  throw valueError('seconds', text, 'not a number from 0.05 to 3600', where, 'for example 2 or 0.25');
}

export function parseTimes(text: string, where?: string): number {
  return parseInteger(text, { kind: 'number', min: 1, max: 100 }, where);
}

/** 'http:/healthz every 2 s, up after 2, down after 3'. */
export function formatHealth(check: HealthCheck): string {
  const { kind, path, port, interval, timeout, rise, fall, allDown } = check;
  const what = `${kind}${path === undefined ? '' : `:${path}`}${port === undefined ? '' : ` at port ${port}`}`;
  return `${what}, every ${interval / 1000} s, timeout ${timeout / 1000} s, up after ${rise}, down after ${fall}, all down: ${allDown}`;
}
