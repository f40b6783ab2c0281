// What the agent answers, built from the desired state, the slots and the next hops.
// Imports agent/model, platform/port types and its siblings. Pure functions: nothing is read from a map here.

import { formatEndpoint } from '../model/format.js';
import type { Backend, DesiredState, Service } from '../model/service.js';
import type { BackendView, NeighbourView, ServiceView } from '../model/views.js';
import type { Hop } from './next-hop/next-hop.js';
import type { Slots } from './apply/slots.js';

export interface ViewContext {
  readonly slots: Slots;
  readonly hopTo: (address: string) => Hop;
}

export function viewService(context: ViewContext, service: Service, state: DesiredState): ServiceView {
  return {
    id: service.id,
    frontend: service.frontend,
    mode: service.mode ?? state.mode,
    ownMode: service.mode !== undefined,
    backends: service.backends.map((backend) => viewBackend(context, service, backend)),
  };
}

export function viewBackend(context: ViewContext, service: Service, backend: Backend): BackendView {
  const hop = context.hopTo(backend.address);
  return {
    service: service.id,
    address: backend.address,
    port: backend.port,
    weight: backend.weight,
    state: backend.state,
    backendId: context.slots.idOf(service.id, backend) ?? -1,
    mac: hop.resolved?.dstMac,
    device: hop.via?.device,
    nextHop: hop.text,
    share: shareOf(service, backend),
  };
}

/** Of the Maglev table. By weight: the table follows the weights to within one entry a backend. */
function shareOf(service: Service, backend: Backend): number {
  const weightOf = (candidate: Backend) => (candidate.state === 'active' ? candidate.weight : 0);
  const total = service.backends.reduce((sum, candidate) => sum + weightOf(candidate), 0);
  return total === 0 ? 0 : weightOf(backend) / total;
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
    return hop.resolved === undefined ? [`backend ${formatEndpoint(backend)}: ${hop.text}, retried`] : [];
  });
}
