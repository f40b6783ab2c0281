// What a person should know of a service in DSR mode: its packets reach the backends with the service's own port.
// Imports its siblings only.
// Invariant: SNAT translates ports, so nothing is said of it.

import { formatEndpoint } from './format.js';
import type { Endpoint, Frontend, Mode } from './service.js';

interface Balanced {
  readonly id: number;
  readonly frontend: Frontend;
  /** The mode that new flows get. */
  readonly mode: Mode;
  readonly backends: readonly Endpoint[];
}

/** 'service 2: DSR leaves port 81 as it is, but 20.1.1.10:8080 and 1 more are given with another', or nothing. */
export function warnOfPorts({ id, frontend, mode, backends }: Balanced): readonly string[] {
  const others = mode === 'dsr' ? backends.filter(({ port }) => port !== frontend.port) : [];
  const [first] = others;
  if (first === undefined) return [];
  const which = others.length === 1 ? `${formatEndpoint(first)} is` : `${formatEndpoint(first)} and ${others.length - 1} more are`;
  return [`service ${id}: DSR leaves port ${frontend.port} as it is, but ${which} given with another`];
}
