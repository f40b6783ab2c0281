// "Next hop" of docs/packet-walk.md.
// Imports the state's types and walk.ts.
// Invariant: the FIB is asked at most once a second and backend.

import type { Backend } from './state.js';
import type { Walk } from './walk.js';
import type { BackendTable } from './worth.js';

/** "Next hop": the backend's entry afterwards. */
export function askNextHop({ draft, state }: Walk, table: BackendTable, id: number): Backend {
  const backend = draft.plane[table]?.[id] as Backend;
  const { now } = draft;
  if (/^0*$/.test(backend.source)) return backend;
  if (backend.nextHopAt !== 0 && (now - backend.nextHopAt) >>> 0 < state.settings.ticksPerSecond) return backend;
  const answer = state.fib.get(backend.address);
  return draft.changeBackend(table, id, { nextHopAt: now === 0 ? 1 : now, ...(answer === undefined ? {} : { ...answer, resolved: true }) });
}
