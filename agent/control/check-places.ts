// What of a service contradicts this node: validation that needs the node's own addresses and routes.
// Imports agent/model and its siblings. agent/model/validate.ts checks what can be known from the desired state alone.

import { FairleadError } from '../model/errors.js';
import { formatEndpoint } from '../model/format.js';
import type { Service } from '../model/service.js';
import type { Hop } from './next-hop/next-hop.js';

/** Throws FL_E_CONFLICT when the VIP is an address that replies come to, FL_E_VALUE when a backend is this node itself. */
export function checkPlaces(service: Service, lbAddresses: readonly string[], hopTo: (address: string) => Hop): void {
  if (lbAddresses.includes(service.frontend.address)) {
    throw new FairleadError('FL_E_CONFLICT', `VIP ${service.frontend.address}: it is the LB's own address, which backends reply to`, {
      hint: 'give an address that is routed to this node but that replies do not come to',
    });
  }
  for (const backend of service.backends) {
    if (!hopTo(backend.address).local) continue;
    throw new FairleadError('FL_E_VALUE', `backend ${formatEndpoint(backend)}: an address of this node`, {
      hint: 'a backend runs on another machine: backends on the LB itself are not supported yet',
    });
  }
}
