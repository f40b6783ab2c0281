// What a call wants, merged into the desired state: pure functions from state and call to the new state.
// Imports agent/model and agent.ts for the calls' types.
// Invariant: what a call leaves undefined stays as it was; what is refused here has touched nothing.

import { FairleadError } from '../../model/errors.js';
import { formatEndpoint } from '../../model/format.js';
import { buildFrontend } from '../../model/frontend.js';
import { type HealthCheck, mergeHealth } from '../../model/health.js';
import type { Backend, DesiredState, Endpoint, Service } from '../../model/service.js';
import { ANY_SOURCE, type SourceRanges, sortPrefixes } from '../../model/source-ranges.js';
import { validateWeightCount } from '../../model/validate.js';
import type { BackendUpdate, DenyChange, DenyUpdate, ServiceUpdate } from '../agent.js';

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
  if (update.quicIds !== undefined && update.quicIds.length !== endpoints.length) {
    throw new FairleadError('FL_E_VALUE', `${update.quicIds.length} QUIC server ids for ${endpoints.length} backends`, {
      hint: 'give one for each backend, in their order',
    });
  }
  const quic = update.quic === 'off' ? undefined : (update.quic ?? before?.quic);
  if (update.quicIds !== undefined && quic === undefined) {
    throw new FairleadError('FL_E_USAGE', `service ${update.id}: server ids without a configuration of QUIC`, {
      hint: 'give --quic-server-id=0 too, or the number of the configuration that the servers use',
    });
  }
  const mode = update.mode === undefined ? before?.mode : update.mode === 'default' ? undefined : update.mode;
  return {
    id: update.id,
    frontend: buildFrontend(frontend),
    backends: endpoints.map((endpoint, index) => {
      const { quicId: former, ...backend } = mergeBackend(endpoint, update.weights?.[index], before);
      const quicId = quic === undefined ? undefined : (update.quicIds?.[index] ?? former);
      return { ...backend, ...(quicId === undefined ? {} : { quicId }) };
    }),
    mode,
    ...mergePolicy(update, before),
    ...(quic === undefined ? {} : { quic }),
    ...healthField(mergeHealth(update.health, before?.health, `service ${update.id}`)),
  };
}

/** What is asked of clients; absent in the service where nothing is. */
function mergePolicy(update: ServiceUpdate, before: Service | undefined): Pick<Service, 'sourceRanges' | 'affinity'> {
  const { allow, deny } = before?.sourceRanges ?? ANY_SOURCE;
  const sourceRanges = { allow: update.sourceAllow ?? allow, deny: update.sourceDeny ?? deny };
  const affinity = update.affinity === undefined ? before?.affinity : update.affinity === 'none' ? undefined : update.affinity;
  return policyFields(sourceRanges, affinity);
}

/** The field of a service that a check makes; none for none. */
export function healthField(health: HealthCheck | undefined): Pick<Service, 'health'> {
  return health === undefined ? {} : { health };
}

/** The fields of a service that these make: none for what is not asked. */
export function policyFields(sourceRanges: SourceRanges, affinity: number | undefined): Pick<Service, 'sourceRanges' | 'affinity'> {
  const some = sourceRanges.allow.length + sourceRanges.deny.length > 0;
  return { ...(some ? { sourceRanges } : {}), ...(affinity === undefined ? {} : { affinity }) };
}

/** The state with the list of denied clients changed, and what differs. */
export function mergeDenied(state: DesiredState, update: DenyUpdate): { readonly state: DesiredState; readonly change: DenyChange } {
  const present = new Set(state.deny ?? []);
  const removed = update.remove.filter((prefix) => present.delete(prefix));
  const added = update.add.filter((prefix) => !present.has(prefix));
  for (const prefix of added) present.add(prefix);
  const { deny: _before, ...rest } = state;
  return { state: { ...rest, ...denyField(present) }, change: { added, removed, count: present.size } };
}

/** The field of the state that these prefixes make; none for none. */
export function denyField(prefixes: Iterable<string>): Pick<DesiredState, 'deny'> {
  const deny = sortPrefixes(prefixes);
  return deny.length === 0 ? {} : { deny };
}

/** A backend that the service had keeps its state, and its weight unless a new one is given. */
function mergeBackend(endpoint: Endpoint, weight: number | undefined, before: Service | undefined): Backend {
  const { address, port } = endpoint;
  const former = before?.backends.find((backend) => backend.address === address && backend.port === port);
  const quicId = former?.quicId === undefined ? {} : { quicId: former.quicId };
  return { address, port, weight: weight ?? former?.weight ?? DEFAULT_WEIGHT, state: former?.state ?? 'active', ...quicId };
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
