// Addresses, ports, endpoints and frontends from text.
// Imports its siblings only. Names are not looked up: an address is an address.
// Invariant: what is returned holds canonical address text. What an address may serve for is validate.ts's matter.

import { formatAddress, parseAddressBytes } from './address.js';
import { buildFrontend, EVERY_PORT } from './frontend.js';
import { parsePrefix } from './parse-prefix.js';
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
  if (bytes !== undefined) return formatAddress(bytes);
  const problem = text.includes(':') ? 'not an IPv6 address' : 'not an IPv4 address (four numbers from 0 to 255)';
  throw valueError('address', text, problem, where);
}

/** Addresses separated by commas, at least one, each once. */
export function parseAddresses(text: string, where?: string): string[] {
  const addresses = parseList(text, parseAddress, where);
  const twice = addresses.find((address, index) => addresses.indexOf(address) !== index);
  if (twice !== undefined) throw valueError('address', twice, 'given twice', where);
  return addresses;
}

/** 'LO-HI', inclusive, LO not above HI. */
export function parsePortRange(text: string, where?: string): [number, number] {
  const parts = text.split('-');
  const hint = 'write LO-HI, for example 1024-32767';
  if (parts.length !== 2) throw valueError('port range', text, 'not two ports with a dash between', where, hint);
  const [low, high] = [parsePort(parts[0] ?? '', where), parsePort(parts[1] ?? '', where)];
  if (low > high) throw valueError('port range', text, 'begins after its end', where, hint);
  return [low, high];
}

/** 'ADDRESS:PORT' or '[ADDRESS]:PORT'; port '*' is the one that the client used. */
export function parseEndpoint(text: string, where?: string): Endpoint {
  const { host, port } = splitEndpoint(text, 'endpoint', ENDPOINT_HINT, where);
  return { address: parseAddress(host, where), port: port === '*' ? 0 : parsePort(port, where) };
}

/** 'ADDRESS[/LENGTH]:PORTS[/PROTOCOL]', PORTS one port, 'LO-HI' or '*' for every one; the protocol is TCP when it is not given. */
export function parseFrontend(text: string, where?: string): Frontend {
  // Behind the address: a prefix has a slash of its own.
  const slash = text.indexOf('/', Math.max(text.lastIndexOf(':'), text.lastIndexOf(']')));
  const { host, port } = splitEndpoint(slash < 0 ? text : text.slice(0, slash), 'frontend', FRONTEND_HINT, where);
  const protocol = slash < 0 ? 'tcp' : parseWord(text.slice(slash + 1), 'protocol', PROTOCOLS, where);
  const prefix = host.includes('/') ? parseWholePrefix(host, where) : { address: parseAddress(host, where) };
  return buildFrontend({ ...prefix, ...parsePorts(port, where), protocol });
}

/** Endpoints separated by commas, at least one, in the order given. */
export function parseEndpoints(text: string, where?: string): Endpoint[] {
  return parseList(text, parseEndpoint, where);
}

function parsePorts(text: string, where: string | undefined): { readonly port: number; readonly lastPort?: number } {
  if (text === '*') return EVERY_PORT;
  if (!text.includes('-')) return { port: parsePort(text, where) };
  const [port, lastPort] = parsePortRange(text, where);
  return { port, lastPort };
}

/** A prefix whose address is its first one: any other is more likely a slip than meant so. */
function parseWholePrefix(text: string, where: string | undefined): { readonly address: string; readonly prefixLength: number } {
  const { address, length } = parsePrefix(text, where);
  const given = parseAddress(text.slice(0, text.indexOf('/')), where);
  if (given === address) return { address, prefixLength: length };
  throw valueError('prefix', text, 'not the first address of its prefix', where, `${address}/${length} begins the prefix that it lies in`);
}

function splitEndpoint(
  text: string,
  kind: string,
  hint: string,
  where: string | undefined,
): { readonly host: string; readonly port: string } {
  const bracketed = /^\[([^\]]*)\]:(.*)$/s.exec(text);
  if (bracketed !== null) return { host: bracketed[1] ?? '', port: bracketed[2] ?? '' };
  const colon = text.lastIndexOf(':');
  if (colon < 0 || /^\[[^\]]*\]$/.test(text)) throw valueError(kind, text, 'the port is missing', where, hint);
  // Without brackets it cannot be told where an IPv6 address ends and the port begins.
  if (text.indexOf(':') !== colon)
    throw valueError(kind, text, 'not ADDRESS:PORT', where, `${hint}; an IPv6 address stands in brackets: [2001:db8::10]:80`);
  if (colon === 0) throw valueError(kind, text, 'the address is missing', where, hint);
  return { host: text.slice(0, colon), port: text.slice(colon + 1) };
}
