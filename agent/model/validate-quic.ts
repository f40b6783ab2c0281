// Whether a service's QUIC server ids can be told apart.
// Imports its siblings only.
// Invariant: a service that passes has either no configuration, or one server id for each backend, all of one length.

import { FairleadError } from './errors.js';
import { formatEndpoint, formatFrontend } from './format.js';
import type { Service } from './service.js';

/** Throws FL_E_VALUE. */
export function validateQuic({ id, frontend, backends, quic }: Service): void {
  if (quic === undefined) return;
  if (frontend.protocol !== 'udp') {
    throw new FairleadError('FL_E_VALUE', `frontend ${formatFrontend(frontend)}: QUIC runs over UDP`, { hint: 'write IP:PORT/udp' });
  }
  const seen = new Set<string>();
  const length = backends[0]?.quicId?.length;
  for (const backend of backends) {
    const text = `backend ${formatEndpoint(backend)}`;
    const hint = `give one id for each: service update --id=${id} --backends=... --backend-quic-ids=0a01,0a02`;
    if (backend.quicId === undefined) throw new FairleadError('FL_E_VALUE', `${text}: it has no QUIC server id`, { hint });
    if (backend.quicId.length !== length) {
      throw new FairleadError('FL_E_VALUE', `${text}: its QUIC server id ${backend.quicId} is of another length than the first`, { hint });
    }
    if (seen.has(backend.quicId)) {
      throw new FairleadError('FL_E_VALUE', `${text}: another backend has its QUIC server id ${backend.quicId}`, { hint });
    }
    seen.add(backend.quicId);
  }
}
