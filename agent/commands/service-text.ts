// How services and backends read in one line and in tables.
// Imports agent/model and its siblings.

import { isReady } from '../model/ready.js';
import { formatEndpoint, formatFrontend } from '../model/format.js';
import type { BackendView, ServiceView } from '../model/views.js';
import { countNoun, formatShare } from './numbers.js';
import type { Column } from './table.js';

/** 'service 1 created: 40.1.1.1:80/tcp, 4 backends, mode snat'. */
export function formatService(service: ServiceView, outcome: 'created' | 'changed' | 'unchanged' | 'deleted'): string {
  const own = service.ownMode ? ' (its own)' : '';
  const backends = countNoun(service.backends.length, 'backend');
  return `service ${service.id} ${outcome}: ${formatFrontend(service.frontend)}, ${backends}, mode ${service.mode}${own}`;
}

/** 'snat', or 'dsr (own)' when the service has a mode of its own. */
export function formatServiceMode(service: ServiceView): string {
  return service.ownMode ? `${service.mode} (own)` : service.mode;
}

/** How many of the service's backends take new flows now. */
export function countReady(service: ServiceView): number {
  return service.backends.filter(isReady).length;
}

/** 'eth0 02:00:00:00:00:10', or why there is no next hop. */
export function formatNextHop(backend: BackendView): string {
  return backend.mac === undefined ? backend.nextHop : `${backend.device ?? '?'} ${backend.mac}`;
}

/** 'up', 'down: connection refused', '-' for one that is not checked. */
export function formatHealthState({ health, healthReason }: BackendView): string {
  if (health === undefined) return '-';
  return health === 'down' && healthReason !== undefined ? `down: ${healthReason}` : health;
}

/** With health where at least one of the backends is checked. */
export function backendColumns(backends: readonly BackendView[]): readonly Column<BackendView>[] {
  if (backends.every(({ health }) => health === undefined)) return BACKEND_COLUMNS;
  return [...BACKEND_COLUMNS.slice(0, 3), { title: 'Health', value: formatHealthState }, ...BACKEND_COLUMNS.slice(3)];
}

const BACKEND_COLUMNS: readonly Column<BackendView>[] = [
  { title: 'Backend', value: formatEndpoint },
  { title: 'Weight', align: 'right', value: (backend) => String(backend.weight) },
  { title: 'State', value: (backend) => backend.state },
  { title: 'Share', align: 'right', value: (backend) => formatShare(backend.share) },
  { title: 'Next hop', value: formatNextHop },
];
