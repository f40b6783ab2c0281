// Which maps there are beside the flow tables, and what they hold in a state of the model's.
// Imports agent/datapath's layout, test/bpf's loader and the model's state.

import { FAMILIES as LAYOUTS, type FamilyLayout } from '../../agent/datapath/families.js';
import { RANGE, RANGE_ID_BITS, RANGES_OF_ALL, SERVICE_FLAGS } from '../../agent/datapath/layout.js';
import { formatAddress } from '../../agent/model/address.js';
import type { DataPlane } from '../bpf/load.js';
import { type Content, SideMap } from './side-map.js';
import type { SourceRange } from './source-ranges.js';
import type { Plane, Service, State } from './state.js';

const text = (hex: string): string => formatAddress(Buffer.from(hex, 'hex'));

export function sideMaps(plane: DataPlane): readonly SideMap[] {
  return LAYOUTS.flatMap((layout) => {
    const of = (state: State): Plane => state.planes[layout.family];
    return [
      new SideMap(
        plane.map(layout.maps.ranges),
        (state) => [of(state).services, of(state).denied],
        (state) => encodeRanges(layout, of(state)),
      ),
    ];
  });
}

function encodeRanges({ sourceRange }: FamilyLayout, { services, denied = [] }: Plane): Content {
  const content = new Map<string, string>();
  const add = (serviceId: number, { address, bits, permit }: SourceRange): void => {
    const key = sourceRange.encode({ prefixLength: RANGE_ID_BITS + bits, serviceId, address: text(address) });
    content.set(key.toString('hex'), RANGE.encode({ permit }).toString('hex'));
  };
  for (const range of denied) add(RANGES_OF_ALL, range);
  for (const { id, sources = [] } of services) for (const range of sources) add(id, range);
  return content;
}

/** What a service's entry says of its clients. `denied`: the ranges of all services. */
export function flagsOf({ sources = [] }: Service, denied: readonly SourceRange[] = []): number {
  const { ranges, allowedAlone, denyList } = SERVICE_FLAGS;
  return (
    (sources.length > 0 ? ranges : 0) |
    (sources.some(({ permit }) => permit === 'allow') ? allowedAlone : 0) |
    (denied.length > 0 ? denyList : 0)
  );
}
