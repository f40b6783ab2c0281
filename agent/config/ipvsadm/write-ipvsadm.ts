// Services as the lines that `ipvsadm -R` takes.
// Imports agent/model alone.
// Invariant: each service is written whole, or left out and named.

import { formatFrontend } from '../../model/format.js';
import { isEveryPort } from '../../model/frontend.js';
import { familyOf } from '../../model/address.js';
import type { Dispatch, Frontend } from '../../model/service.js';
import type { BackendView, ServiceView } from '../../model/views.js';

export interface Exported {
  readonly lines: readonly string[];
  /** Services that ipvsadm has no words for, and why; one line each. */
  readonly left: readonly string[];
  /** What of the services that are there has no words, one line each. */
  readonly lost: readonly string[];
}

/** `dispatch`: how the agent reaches backends in DSR. */
export function writeIpvsadm(services: readonly ServiceView[], dispatch: Dispatch): Exported {
  const lines: string[] = [];
  const left: string[] = [];
  const lost: string[] = [];
  for (const service of services) {
    const why = missingWords(service);
    if (why !== undefined) {
      left.push(`service ${service.id} (${formatFrontend(service.frontend)}) is left out: ipvsadm has no ${why}`);
      continue;
    }
    const { sourceRanges, health, quic } = service;
    const extras = [
      ...(sourceRanges.allow.length + sourceRanges.deny.length > 0 ? ['source ranges'] : []),
      ...(health === undefined ? [] : ['health checks']),
      ...(quic === undefined ? [] : ['QUIC server ids']),
    ];
    if (extras.length > 0) lost.push(`service ${service.id}: without its ${extras.join(', ')}`);
    const place = `${service.frontend.protocol === 'udp' ? '-u' : '-t'} ${placeOf(service.frontend)}`;
    lines.push(`-A ${place} -s mh${service.affinity === undefined ? '' : ` -p ${service.affinity}`}`);
    for (const backend of service.backends) lines.push(serverLine(place, service, backend, dispatch));
  }
  return { lines, left, lost };
}

function missingWords({ frontend }: ServiceView): string | undefined {
  if (frontend.prefixLength !== undefined) return 'virtual prefixes';
  return frontend.lastPort === undefined || isEveryPort(frontend) ? undefined : 'ranges of ports';
}

function serverLine(place: string, { frontend, mode }: ServiceView, backend: BackendView, dispatch: Dispatch): string {
  const method = mode === 'snat' ? '-m' : dispatch === 'ipip' ? '-i' : '-g';
  const server = placeOf({ address: backend.address, port: backend.port === 0 ? frontend.port : backend.port });
  // ipvsadm knows no states: a weight of 0 lets the connections that are there go on, and no new one come.
  return `-a ${place} -r ${server} ${method} -w ${backend.state === 'active' ? backend.weight : 0}`;
}

const placeOf = ({ address, port }: Pick<Frontend, 'address' | 'port'>): string =>
  `${familyOf(address) === 6 ? `[${address}]` : address}:${port}`;
