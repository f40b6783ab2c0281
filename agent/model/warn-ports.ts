// What a person should know of ports that are not translated: under DSR, and of a backend on the load balancer itself.
// Imports its siblings only.
// Invariant: SNAT translates ports, so nothing is said of it; a backend of port 0 asks for the client's.

import { formatEndpoint } from './format.js';
import type { Endpoint, Frontend, Mode } from './service.js';

interface Balanced {
  readonly id: number;
  readonly frontend: Frontend;
  /** The mode that new flows get. */
  readonly mode: Mode;
  /** `local`: an address of this node. */
  readonly backends: readonly (Endpoint & { readonly local?: boolean })[];
}

/** 'service 2: DSR leaves port 81 as it is, but 20.1.1.10:8080 and 1 more are given with another', or nothing. */
export function warnOfPorts({ id, frontend, mode, backends }: Balanced): readonly string[] {
  const kept = (port: number) => port === 0 || (port === frontend.port && frontend.lastPort === undefined);
  const others = backends.filter(({ port }) => !kept(port));
  return [
    ...warning(id, 'DSR leaves', frontend, mode === 'dsr' ? others.filter(({ local }) => local !== true) : []),
    ...warning(
      id,
      'a backend on this node gets',
      frontend,
      others.filter(({ local }) => local === true),
    ),
  ];
}

function warning(id: number, what: string, frontend: Frontend, others: readonly Endpoint[]): readonly string[] {
  const [first] = others;
  if (first === undefined) return [];
  const which = others.length === 1 ? `${formatEndpoint(first)} is` : `${formatEndpoint(first)} and ${others.length - 1} more are`;
  const port = frontend.lastPort === undefined ? `port ${frontend.port}` : 'ports';
  return [`service ${id}: ${what} ${port} as ${frontend.lastPort === undefined ? 'it is' : 'they are'}, but ${which} given with another`];
}
