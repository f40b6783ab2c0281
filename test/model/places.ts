// "Where entries stand" of docs/packet-walk.md: the slot that a new flow takes.
// Imports its siblings.
// Invariant: nothing is changed here; who takes the slot does that.

import type { Draft } from './draft.js';
import type { Flow, Slot } from './state.js';
import { age, WORTHS, type Worth, worthOfFlow } from './worth.js';

/** A slot for a new flow. `pressed`: a flow that had not ended gives way, or has. */
export interface Taken {
  readonly place: number;
  readonly pressed: boolean;
}

/** How many slots are looked at once a flow is found that would give way as `half`. */
const PATIENT_PLACES = 12;

/** "Where entries stand": the slot that a new flow takes. */
export function choosePlace(draft: Draft, places: readonly number[], own: number | undefined): Taken | undefined {
  if (own !== undefined) return { place: own, pressed: false };
  const { settings, plane, now } = draft;
  let best: { readonly place: number; readonly worth: Worth; readonly rest: number } | undefined;
  for (const [i, place] of places.entries()) {
    if (best?.worth === 'half' && i >= PATIENT_PLACES) break;
    const { entry: flow, yielded = false } = plane.flows[place] as Slot<Flow>;
    if (flow === undefined) return { place, pressed: yielded };
    const worth = worthOfFlow(settings, plane, flow, now);
    const rest = age(settings, now, flow.lastSeen);
    if (worth === 'ended') return { place, pressed: false };
    if (worth === 'live') continue;
    const order = best === undefined ? -1 : WORTHS.indexOf(worth) - WORTHS.indexOf(best.worth);
    if (best === undefined || order < 0 || (order === 0 && rest > best.rest)) best = { place, worth, rest };
  }
  return best === undefined ? undefined : { place: best.place, pressed: true };
}
