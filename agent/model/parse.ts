// Every parser of values that a person gives, in one import; those of addresses stand in parse-endpoint.ts.
// Imports its siblings only. Each takes the text and, for its message, where it stood.
// Invariant: a parser returns a valid value or throws FL_E_VALUE; it looks at the text alone, not at any state.

import { classifyAddress, familyOf } from './address.js';
import type { Prefix } from './events.js';
import { LONGEST_SECONDS, parseInteger, parseList, parseWord, valueError } from './parse-value.js';
import { BACKEND_STATES, type BackendState, DISPATCHES, type Dispatch, MODES, type Mode } from './service.js';
import {
  EARLY_FRAGMENTS,
  type EarlyFragments,
  NO_BACKEND_ANSWERS,
  SYN_CHALLENGES,
  type SynChallenge,
  type NoBackendAnswer,
  UNKNOWN_PORT_WORDS,
  type UnknownPort,
  XDP_MODES,
  type XdpMode,
} from './settings.js';
import { parseAddress } from './parse-endpoint.js';
import { parsePrefix } from './parse-prefix.js';

export { parseHostNames } from './parse-host-name.js';
export { parseAddress, parseAddresses, parseEndpoint, parseEndpoints, parseFrontend, parsePort, parsePortRange } from './parse-endpoint.js';
export { parseAffinity, parseSourcePrefixes, parseSourceRange } from './parse-sources.js';
export { parseInteger, parseWord } from './parse-value.js';

/** Bounds of the Maglev table's size. */
export const MAGLEV_SIZE = { min: 251, max: 131071 } as const;
export const MAX_WEIGHT = 1000;
/** The kernel's IFNAMSIZ less the end byte. */
const LONGEST_DEVICE_NAME = 15;

/** A service's id, 1 to 65535. */
export function parseServiceId(text: string, where?: string): number {
  return parseInteger(text, { kind: 'id', min: 1, max: 65535 }, where);
}

/** A backend's weight, 0 to 1000. */
export function parseWeight(text: string, where?: string): number {
  return parseInteger(text, { kind: 'weight', min: 0, max: MAX_WEIGHT }, where);
}

/** Weights separated by commas. That there is one for each backend is validate.ts's matter. */
export function parseWeights(text: string, where?: string): number[] {
  return parseList(text, parseWeight, where);
}

export function parseMode(text: string, where?: string): Mode {
  return parseWord(text, 'mode', MODES, where);
}

/** A service's own mode, or 'default' for the agent's. */
export function parseServiceMode(text: string, where?: string): Mode | 'default' {
  return parseWord(text, 'mode', [...MODES, 'default'] as const, where);
}

export function parseDispatch(text: string, where?: string): Dispatch {
  return parseWord(text, 'dispatch', DISPATCHES, where);
}

export function parseXdpMode(text: string, where?: string): XdpMode {
  return parseWord(text, 'XDP mode', XDP_MODES, where);
}

export function parseEarlyFragments(text: string, where?: string): EarlyFragments {
  return parseWord(text, 'choice', EARLY_FRAGMENTS, where);
}

/** RFC 9293, section 3.7.1: what is assumed where no MSS is named. */
const LEAST_MSS = 536;

export function parseNoBackendAnswer(text: string, where?: string): NoBackendAnswer {
  return parseWord(text, 'answer', NO_BACKEND_ANSWERS, where);
}

export function parseSynChallenge(text: string, where?: string): SynChallenge {
  return parseWord(text, 'choice', SYN_CHALLENGES, where);
}

/** An MSS in bytes, or 0: none. At least what every IPv6 host takes when 20 are taken off for its longer header. */
export function parseMss(text: string, where?: string): number {
  const value = parseInteger(text, { kind: 'MSS', min: 0, max: 0xffff }, where);
  if (value === 0 || value >= LEAST_MSS) return value;
  throw valueError('MSS', text, `smaller than ${LEAST_MSS}`, where, '0 switches clamping off');
}

/** on or off. */
export function parseSwitch(text: string, where?: string): boolean {
  return parseWord(text, 'switch', ['on', 'off'], where) === 'on';
}

