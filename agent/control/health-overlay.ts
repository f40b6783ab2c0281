// What health does to a service: backends that are down get no new flow, whatever the person asked for stays as it is.
// Imports agent/model. Pure.
// Invariant: the desired state and its file never hold what a check found.

import type { Backend, Service } from '../model/service.js';

/** The service as the data plane is to have it: active backends that are down are quarantined. */
export function withHealth(service: Service, isDown: (backend: Backend) => boolean): Service {
  if (service.health === undefined) return service;
  const backends = service.backends.map((backend) =>
    backend.state === 'active' && isDown(backend) ? { ...backend, state: 'quarantined' as const } : backend,
  );
  const serves = ({ state, weight }: Backend) => state === 'active' && weight > 0;
  // When no backend is left that could serve, all those that were asked for do: a check can be wrong, an empty table cannot be right.
  if (service.health.allDown === 'open' && service.backends.some(serves) && !backends.some(serves)) return service;
  return { ...service, backends };
}
