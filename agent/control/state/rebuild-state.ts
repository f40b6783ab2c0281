// The desired state as the maps tell it, for an agent whose state file is lost.
// Imports agent/datapath and agent/model.
// Invariant: applying what this returns changes what new flows get for no service.

import type { BackendEntry } from '../../datapath/backend-table.js';
import { RANGES_OF_ALL } from '../../datapath/layout.js';
import type { QuicServer } from '../../datapath/quic-table.js';
import type { Ranges } from '../../datapath/range-table.js';
import type { ServiceEntry, ServicePolicy } from '../../datapath/service-table.js';
import { familyOf } from '../../model/address.js';
import { type Backend, type DesiredState, type Frontend, type Mode, MODES, type Service } from '../../model/service.js';
import { rangesOf, type SourceRanges } from '../../model/source-ranges.js';
import { denyField, policyFields } from './intents.js';

/**
 * Services and backends as they stand in the maps. `preferred`: the agent's mode when it is given; else the mode that most services have.
 * Services whose action belongs to the other mode get that as their own.
 */
export function rebuildState(
  services: readonly (readonly [Frontend, ServiceEntry])[],
  backends: readonly (readonly [number, BackendEntry])[],
  preferred: Mode | undefined,
  ranges: ReadonlyMap<number, Ranges> = new Map(),
  quicServers: readonly (readonly [QuicServer, number])[] = [],
): DesiredState {
  const byId = new Map<number, readonly [Frontend, ServiceEntry]>();
  for (const entry of services) byId.set(entry[1].id, entry);
  const modes = [...byId.values()].map(([, { action }]) => modeOf(action));
  const count = (mode: Mode) => modes.filter((candidate) => candidate === mode).length;
  const mode = preferred ?? [...MODES].sort((a, b) => count(b) - count(a))[0] ?? 'snat';
  const grouped = groupByService(backends, new Map(quicServers.map(([server, backendId]) => [backendId, server.id])));
  const rebuilt = [...byId.values()].map(([frontend, { id, action, policy, quic }]): Service => {
    const own = modeOf(action);
    const asked = policy === undefined ? {} : policyFields(rangesInForce(policy, ranges.get(id)), policy.affinitySeconds || undefined);
    const named = quic === undefined ? {} : { quic: quic.config };
    return { id, frontend, backends: grouped.get(id) ?? [], mode: own === mode ? undefined : own, ...asked, ...named };
  });
  const denied = [...(ranges.get(RANGES_OF_ALL) ?? [])].map(([prefix]) => prefix);
  const inForce = new Set(services.filter(([, { policy }]) => policy?.denyList).map(([{ address }]) => familyOf(address)));
  return { mode, services: rebuilt.sort((a, b) => a.id - b.id), ...denyField(denied.filter((prefix) => inForce.has(familyOf(prefix)))) };
}

/** After an update that was cut off ranges may stand there that the service's entry does not refer to. */
function rangesInForce(policy: ServicePolicy, ranges: Ranges | undefined): SourceRanges {
  const { allow, deny } = rangesOf(policy.ranges && ranges !== undefined ? ranges : new Map());
  return { allow: policy.allowedAlone ? allow : [], deny };
}

function groupByService(
  backends: readonly (readonly [number, BackendEntry])[],
  quicIds: ReadonlyMap<number, string>,
): ReadonlyMap<number, readonly Backend[]> {
  const grouped = new Map<number, Backend[]>();
  for (const [id, { serviceId, address, port, weight, state }] of backends) {
    const quicId = quicIds.get(id);
    const list = grouped.get(serviceId) ?? [];
    list.push({ address, port, weight, state, ...(quicId === undefined ? {} : { quicId }) });
    grouped.set(serviceId, list);
  }
  return grouped;
}

function modeOf(action: ServiceEntry['action']): Mode {
  return action === 'snat' ? 'snat' : 'dsr';
}
