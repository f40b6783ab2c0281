// What of a service contradicts this node: validation that needs the node's own addresses.
// Imports agent/model and its siblings. agent/model/validate.ts checks what can be known from the desired state alone.

import { FairleadError } from '../model/errors.js';
import type { Service } from '../model/service.js';

/**
 * Throws FL_E_CONFLICT when the VIP is an address that replies come to: the data plane looks for replies before it looks for services.
 * A prefix may have such addresses in it; they stay this node's own.
 */
export function checkPlaces({ frontend }: Service, lbAddresses: readonly string[]): void {
  if (frontend.prefixLength !== undefined || !lbAddresses.includes(frontend.address)) return;
  throw new FairleadError('FL_E_CONFLICT', `VIP ${frontend.address}: it is the LB's own address, which backends reply to`, {
    hint: 'give an address that is routed to this node but that replies do not come to',
  });
}
