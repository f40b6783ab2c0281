// Which backends a service may have by their address family: its frontend's, or IPv6 behind an IPv4 frontend where DSR wraps packets.
// Imports its siblings only.
// Invariant: what passes can be carried by the action that actionOf() gives.

import { familyOf } from './address.js';
import { FairleadError } from './errors.js';
import { formatEndpoint, formatFrontend } from './format.js';
import { crossesFamilies, type Dispatch, type Mode, type Service } from './service.js';

/** Throws FL_E_VALUE for backends that no mode can reach from this frontend. */
export function validateFamilies({ frontend, backends }: Pick<Service, 'frontend' | 'backends'>): void {
  const [first, ...others] = backends;
  if (first === undefined) return;
  const family = familyOf(first.address);
  const stranger = others.find(({ address }) => familyOf(address) !== family);
  if (stranger !== undefined) {
    throw new FairleadError('FL_E_VALUE', `backend ${formatEndpoint(stranger)}: not of the address family of ${formatEndpoint(first)}`, {
      hint: 'the backends of a service are of one family',
    });
  }
  if (family === 6 || familyOf(frontend.address) === 4) return;
  throw new FairleadError('FL_E_VALUE', `backend ${formatEndpoint(first)}: not of the address family of ${formatFrontend(frontend)}`, {
    hint: 'an IPv6 frontend has IPv6 backends; an IPv4 frontend may have either',
  });
}

/** Throws FL_E_CONFLICT when the service would need its packets wrapped, and its mode or the dispatch does not. `mode`: the agent's. */
export function validateCrossing(service: Service, mode: Mode, dispatch: Dispatch): void {
  if (!crossesFamilies(service)) return;
  const where = `service ${service.id}: ${formatFrontend(service.frontend)} has IPv6 backends`;
  if ((service.mode ?? mode) === 'snat') {
    throw new FairleadError('FL_E_CONFLICT', `${where}, which SNAT cannot reach: it translates within one family`, {
      hint: `let it stay DSR: service update --id=${service.id} --mode=dsr`,
    });
  }
  if (dispatch === 'ipip') return;
  throw new FairleadError('FL_E_CONFLICT', `${where}, which DSR by ${dispatch} cannot reach: only IPIP carries IPv4 over IPv6`, {
    hint: 'start the agent with --dsr-dispatch=ipip, or give IPv4 backends',
  });
}
