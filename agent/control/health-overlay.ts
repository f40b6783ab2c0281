// What health does to a service: backends that are down get no new flow, whatever the person asked for stays as it is.
// Imports agent/health, agent/model. Pure.
// Invariant: the desired state and its file never hold what a check found.

import type { HealthCheck, HealthStatus } from '../model/health.js';
import { type Known, placeOf } from '../health/checker.js';
import { serves } from '../model/ready.js';
import type { Backend, Endpoint, Service } from '../model/service.js';

/** Whether a backend gets no new flow for what its checks say; of one that nothing is decided of, by the check's initial state. */
export function isOut(check: HealthCheck | undefined, state: HealthStatus['state'] | undefined): boolean {
  if (check === undefined || state === undefined) return false;
  return state === 'down' || (state === 'unknown' && check.initial === 'down');
}

/** What its checks say of a backend that they do not follow yet: nothing, unless it serves already. Undefined: it will not be checked. */
export function stateBefore(service: Service, backend: Endpoint, known: Known): HealthStatus['state'] | undefined {
  return placeOf(service, backend) && (known ?? 'unknown');
}

/** The service as the data plane is to have it: active backends that are down are quarantined. */
export function withHealth(service: Service, isDown: (backend: Backend) => boolean): Service {
  if (service.health === undefined) return service;
  const backends = service.backends.map((backend) =>
    backend.state === 'active' && isDown(backend) ? { ...backend, state: 'quarantined' as const } : backend,
  );
  // When no backend is left that could serve, all those that were asked for do: a check can be wrong, an empty table cannot be right.
  if (service.health.allDown === 'open' && service.backends.some(serves) && !backends.some(serves)) return service;
  return { ...service, backends };
}
