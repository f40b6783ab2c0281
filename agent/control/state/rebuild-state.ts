// The desired state as the maps tell it, for an agent whose state file is lost.
// Imports agent/datapath and agent/model.
// Invariant: applying what this returns changes what new flows get for no service.

import type { BackendEntry } from '../../datapath/backend-table.js';
import type { ServiceEntry } from '../../datapath/service-table.js';
import { type Backend, type DesiredState, type Frontend, type Mode, MODES, type Service } from '../../model/service.js';

/**
 * Services and backends as they stand in the maps. `preferred`: the agent's mode when it is given; else the mode that most services have.
 * Services whose action belongs to the other mode get that as their own.
 */
export function rebuildState(
  services: readonly (readonly [Frontend, ServiceEntry])[],
  backends: readonly (readonly [number, BackendEntry])[],
  preferred: Mode | undefined,
): DesiredState {
  const byId = new Map<number, readonly [Frontend, ServiceEntry]>();
  for (const entry of services) byId.set(entry[1].id, entry);
  const modes = [...byId.values()].map(([, { action }]) => modeOf(action));
  const count = (mode: Mode) => modes.filter((candidate) => candidate === mode).length;
  const mode = preferred ?? [...MODES].sort((a, b) => count(b) - count(a))[0] ?? 'snat';
  const grouped = groupByService(backends);
  const rebuilt = [...byId.values()].map(([frontend, { id, action }]): Service => {
    const own = modeOf(action);
    return { id, frontend, backends: grouped.get(id) ?? [], mode: own === mode ? undefined : own };
  });
  return { mode, services: rebuilt.sort((a, b) => a.id - b.id) };
}

function groupByService(backends: readonly (readonly [number, BackendEntry])[]): ReadonlyMap<number, readonly Backend[]> {
  const grouped = new Map<number, Backend[]>();
  for (const [, { serviceId, address, port, weight, state }] of backends) {
    const list = grouped.get(serviceId) ?? [];
    list.push({ address, port, weight, state });
    grouped.set(serviceId, list);
  }
  return grouped;
}

function modeOf(action: ServiceEntry['action']): Mode {
  return action === 'snat' ? 'snat' : 'dsr';
}
