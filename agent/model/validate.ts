// Whether a service may stand beside the others: everything that can be known from the desired state alone.
// Imports its siblings only. Looks at each other service once, so thousands of services cost less than a millisecond.
// Invariant: a service that passes can be applied; routes, MACs and free slots are agent/control's matter.

import { type AddressKind, classifyAddress, familyOf } from './address.js';
import { FairleadError } from './errors.js';
import { formatEndpoint, formatFrontend, formatPlace } from './format.js';
import { conflicts, coversAddress } from './frontend.js';
import type { Backend, Endpoint, Frontend, Service } from './service.js';
import type { SourceRanges } from './source-ranges.js';
import { validateFamilies } from './validate-families.js';
import { validateHealth } from './validate-health.js';
import { validateQuic } from './validate-quic.js';

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
  'link-local': 'a link-local address',
  mapped: 'an IPv4 address in IPv6 form',
};

/**
 * Throws the first thing that is wrong with `service`: FL_E_VALUE for an address that cannot serve, FL_E_CONFLICT for what contradicts
 * `all` (the service with the same id in there is the one being replaced), FL_E_LIMIT for too many.
 */
export function validateService(service: Service, all: Iterable<Service>, limits?: ServiceLimits): void {
  checkUsable(service.frontend, 'VIP');
  validateFamilies(service);
  validateQuic(service);
  validateHealth(service);
  checkPrefix(service.frontend);
  const seen = new Set<string>();
  const addresses = new Set<string>();
  for (const backend of service.backends) {
    checkBackend(service, backend, seen);
    addresses.add(backend.address);
  }
  if (service.sourceRanges !== undefined) checkSources(service, service.sourceRanges);
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

function checkUsable(endpoint: Endpoint | Frontend, role: 'VIP' | 'backend'): void {
  const kind = classifyAddress(endpoint.address);
  if (kind === 'unicast') return;
  throw new FairleadError(
    'FL_E_VALUE',
    `${role} ${'protocol' in endpoint ? formatPlace(endpoint) : formatEndpoint(endpoint)}: ${KIND_TEXT[kind]} cannot be a ${role}`,
    {
      hint: 'give the address of one host',
    },
  );
}

/** The shortest prefixes that can be meant: larger ones hold multicast addresses and everybody else's hosts. */
const SHORTEST_PREFIX = { 4: 8, 6: 16 } as const;

function checkPrefix(frontend: Frontend): void {
  const family = familyOf(frontend.address);
  if (frontend.prefixLength === undefined || frontend.prefixLength >= SHORTEST_PREFIX[family]) return;
  throw new FairleadError('FL_E_VALUE', `VIP ${vipText(frontend)}: a prefix of IPv${family} has at least ${SHORTEST_PREFIX[family]} bits`, {
    hint: 'give the prefix that is routed to this node',
  });
}

function vipText({ address, prefixLength }: Frontend): string {
  return prefixLength === undefined ? address : `${address}/${prefixLength}`;
}

function findCovered(frontend: Frontend, addresses: ReadonlySet<string>): string | undefined {
  if (frontend.prefixLength === undefined) return addresses.has(frontend.address) ? frontend.address : undefined;
  return [...addresses].find((address) => coversAddress(frontend, address));
}

function checkBackend(service: Service, backend: Backend, seen: Set<string>): void {
  const text = formatEndpoint(backend);
  checkUsable(backend, 'backend');
  if (coversAddress(service.frontend, backend.address)) {
    const which = service.frontend.prefixLength === undefined ? 'is' : 'lies in';
    throw new FairleadError('FL_E_CONFLICT', `backend ${text}: its address ${which} the service's own VIP`, {
      hint: 'a backend needs an address of its own',
    });
  }
  if (seen.has(text)) {
    throw new FairleadError('FL_E_CONFLICT', `backend ${text}: given twice`, { hint: 'to give it a larger share use weights' });
  }
  seen.add(text);
}

function checkSources({ frontend }: Service, { allow, deny }: SourceRanges): void {
  const other = [...allow, ...deny].find((prefix) => familyOf(prefix) !== familyOf(frontend.address));
  if (other !== undefined) {
    throw new FairleadError('FL_E_VALUE', `source range ${other}: not of the address family of ${formatFrontend(frontend)}`, {
      hint: 'give ranges of the same family as the frontend',
    });
  }
  const allowed = new Set(allow);
  const both = deny.find((prefix) => allowed.has(prefix));
  if (both !== undefined) {
    throw new FairleadError('FL_E_CONFLICT', `source range ${both}: both allowed and denied`, { hint: 'leave it in one of the lists' });
  }
}

/** Whether two services contradict each other: their frontends, or the backend of one with the address of the other. Throws FL_E_CONFLICT. */
export function validateAgainst(service: Service, other: Service): void {
  checkAgainst(service, new Set(service.backends.map(({ address }) => address)), other);
}

function checkAgainst(service: Service, addresses: ReadonlySet<string>, other: Service): void {
  const { frontend } = service;
  const theirs = other.frontend;
  if (conflicts(frontend, theirs)) {
    const same = formatFrontend(frontend) === formatFrontend(theirs);
    const how = same ? 'has it already' : `has ports of it already (${formatFrontend(theirs)})`;
    throw new FairleadError('FL_E_CONFLICT', `frontend ${formatFrontend(frontend)}: service ${other.id} ${how}`, {
      hint: `change service ${other.id} or give another frontend`,
    });
  }
  const covered = findCovered(theirs, addresses);
  if (covered !== undefined) {
    const vip = theirs.prefixLength === undefined ? 'it is the VIP' : `it lies in the prefix ${theirs.address}/${theirs.prefixLength}`;
    throw new FairleadError('FL_E_CONFLICT', `backend address ${covered}: ${vip} of service ${other.id}`, {
      hint: 'a service cannot be the backend of another',
    });
  }
  const backend = other.backends.find((candidate) => coversAddress(frontend, candidate.address));
  if (backend !== undefined) {
    const owner = `backend ${formatEndpoint(backend)} of service ${other.id}`;
    throw new FairleadError(
      'FL_E_CONFLICT',
      `VIP ${vipText(frontend)}: ${frontend.prefixLength === undefined ? 'it is' : 'in it lies'} the address of ${owner}`,
      {
        hint: 'a VIP is an address that no backend has',
      },
    );
  }
}

function checkLimits(service: Service, services: number, backends: number, limits: ServiceLimits): void {
  if (service.backends.length > limits.maglevSize) {
    throw limitError(`service ${service.id}: ${count(service.backends.length, 'backend')}, at most ${limits.maglevSize}`, '--maglev-size');
  }
  checkTotals(services, backends, limits);
}

/** Throws FL_E_LIMIT for more services, or backends of all of them, than the data plane has room for. */
export function checkTotals(services: number, backends: number, limits: ServiceLimits): void {
  if (services > limits.maxServices) throw limitError(`${services} services: at most ${limits.maxServices}`, '--max-services');
  if (backends > limits.maxBackends) throw limitError(`${backends} backends: at most ${limits.maxBackends}`, '--max-backends');
}

function limitError(message: string, flag: string): FairleadError {
  return new FairleadError('FL_E_LIMIT', message, { hint: `start the agent with a larger ${flag}` });
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
