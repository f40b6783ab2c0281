// Which next hop a person means by an address: the next hop's own, or a backend's behind it.
// Imports agent/model and its siblings. Pure.

import { FairleadError } from '../../model/errors.js';
import { formatNextHop } from '../../model/format.js';
import type { NeighbourView } from '../../model/views.js';
import type { Hop } from './next-hop.js';

/**
 * The line of `views` for this address ('fe80::1%eth0': on that device), and a backend that it leads to.
 * Throws FL_E_NOT_FOUND naming the next hops that there are, FL_E_VALUE when a link-local address is on several devices.
 */
export function findNeighbour(
  views: readonly NeighbourView[],
  hops: Iterable<readonly [string, Hop]>,
  address: string,
): { readonly view: NeighbourView; readonly backend: string } {
  const [wanted = '', device] = address.split('%');
  const found = new Map<NeighbourView, string>();
  for (const [backend, hop] of hops) {
    const next = hop.via?.address ?? backend;
    if ((next !== wanted && backend !== wanted) || (device !== undefined && device !== hop.via?.device)) continue;
    const view = views.find((candidate) => candidate.address === next && candidate.device === hop.via?.device);
    if (view !== undefined && !found.has(view)) found.set(view, backend);
  }
  const [first, ...others] = found;
  if (others.length > 0) {
    throw new FairleadError('FL_E_VALUE', `neighbour ${address}: there are ${found.size} of this address`, {
      hint: `say which: ${[...found.keys()].map(formatNextHop).join(', ')}`,
    });
  }
  if (first !== undefined) return { view: first[0], backend: first[1] };
  throw new FairleadError('FL_E_NOT_FOUND', `neighbour ${address}: it leads to no backend`, {
    hint: views.length === 0 ? 'there is no backend yet' : `next hops: ${views.map(formatNextHop).join(', ')}`,
  });
}
