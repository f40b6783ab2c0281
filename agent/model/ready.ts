// Whether a backend takes new flows now: what metrics and the page both tell.
// Imports its siblings. Pure.

import type { BackendView } from './views.js';

/** Active, of a weight above 0, not down, with a known next hop or on this node itself. */
export function isReady({ state, weight, health, local, mac }: BackendView): boolean {
  return state === 'active' && health !== 'down' && weight > 0 && (local || mac !== undefined);
}
