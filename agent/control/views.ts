// What the agent answers, built from the desired state, the slots and the next hops.
// Imports agent/model, platform/port types and its siblings. Pure functions: nothing is read from a map here.

import { formatEndpoint } from '../model/format.js';
import type { HealthStatus } from '../model/health.js';
import type { Backend, DesiredState, Endpoint, Service } from '../model/service.js';
import { ANY_SOURCE } from '../model/source-ranges.js';
import type { BackendView, NeighbourView, ServiceView } from '../model/views.js';
import type { Hop } from './next-hop/next-hop.js';
import type { Slots } from './apply/slots.js';
import { isOut, withHealth } from './health-overlay.js';

export interface ViewContext {
  readonly slots: Slots;
  readonly hopTo: (address: string) => Hop;
  /** Undefined: the backend is not checked. */
  readonly healthOf?: (service: number, backend: Endpoint) => HealthStatus | undefined;
}

export function viewService(context: ViewContext, service: Service, state: DesiredState): ServiceView {
  return {
    id: service.id,
    // Every field is there, so that JSON has them all.
    frontend: { lastPort: undefined, prefixLength: undefined, ...service.frontend },
    mode: service.mode ?? state.mode,
    ownMode: service.mode !== undefined,
    sourceRanges: service.sourceRanges ?? ANY_SOURCE,
    affinity: service.affinity,
    quic: service.quic,
    health: service.health,
    backends: viewBackends(context, service),
  };
}

/** All backends of a service, in their order. */
export function viewBackends(context: ViewContext, service: Service): readonly BackendView[] {
  const serving = withHealth(service, (backend) => isOut(service.health, context.healthOf?.(service.id, backend)?.state)).backends;
  const weightOf = (backend: Backend | undefined) => (backend?.state === 'active' ? backend.weight : 0);
  const total = serving.reduce((sum, backend) => sum + weightOf(backend), 0);
  // Of the Maglev table. By weight: the table follows the weights to within one entry a backend.
  return service.backends.map((backend, index) =>
    viewBackend(context, service, backend, total === 0 ? 0 : weightOf(serving[index]) / total),
  );
}

function viewBackend(context: ViewContext, service: Service, backend: Backend, share: number): BackendView {
  const hop = context.hopTo(backend.address);
  const health = context.healthOf?.(service.id, backend);
  return {
    service: service.id,
    address: backend.address,
    port: backend.port,
    weight: backend.weight,
    state: backend.state,
    backendId: context.slots.idOf(service.id, backend) ?? -1,
    local: hop.local,
    mac: hop.resolved?.dstMac,
    device: hop.via?.device,
    nextHop: hop.text,
    quicId: backend.quicId,
    health: health?.state,
    healthSince: health?.since,
    healthReason: health?.reason,
    share,
  };
}

/** One line a next hop, with the backends behind it; backends without a route have a line each, under their own address. */
export function viewNeighbours(context: ViewContext, hops: Iterable<readonly [string, Hop]>): readonly NeighbourView[] {
  const views = new Map<string, NeighbourView>();
  for (const [address, hop] of hops) {
    const next = hop.via?.address ?? address;
    const key = `${hop.via?.ifindex ?? 0} ${next}`;
    const behind = context.slots.ofAddress(address).map((slot) => formatEndpoint(slot.endpoint));
    const backends = [...new Set([...(views.get(key)?.backends ?? []), ...behind])].sort();
    const state = hop.resolved === undefined ? 'unresolved' : hop.state;
    views.set(key, { address: next, device: hop.via?.device, mac: hop.resolved?.dstMac, state, backends });
  }
  return [...views.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** 'backend 20.1.1.50:80: no route to host, retried' for each backend that cannot be reached now. */
export function warnOfBackends(context: ViewContext, backends: readonly Backend[]): readonly string[] {
  return backends.flatMap((backend) => {
    const hop = context.hopTo(backend.address);
    return hop.resolved === undefined && !hop.local ? [`backend ${formatEndpoint(backend)}: ${hop.text}, retried`] : [];
  });
}