export function parseUnknownPort(text: string, where?: string): UnknownPort {
  return parseWord(text, 'word', UNKNOWN_PORT_WORDS, where);
}

export function parseBackendState(text: string, where?: string): BackendState {
  return parseWord(text, 'state', BACKEND_STATES, where);
}

/** The size of the Maglev tables: a prime from 251 to 131071. */
export function parsePrime(text: string, where?: string): number {
  const value = parseInteger(text, { kind: 'size', ...MAGLEV_SIZE }, where);
  if (isPrime(value)) return value;
  let [below, above] = [value - 1, value + 1];
  while (!isPrime(below)) below--;
  while (!isPrime(above)) above++;
  throw valueError('size', text, 'not a prime', where, `the nearest primes are ${below} and ${above}`);
}

/** By trial division: the numbers are small. */
export function isPrime(value: number): boolean {
  if (!Number.isInteger(value) || value < 2) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return true;
}

/** Names of network devices separated by commas, each once. What the kernel accepts as a name: dev_valid_name(). */
export function parseDeviceList(text: string, where?: string): string[] {
  const names = parseList(text, parseDevice, where);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw valueError('device', twice, 'given twice', where);
  return names;
}

function parseDevice(text: string, where?: string): string {
  const valid = text !== '.' && text !== '..' && Buffer.byteLength(text) <= LONGEST_DEVICE_NAME && /^[^/:\s]+$/.test(text);
  if (valid) return text;
  throw valueError('device', text, `not a device name (1 to ${LONGEST_DEVICE_NAME} bytes, no "/", ":" or space)`, where);
}

/** Address of a next hop; a link-local one may name its device: 'fe80::1%eth0'. */
export function parseNextHop(text: string, where?: string): string {
  const [address = '', device, ...more] = text.split('%');
  const canonical = parseAddress(more.length > 0 ? text : address, where);
  return device === undefined ? canonical : `${canonical}%${parseDevice(device, where)}`;
}

/** Number of a configuration of QUIC connection ids, 0 to 6, or 'off'. 7 says in a connection id that there is none. */
export function parseQuicConfig(text: string, where?: string): number | 'off' {
  return text === 'off' ? text : parseInteger(text, { kind: 'configuration', min: 0, max: 6 }, where);
}

/** QUIC server ids separated by commas: 1 to 8 bytes as hex digits each. */
export function parseQuicIds(text: string, where?: string): string[] {
  return parseList(text, parseQuicId, where);
}

/** One of them. */
export function parseQuicId(text: string, where?: string): string {
  if (/^(?:[0-9a-f]{2}){1,8}$/i.test(text)) return text.toLowerCase();
  throw valueError('server id', text, 'not 1 to 8 bytes as hex digits', where, 'for example 0a01');
}

/** An IPv4 prefix of at least two addresses of hosts, '10.9.0.0/16'. */
export function parseIpipSource(text: string, where?: string): Prefix {
  const hint = 'for example 10.9.0.0/16, a prefix that no host has an address of';
  const prefix = parsePrefix(text, where);
  if (familyOf(prefix.address) !== 4) throw valueError('prefix', text, 'not of IPv4; over IPv6 the flow label does this', where, hint);
  if (prefix.length < 8 || prefix.length > 31) throw valueError('prefix', text, 'not from /8 to /31', where, hint);
  if (classifyAddress(prefix.address) === 'unicast') return prefix;
  throw valueError('prefix', text, 'not of addresses of hosts', where, hint);
}

/** Name of a data plane on this machine. It becomes part of paths. */
export function parseInstance(text: string, where?: string): string {
  if (/^[A-Za-z0-9_-]{1,32}$/.test(text)) return text;
  throw valueError('instance', text, 'not 1 to 32 letters, digits, "-" or "_"', where);
}

/** A number from 1 to `max`; `kind` names it in messages. */
export function parsePositiveInteger(text: string, kind: string, where?: string, max = 0x7fffffff): number {
  return parseInteger(text, { kind, min: 1, max }, where);
}

/** A duration in whole seconds, 1 to a week. */
export function parseSeconds(text: string, where?: string): number {
  return parseInteger(text, { kind: 'seconds', min: 1, max: LONGEST_SECONDS }, where);
}
