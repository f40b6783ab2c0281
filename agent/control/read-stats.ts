// What services and backends counted, from the data plane's counters and what the agent knows of its slots.
// Imports agent/datapath, agent/model and its siblings.
// Invariant: a service's numbers are read in one turn of the event loop, so that a backend that leaves meanwhile is counted once.

import { addStats, NO_STATS, type StatsTable } from '../datapath/stats-table.js';
import { formatEndpoint } from '../model/format.js';
import type { Service } from '../model/service.js';
import type { ServiceStats, StatsView } from '../model/stats.js';
import type { Slots } from './apply/slots.js';

/** Backends whose counters are read in one turn, at least. */
const PIECE = 500;

export interface StatsSources {
  readonly stats: StatsTable;
  readonly slots: Slots;
  readonly services: readonly Service[];
  /** By backend id. */
  readonly flows: ReadonlyMap<number, number>;
}

export async function readStats({ stats, slots, services, flows }: StatsSources): Promise<StatsView> {
  const at = (performance.timeOrigin + performance.now()) / 1000;
  const read: ServiceStats[] = [];
  let sinceTurn = 0;
  for (const service of services) {
    read.push(readService({ stats, slots, flows }, service));
    sinceTurn += service.backends.length + 1;
    if (sinceTurn < PIECE) continue;
    sinceTurn = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { at, services: read };
}

function readService({ stats, slots, flows }: Omit<StatsSources, 'services'>, { id, frontend, backends }: Service): ServiceStats {
  // All its slots, those that leave in this very moment among them: the sum must not fall.
  const counted = new Map(
    slots.ofService(id).map(({ id: slot, endpoint }) => [formatEndpoint(endpoint), { backendId: slot, ...stats.backend(slot) }]),
  );
  const views = backends.map(({ address, port }) => {
    const one = counted.get(formatEndpoint({ address, port })) ?? { backendId: -1, ...NO_STATS };
    return { service: id, address, port, ...one, flows: flows.get(one.backendId) ?? 0 };
  });
  const sum = [...counted.values()].reduce(addStats, stats.past(id));
  const { sourceDenied, noBackend, unresolved, snatPorts, newFlowRate, flowTable } = stats.refusals(id);
  const refused = {
    source_denied: sourceDenied,
    no_backend: noBackend,
    unresolved,
    snat_ports: snatPorts,
    new_flow_rate: newFlowRate,
    flow_table: flowTable,
  };
  return {
    id,
    frontend: { lastPort: undefined, prefixLength: undefined, ...frontend },
    ...sum,
    flows: views.reduce((total, one) => total + one.flows, 0),
    refused,
    refusedPackets: Object.values(refused).reduce((total, one) => total + one, 0),
    backends: views,
  };
}
