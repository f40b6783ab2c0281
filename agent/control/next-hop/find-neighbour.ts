// Which next hop a person means by an address: the next hop's own, or a backend's behind it.
// Imports agent/model and its siblings. Pure.

import { FairleadError } from '../../model/errors.js';
import type { NeighbourView } from '../../model/views.js';
import type { Hop } from './next-hop.js';

/** The line of `views` for this address, and a backend that it leads to. Throws FL_E_NOT_FOUND naming the next hops that there are. */
export function findNeighbour(
  views: readonly NeighbourView[],
  hops: Iterable<readonly [string, Hop]>,
  address: string,
): { readonly view: NeighbourView; readonly backend: string } {
  for (const [backend, hop] of hops) {
    const next = hop.via?.address ?? backend;
    if (next !== address && backend !== address) continue;
    const view = views.find((candidate) => candidate.address === next && candidate.device === hop.via?.device);
    if (view !== undefined) return { view, backend };
  }
  throw new FairleadError('FL_E_NOT_FOUND', `neighbour ${address}: it leads to no backend`, {
    hint: views.length === 0 ? 'there is no backend yet' : `next hops: ${views.map((view) => view.address).join(', ')}`,
  });
}
