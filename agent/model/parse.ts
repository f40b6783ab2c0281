// Every parser of values that a person gives, in one import; those of addresses stand in parse-endpoint.ts.
// Imports its siblings only. Each takes the text and, for its message, where it stood.
// Invariant: a parser returns a valid value or throws FL_E_VALUE; it looks at the text alone, not at any state.

import { parseInteger, parseList, parseWord, valueError } from './parse-value.js';
import { BACKEND_STATES, type BackendState, DISPATCHES, type Dispatch, MODES, type Mode } from './service.js';
import { XDP_MODES, type XdpMode } from './settings.js';
import { parsePort } from './parse-endpoint.js';

export { parseAddress, parseEndpoint, parseEndpoints, parseFrontend, parsePort } from './parse-endpoint.js';
export { parseInteger, parseWord } from './parse-value.js';

/** Bounds of the Maglev table's size. */
export const MAGLEV_SIZE = { min: 251, max: 131071 } as const;
export const MAX_WEIGHT = 1000;
/** The kernel's IFNAMSIZ less the end byte. */
const LONGEST_DEVICE_NAME = 15;
/** A week: the data plane's 32-bit ticks cover it many times at any clock rate. */
const LONGEST_SECONDS = 604800;

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

export function parseBackendState(text: string, where?: string): BackendState {
  return parseWord(text, 'state', BACKEND_STATES, where);
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
