// Endpoints and frontends as text, the form that parse.ts reads.
// Imports its siblings only. Invariant: parsing the text gives back what was formatted.

import { familyOf } from './address.js';
import type { Endpoint, Frontend } from './service.js';

/** '20.1.1.10:80', '[2001:db8::1]:80' (RFC 5952 §6). */
export function formatEndpoint(endpoint: Endpoint): string {
  return familyOf(endpoint.address) === 6 ? `[${endpoint.address}]:${endpoint.port}` : `${endpoint.address}:${endpoint.port}`;
}

/** '40.1.1.1:80/tcp'. */
export function formatFrontend(frontend: Frontend): string {
  return `${formatEndpoint(frontend)}/${frontend.protocol}`;
}

/** '20.1.1.10:80,20.1.1.20:80'. */
export function formatEndpoints(endpoints: readonly Endpoint[]): string {
  return endpoints.map(formatEndpoint).join(',');
}

/** '1024-32767', inclusive. */
export function formatPortRange(range: readonly [number, number]): string {
  return `${range[0]}-${range[1]}`;
}
