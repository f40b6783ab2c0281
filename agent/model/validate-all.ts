// Whether services may stand beside each other, all at once: as validateService() for each, in one pass over what can meet.
// Imports its siblings only. Ten thousand services take a fraction of a second.
// Invariant: it refuses what validateService() refuses, when that is asked for each service against all others.

import { familyOf } from './address.js';
import { coversAddress } from './frontend.js';
import type { Frontend, Service } from './service.js';
import { checkTotals, type ServiceLimits, validateAgainst, validateService } from './validate.js';

/** Throws the first thing that is wrong, as validateService() does; `told` gets the service that it is wrong with before. */
export function validateServices(services: readonly Service[], limits: ServiceLimits | undefined, told: (service: Service) => void): void {
  const exact = new Map<string, Service[]>();
  const prefixes: Service[] = [];
  const places = new Map<string, Service[]>();
  const total = services.reduce((sum, { backends }) => sum + backends.length, 0);
  let backends = 0;
  for (const [index, service] of services.entries()) {
    told(service);
    validateService(service, [], limits);
    backends += service.backends.length;
    // Told of the first one beyond, with how many there are.
    if (limits !== undefined && (index >= limits.maxServices || backends > limits.maxBackends)) checkTotals(services.length, total, limits);
    const { frontend } = service;
    // Only frontends of one address and protocol can claim the same packets.
    for (const other of places.get(placeOf(frontend)) ?? []) validateAgainst(service, other);
    push(places, placeOf(frontend), service);
    if (frontend.prefixLength === undefined) push(exact, frontend.address, service);
    else prefixes.push(service);
  }
  for (const service of services) {
    told(service);
    for (const { address } of service.backends) {
      for (const other of exact.get(address) ?? []) if (other !== service) validateAgainst(service, other);
      for (const other of prefixes) {
        if (other !== service && familyOf(address) === familyOf(other.frontend.address) && coversAddress(other.frontend, address))
          validateAgainst(service, other);
      }
    }
  }
}

function placeOf({ address, prefixLength, protocol }: Frontend): string {
  return `${address}/${prefixLength ?? ''} ${protocol}`;
}

function push<Key>(map: Map<Key, Service[]>, key: Key, service: Service): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [service]);
  else found.push(service);
}
