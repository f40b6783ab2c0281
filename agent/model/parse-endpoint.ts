// Addresses, ports, endpoints and frontends from text.
// Imports its siblings only. Names are not looked up: an address is an address.
// Invariant: what is returned holds canonical address text; IPv6 is refused in one place, supportedAddress().

import { familyOf, formatAddress, parseAddressBytes } from './address.js';
import { parseInteger, parseList, parseWord, valueError } from './parse-value.js';
import { type Endpoint, type Frontend, PROTOCOLS } from './service.js';

const ENDPOINT_HINT = 'write ADDRESS:PORT, for example 20.1.1.10:80';
const FRONTEND_HINT = 'write ADDRESS:PORT or ADDRESS:PORT/udp, for example 40.1.1.1:80';

/** A port, 1 to 65535 (host order). */
export function parsePort(text: string, where?: string): number {
  return parseInteger(text, { kind: 'port', min: 1, max: 65535 }, where);
}

/** Canonical text of an address. */
export function parseAddress(text: string, where?: string): string {
  const bytes = parseAddressBytes(text);
  if (bytes !== undefined) return supportedAddress(formatAddress(bytes), where);
  const problem = text.includes(':') ? 'not an IPv6 address' : 'not an IPv4 address (four numbers from 0 to 255)';
  throw valueError('address', text, problem, where);
}

/** The one place that refuses IPv6; it goes when the data plane forwards IPv6. */
function supportedAddress(address: string, where: string | undefined): string {
  if (familyOf(address) === 4) return address;
  throw valueError('address', address, 'IPv6 is not supported yet', where, 'give an IPv4 address');
}

/** 'ADDRESS:PORT' or '[ADDRESS]:PORT'. */
export function parseEndpoint(text: string, where?: string): Endpoint {
  return splitEndpoint(text, 'endpoint', ENDPOINT_HINT, where);
}

/** 'ADDRESS:PORT[/PROTOCOL]'; the protocol is TCP when it is not given. */
export function parseFrontend(text: string, where?: string): Frontend {
  const slash = text.indexOf('/');
  const endpoint = splitEndpoint(slash < 0 ? text : text.slice(0, slash), 'frontend', FRONTEND_HINT, where);
  return { ...endpoint, protocol: slash < 0 ? 'tcp' : parseWord(text.slice(slash + 1), 'protocol', PROTOCOLS, where) };
}

/** Endpoints separated by commas, at least one, in the order given. */
export function parseEndpoints(text: string, where?: string): Endpoint[] {
  return parseList(text, parseEndpoint, where);
}

function splitEndpoint(text: string, kind: string, hint: string, where: string | undefined): Endpoint {
  const bracketed = /^\[([^\]]*)\]:(.*)$/s.exec(text);
  if (bracketed !== null) return { address: parseAddress(bracketed[1] ?? '', where), port: parsePort(bracketed[2] ?? '', where) };
  const colon = text.lastIndexOf(':');
  if (colon < 0) throw valueError(kind, text, 'the port is missing', where, hint);
  // Without brackets it cannot be told where an IPv6 address ends and the port begins.
  if (text.indexOf(':') !== colon) throw valueError(kind, text, 'not ADDRESS:PORT', where, `${hint}; an IPv6 address stands in brackets`);
  if (colon === 0) throw valueError(kind, text, 'the address is missing', where, hint);
  return { address: parseAddress(text.slice(0, colon), where), port: parsePort(text.slice(colon + 1), where) };
}
