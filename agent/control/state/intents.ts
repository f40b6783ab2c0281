// What a call wants, merged into the desired state: pure functions from state and call to the new state.
// Imports agent/model and agent.ts for the calls' types.
// Invariant: what a call leaves undefined stays as it was; what is refused here has touched nothing.

import { FairleadError } from '../../model/errors.js';
import { formatEndpoint } from '../../model/format.js';
import type { Backend, DesiredState, Endpoint, Service } from '../../model/service.js';
import { validateWeightCount } from '../../model/validate.js';
import type { BackendUpdate, ServiceUpdate } from '../agent.js';

const DEFAULT_WEIGHT = 1;

/** Throws FL_E_NOT_FOUND naming the ids that there are. */
export function findService(state: DesiredState, id: number): Service {
  const found = state.services.find((service) => service.id === id);
  if (found !== undefined) return found;
  const ids = state.services.map((service) => service.id);
  const shown = ids.slice(0, 10).join(', ') + (ids.length > 10 ? ', ...' : '');
  throw new FairleadError('FL_E_NOT_FOUND', `service ${id}: there is none with this id`, {
    hint: ids.length === 0 ? 'there is no service yet: service update --frontend=... --backends=... --id=...' : `ids in use: ${shown}`,
  });
}

/** The service as the call wants it. Throws FL_E_USAGE when a new one lacks its frontend or backends, FL_E_VALUE for a wrong count of weights. */
export function mergeService(update: ServiceUpdate, before: Service | undefined): Service {
  const frontend = update.frontend ?? before?.frontend;
  const endpoints = update.backends ?? before?.backends;
  if (frontend === undefined || endpoints === undefined) {
    const missing = [frontend === undefined ? '--frontend' : '', endpoints === undefined ? '--backends' : ''].filter((flag) => flag !== '');
    throw new FairleadError('FL_E_USAGE', `service ${update.id} does not exist yet: ${missing.join(' and ')} missing`, {
      hint: `service update --frontend=40.1.1.1:80 --backends=20.1.1.10:80,20.1.1.20:80 --id=${update.id}`,
    });
  }
  if (update.weights !== undefined) validateWeightCount(update.weights, endpoints);
  const mode = update.mode === undefined ? before?.mode : update.mode === 'default' ? undefined : update.mode;
  const { address, port, protocol } = frontend;
  return {
    id: update.id,
    frontend: { address, port, protocol },
    backends: endpoints.map((endpoint, index) => mergeBackend(endpoint, update.weights?.[index], before)),
    mode,
  };
}

/** A backend that the service had keeps its state, and its weight unless a new one is given. */
function mergeBackend(endpoint: Endpoint, weight: number | undefined, before: Service | undefined): Backend {
  const { address, port } = endpoint;
  const former = before?.backends.find((backend) => backend.address === address && backend.port === port);
  return { address, port, weight: weight ?? former?.weight ?? DEFAULT_WEIGHT, state: former?.state ?? 'active' };
}

/** The service with the backend's state and weight changed. Throws FL_E_NOT_FOUND when it has no such backend. */
export function mergeBackendUpdate(service: Service, update: BackendUpdate): { readonly service: Service; readonly backend: Backend } {
  const { address, port } = update.backend;
  const index = service.backends.findIndex((backend) => backend.address === address && backend.port === port);
  const before = service.backends[index];
  if (before === undefined) {
    throw new FairleadError('FL_E_NOT_FOUND', `backend ${formatEndpoint(update.backend)}: service ${service.id} has no such backend`, {
      hint: `it has: ${service.backends.map(formatEndpoint).join(', ') || 'none'}`,
    });
  }
  const backend = { ...before, weight: update.weight ?? before.weight, state: update.state ?? before.state };
  return { service: { ...service, backends: service.backends.with(index, backend) }, backend };
}

/** The state with this service in the place of the one with its id, or added; in the order of ids. */
export function replaceService(state: DesiredState, service: Service): DesiredState {
  const others = state.services.filter((other) => other.id !== service.id);
  return { ...state, services: [...others, service].sort((a, b) => a.id - b.id) };
}
