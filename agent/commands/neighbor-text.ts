// How a next hop reads.
// Imports agent/model and its siblings.

import type { NeighbourView } from '../model/views.js';
import type { Column } from './table.js';

const BACKENDS_SHOWN = 3;

export const NEIGHBOUR_COLUMNS: readonly Column<NeighbourView>[] = [
  { title: 'Next hop', value: (one) => one.address },
  { title: 'Device', value: (one) => one.device ?? '-' },
  { title: 'MAC', value: (one) => one.mac ?? '-' },
  { title: 'State', value: (one) => one.state },
  { title: 'Backends', value: (one) => formatBackends(one.backends) },
];

function formatBackends(backends: readonly string[]): string {
  if (backends.length <= BACKENDS_SHOWN) return backends.join(', ') || '-';
  return `${backends.slice(0, BACKENDS_SHOWN).join(', ')} and ${backends.length - BACKENDS_SHOWN} more`;
}
