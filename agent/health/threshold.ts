// From single results to up and down: so many in a row.
// Imports agent/model. Pure.

import type { HealthCheck } from '../model/health.js';

export interface Verdict {
  readonly state: 'up' | 'down' | 'unknown';
  /** Results in a row that speak against the state. */
  readonly against: number;
}

export const UNKNOWN: Verdict = { state: 'unknown', against: 0 };

/** The verdict after one more result. What is unknown is decided like what is up: a backend serves until it has failed often enough. */
export function judge({ state, against }: Verdict, passed: boolean, { rise, fall }: Pick<HealthCheck, 'rise' | 'fall'>): Verdict {
  if (state === 'unknown' && passed) return { state: 'up', against: 0 };
  if (passed ? state === 'up' : state === 'down') return { state, against: 0 };
  const needed = passed ? rise : fall;
  if (against + 1 < needed) return { state, against: against + 1 };
  return { state: passed ? 'up' : 'down', against: 0 };
}
