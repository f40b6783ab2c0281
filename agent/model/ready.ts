// Whether a backend gets new flows, by what is wanted, and now: what tables, lists, metrics and the page all tell.
// Imports its siblings. Pure.

import type { Backend } from './service.js';
import type { BackendView } from './views.js';

/** It is to get new flows: it has entries in its service's Maglev table. */
export function serves({ state, weight }: Pick<Backend, 'state' | 'weight'>): boolean {
  return state === 'active' && weight > 0;
}

/** Active, of a weight above 0, not down, with a known next hop or on this node itself. */
export function isReady(backend: BackendView): boolean {
  return serves(backend) && backend.health !== 'down' && (backend.local || backend.mac !== undefined);
}
