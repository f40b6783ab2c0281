// The maps of bpf/fairlead.c that the agent opens, for the fake kernel.
// Imports agent/datapath's layout and types alone.
// flow-table.test.ts and tables.test.ts run over these and over the real program's, so the two cannot drift apart unseen.

import { FAMILIES } from '../../../agent/datapath/families.js';
import {
  AFFINITY,
  BACKEND_STATS,
  CONFIG,
  COUNTER,
  DEVICE,
  EVENT_COUNT,
  EVENT_FILTER,
  FRAGMENT,
  FRAGMENT_KEY4,
  FRAGMENT_KEY6,
  MAGLEV_ROW,
  maglevRows,
  MAX_DEVICES,
  RANGE,
  MAX_LB_ADDRESSES,
  QUIC_BACKEND,
  QUIC_SERVER,
  REFUSALS,
  SERVICE,
  SNAT_SOURCE,
  VIP_WORD,
  VIP_WORDS,
} from '../../../agent/datapath/layout.js';
import type { MapSizes } from '../../../agent/datapath/macros.js';
import { REASONS } from '../../../agent/model/reasons.js';
import type { FakeMapSpec } from '../../../platform/fake/index.js';

/** Far below what the program has, so that a test can fill it. */
export const MAX_RANGES = 16;

/** FL_SPANS_PER_SERVICE. */
const SPANS_PER_SERVICE = 32;

export function dataPlaneMaps(sizes: MapSizes): readonly FakeMapSpec[] {
  const array = (name: string, valueSize: number, maxEntries: number): FakeMapSpec => ({
    name,
    type: 'array',
    keySize: 4,
    valueSize,
    maxEntries,
  });
  const ofFamilies = FAMILIES.flatMap(
    ({ family, maps, slot, reverse, frontend, backend, sourceRange, affinityClient, span }): FakeMapSpec[] => [
      array(maps.conntrack, slot.size, sizes.maxFlows),
      array(maps.snat, reverse.size, sizes.maxFlows),
      array(maps.backends, backend.size, sizes.maxBackends),
      { name: maps.services, type: 'hash', keySize: frontend.size, valueSize: SERVICE.size, maxEntries: sizes.maxServices },
      { name: maps.ranges, type: 'lpm_trie', keySize: sourceRange.size, valueSize: RANGE.size, maxEntries: MAX_RANGES },
      {
        name: maps.fragments,
        type: 'lru_hash',
        keySize: family === 4 ? FRAGMENT_KEY4.size : FRAGMENT_KEY6.size,
        valueSize: FRAGMENT.size,
        maxEntries: 64,
      },
      { name: maps.affinity, type: 'lru_hash', keySize: affinityClient.size, valueSize: AFFINITY.size, maxEntries: sizes.maxFlows / 4 },
      {
        name: maps.spans,
        type: 'lpm_trie',
        keySize: span.size,
        valueSize: frontend.size,
        maxEntries: sizes.maxServices * SPANS_PER_SERVICE,
      },
    ],
  );
  const table = { type: 'array', keySize: 4, valueSize: MAGLEV_ROW.size, maxEntries: maglevRows(sizes.maglevSize) } as const;
  return [
    ...ofFamilies,
    array('vips', VIP_WORD.size, VIP_WORDS),
    array('devices', DEVICE.size, MAX_DEVICES),
    array('lb_maglev_type', MAGLEV_ROW.size, 1),
    { name: 'lb_maglev', type: 'array_of_maps', keySize: 4, valueSize: 4, maxEntries: 65536, inner: table },
    { name: 'metrics', type: 'percpu_array', keySize: 4, valueSize: COUNTER.size, maxEntries: REASONS.length },
    { name: 'backend_stats', type: 'percpu_array', keySize: 4, valueSize: BACKEND_STATS.size, maxEntries: sizes.maxBackends },
    { name: 'service_past', type: 'hash', keySize: 4, valueSize: BACKEND_STATS.size, maxEntries: sizes.maxServices },
    { name: 'service_refused', type: 'percpu_hash', keySize: 4, valueSize: REFUSALS.size, maxEntries: sizes.maxServices },
    array('config', CONFIG.size, 1),
    { name: 'events', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 65536 },
    array('event_filter', EVENT_FILTER.size, 1),
    { name: 'quic_servers', type: 'hash', keySize: QUIC_SERVER.size, valueSize: QUIC_BACKEND.size, maxEntries: sizes.maxBackends },
    array('snat_sources', SNAT_SOURCE.size, 1 + 2 * MAX_LB_ADDRESSES),
    { name: 'event_count', type: 'percpu_array', keySize: 4, valueSize: EVENT_COUNT.size, maxEntries: 1 },
  ];
}
