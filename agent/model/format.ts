// Endpoints and frontends as text, the form that parse.ts reads.
// Imports its siblings only. Invariant: parsing the text gives back what was formatted.

import { classifyAddress, familyOf } from './address.js';
import type { Endpoint, Frontend } from './service.js';

/** '20.1.1.10:80', '[2001:db8::1]:80' (RFC 5952 §6), '20.1.1.10:*' for the port that the client used. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return joinPlace(address, address, port === 0 ? '*' : String(port));
}

/** '40.1.1.1:80/tcp', '40.1.0.0/24:8000-8999/udp', '[2001:db8::/64]:*​/tcp'. */
export function formatFrontend(frontend: Frontend): string {
  return `${formatPlace(frontend)}/${frontend.protocol}`;
}

/** The frontend without its protocol: '40.1.0.0/24:80'. */
export function formatPlace({ address, port, lastPort, prefixLength }: Frontend): string {
  const ports = lastPort === undefined ? String(port) : port === 0 ? '*' : formatPortRange([port, lastPort]);
  return joinPlace(address, prefixLength === undefined ? address : `${address}/${prefixLength}`, ports);
}

function joinPlace(address: string, host: string, ports: string): string {
  return familyOf(address) === 6 ? `[${host}]:${ports}` : `${host}:${ports}`;
}

/** '20.1.1.10:80,20.1.1.20:80'. */
export function formatEndpoints(endpoints: readonly Endpoint[]): string {
  return endpoints.map(formatEndpoint).join(',');
}

/** A next hop so that it is told from any other: 'fe80::1%eth0' for a link-local address (RFC 4007 §11), else the address alone. */
export function formatNextHop(hop: { readonly address: string; readonly device: string | undefined }): string {
  const zone = hop.device === undefined || classifyAddress(hop.address) !== 'link-local' ? '' : `%${hop.device}`;
  return `${hop.address}${zone}`;
}

/** '1024-32767', inclusive. */
export function formatPortRange(range: readonly [number, number]): string {
  return `${range[0]}-${range[1]}`;
}
