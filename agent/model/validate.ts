// Whether a service may stand beside the others: everything that can be known from the desired state alone.
// Imports its siblings only. Looks at each other service once, so thousands of services cost less than a millisecond.
// Invariant: a service that passes can be applied; routes, MACs and free slots are agent/control's matter.

import { type AddressKind, classifyAddress, familyOf } from './address.js';
import { FairleadError } from './errors.js';
import { formatEndpoint, formatFrontend } from './format.js';
import type { Backend, Endpoint, Service } from './service.js';

export interface ServiceLimits {
  readonly maxServices: number;
  /** Backends of all services together. */
  readonly maxBackends: number;
  /** Entries of a Maglev table: a service cannot have more backends. */
  readonly maglevSize: number;
}

const KIND_TEXT: Record<Exclude<AddressKind, 'unicast'>, string> = {
  unspecified: 'an address that names no host',
  loopback: 'a loopback address',
  multicast: 'a multicast address',
  broadcast: 'the broadcast address',
};

/**
 * Throws the first thing that is wrong with `service`: FL_E_VALUE for an address that cannot serve, FL_E_CONFLICT for what contradicts
 * `all` (the service with the same id in there is the one being replaced), FL_E_LIMIT for too many.
 */
export function validateService(service: Service, all: Iterable<Service>, limits?: ServiceLimits): void {
  checkUsable(service.frontend, 'VIP');
  const seen = new Set<string>();
  const addresses = new Set<string>();
  for (const backend of service.backends) {
    checkBackend(service, backend, seen);
    addresses.add(backend.address);
  }
  let services = 1;
  let backends = service.backends.length;
  for (const other of all) {
    if (other.id === service.id) continue;
    services++;
    backends += other.backends.length;
    checkAgainst(service, addresses, other);
  }
  if (limits !== undefined) checkLimits(service, services, backends, limits);
}

/** One weight for each backend. Throws FL_E_VALUE. */
export function validateWeightCount(weights: readonly number[], backends: readonly Endpoint[]): void {
  if (weights.length === backends.length) return;
  throw new FairleadError('FL_E_VALUE', `${count(weights.length, 'weight')} for ${count(backends.length, 'backend')}`, {
    hint: 'give one weight for each backend, in their order',
  });
}

function checkUsable(endpoint: Endpoint, role: 'VIP' | 'backend'): void {
  const kind = classifyAddress(endpoint.address);
  if (kind === 'unicast') return;
  throw new FairleadError('FL_E_VALUE', `${role} ${formatEndpoint(endpoint)}: ${KIND_TEXT[kind]} cannot be a ${role}`, {
    hint: 'give the address of one host',
  });
}

function checkBackend(service: Service, backend: Backend, seen: Set<string>): void {
  const text = formatEndpoint(backend);
  checkUsable(backend, 'backend');
  if (familyOf(backend.address) !== familyOf(service.frontend.address)) {
    throw new FairleadError('FL_E_VALUE', `backend ${text}: not of the address family of ${formatFrontend(service.frontend)}`, {
      hint: 'give backends of the same family as the frontend',
    });
  }
  if (backend.address === service.frontend.address) {
    throw new FairleadError('FL_E_CONFLICT', `backend ${text}: its address is the service's own VIP`, {
      hint: 'a backend needs an address of its own',
    });
  }
  if (seen.has(text)) {
    throw new FairleadError('FL_E_CONFLICT', `backend ${text}: given twice`, { hint: 'to give it a larger share use weights' });
  }
  seen.add(text);
}

function checkAgainst(service: Service, addresses: ReadonlySet<string>, other: Service): void {
  const { frontend } = service;
  const theirs = other.frontend;
  if (theirs.port === frontend.port && theirs.address === frontend.address && theirs.protocol === frontend.protocol) {
    throw new FairleadError('FL_E_CONFLICT', `frontend ${formatFrontend(frontend)}: service ${other.id} has it already`, {
      hint: `change service ${other.id} or give another frontend`,
    });
  }
  if (addresses.has(theirs.address)) {
    throw new FairleadError('FL_E_CONFLICT', `backend address ${theirs.address}: it is the VIP of service ${other.id}`, {
      hint: 'a service cannot be the backend of another',
    });
  }
  const backend = other.backends.find((candidate) => candidate.address === frontend.address);
  if (backend !== undefined) {
    const owner = `backend ${formatEndpoint(backend)} of service ${other.id}`;
    throw new FairleadError('FL_E_CONFLICT', `VIP ${frontend.address}: it is the address of ${owner}`, {
      hint: 'a VIP is an address that no backend has',
    });
  }
}

function checkLimits(service: Service, services: number, backends: number, limits: ServiceLimits): void {
  if (service.backends.length > limits.maglevSize) {
    throw limitError(`service ${service.id}: ${count(service.backends.length, 'backend')}, at most ${limits.maglevSize}`, '--maglev-size');
  }
  if (services > limits.maxServices) throw limitError(`${services} services: at most ${limits.maxServices}`, '--max-services');
  if (backends > limits.maxBackends) throw limitError(`${backends} backends: at most ${limits.maxBackends}`, '--max-backends');
}

function limitError(message: string, flag: string): FairleadError {
  return new FairleadError('FL_E_LIMIT', message, { hint: `start the agent with a larger ${flag}` });
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
