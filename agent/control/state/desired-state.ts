// The desired state as JSON: the content of the state file.
// Imports agent/model alone.
// Invariant: what is read has been checked field by field; a file of another version or with a wrong field is refused, never half used.

import { addressBytes, formatAddress, parseAddressBytes } from '../../model/address.js';
import { FairleadError } from '../../model/errors.js';
import { formatEndpoint, formatFrontend } from '../../model/format.js';
import {
  ALL_DOWN_WORDS,
  FLOWS_WORDS,
  HEALTH_KINDS,
  type HealthCheck,
  INITIAL_WORDS,
  LARGEST_JITTER,
  mergeHealth,
  THROUGH_WORDS,
} from '../../model/health.js';
import { buildFrontend, EVERY_PORT, isFirstAddress } from '../../model/frontend.js';
import {
  BACKEND_STATES,
  MODES,
  PROTOCOLS,
  type Backend,
  type DesiredState,
  type Endpoint,
  type Frontend,
  type Service,
} from '../../model/service.js';

import { checkHealthTexts } from '../../model/parse-health.js';
import { parseSourcePrefix } from '../../model/parse-sources.js';
import { LONGEST_SECONDS } from '../../model/parse-value.js';
import { sortPrefixes } from '../../model/source-ranges.js';
import { denyField, policyFields } from './intents.js';

const VERSION = 1;

/** Of services that stay as they are, as nearly all do when one of thousands changes. */
const texts = new WeakMap<Service, string>();

/** The state as text, a line a backend, so that a person can read and compare it. */
export function formatState({ services, ...rest }: DesiredState): string {
  const head = JSON.stringify({ version: VERSION, ...rest }, undefined, 2).slice(0, -2);
  return `${head},\n  "services": [${services.map(formatService).join(',')}\n  ]\n}\n`;
}

function formatService(service: Service): string {
  const known = texts.get(service);
  if (known !== undefined) return known;
  const { backends, ...rest } = service;
  const lines = backends.map((backend) => `\n      ${JSON.stringify(backend)}`).join(',');
  const text = `\n    {${JSON.stringify(rest).slice(1, -1)},"backends":[${lines}]}`;
  texts.set(service, text);
  return text;
}

/** Reads what formatState wrote. Throws FL_E_STATE naming the first field that is wrong. */
export function parseState(text: string): DesiredState {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new FairleadError('FL_E_STATE', `not JSON: ${(error as Error).message}`, { cause: error });
  }
  const version = object(json, 'state')['version'];
  if (version !== VERSION) throw new FairleadError('FL_E_STATE', `version ${JSON.stringify(version)}: this agent reads version ${VERSION}`);
  return parseStateJson(json);
}

/** The same for what was JSON already, without its version. */
export function parseStateJson(json: unknown): DesiredState {
  const state = object(json, 'state');
  const services = list(state['services'], 'services').map((value, index) => parseService(value, `services[${index}]`));
  refuseTwice(
    services.map(({ id }) => `id ${id}`),
    'services',
  );
  refuseTwice(
    services.map(({ frontend }) => `frontend ${formatFrontend(frontend)}`),
    'services',
  );
  return { mode: word(state['mode'], MODES, 'mode'), services, ...denyField(prefixes(state['deny'], 'deny')) };
}

function parseService(json: unknown, where: string): Service {
  const service = object(json, where);
  const mode = service['mode'];
  const backends = list(service['backends'], `${where}.backends`).map((value, index) => parseBackend(value, `${where}.backends[${index}]`));
  refuseTwice(backends.map(formatEndpoint), `${where}.backends`);
  return {
    id: integer(service['id'], 1, 65535, `${where}.id`),
    frontend: parseFrontend(service['frontend'], `${where}.frontend`),
    backends,
    mode: mode === undefined || mode === null ? undefined : word(mode, MODES, `${where}.mode`),
    ...parsePolicy(service, where),
    ...(service['quic'] === undefined ? {} : { quic: integer(service['quic'], 0, 6, `${where}.quic`) }),
    ...(service['health'] === undefined ? {} : { health: parseHealth(service['health'], `${where}.health`) }),
  };
}

/** Files of agents that did not know it yet have none. */
function parsePolicy(service: Record<string, unknown>, where: string): Pick<Service, 'sourceRanges' | 'affinity'> {
  const { sourceRanges, affinity } = service;
  const ranges = sourceRanges === undefined || sourceRanges === null ? {} : object(sourceRanges, `${where}.sourceRanges`);
  const at = (name: string) => prefixes(ranges[name], `${where}.sourceRanges.${name}`);
  const none = affinity === undefined || affinity === null;
  return policyFields(
    { allow: at('allow'), deny: at('deny') },
    none ? undefined : integer(affinity, 1, LONGEST_SECONDS, `${where}.affinity`),
  );
}

function prefixes(json: unknown, where: string): readonly string[] {
  if (json === undefined || json === null) return [];
  const found = list(json, where).map((value) => {
    if (typeof value !== 'string') throw wrong(where, `${JSON.stringify(value)} is not a prefix`);
    try {
      return parseSourcePrefix(value);
    } catch (error) {
      throw wrong(where, (error as Error).message);
    }
  });
  refuseTwice(found, where);
  return sortPrefixes(found);
}

function parseFrontend(json: unknown, where: string): Frontend {
  const frontend = object(json, where);
  const { address, port } = parseEndpoint(json, where);
  const protocol = word(frontend['protocol'], PROTOCOLS, `${where}.protocol`);
  const lastPort = optional(frontend['lastPort'], (value) => integer(value, Math.max(1, port), 65535, `${where}.lastPort`));
  if (port === 0 && lastPort !== EVERY_PORT.lastPort) throw wrong(`${where}.port`, '0 is not a number from 1 to 65535');
  const bits = addressBytes(address).length * 8;
  const prefixLength = optional(frontend['prefixLength'], (value) => integer(value, 1, bits, `${where}.prefixLength`));
  const built = buildFrontend({ address, port, protocol, lastPort, prefixLength });
  if (!isFirstAddress(built)) throw wrong(`${where}.address`, `${address} is not the first address of a /${prefixLength}`);
  return built;
}

function parseBackend(json: unknown, where: string): Backend {
  const backend = object(json, where);
  return {
    ...parseEndpoint(json, where),
    weight: integer(backend['weight'], 0, 1000, `${where}.weight`),
    state: word(backend['state'], BACKEND_STATES, `${where}.state`),
    ...(backend['quicId'] === undefined ? {} : { quicId: quicId(backend['quicId'], `${where}.quicId`) }),
  };
}

/** Files of agents that did not know the later fields have none of them. */
function parseHealth(json: unknown, where: string): HealthCheck {
  const health = object(json, where);
  const number = (name: string, low: number, high: number) => integer(health[name], low, high, `${where}.${name}`);
  const some = <Value>(name: string, read: (name: string) => Value) => (health[name] === undefined ? {} : { [name]: read(name) });
  const text = (name: string) => {
    const value = health[name];
    if (typeof value !== 'string') throw wrong(`${where}.${name}`, `${JSON.stringify(value)} is not a text`);
    return value;
  };
  const wordOf = (words: readonly string[]) => (name: string) => word(health[name], words, `${where}.${name}`);
  const check = {
    kind: word(health['kind'], HEALTH_KINDS, `${where}.kind`),
    ...some('path', text),
    ...some('send', text),
    ...some('expect', text),
    ...some('grpcService', text),
    ...some('command', (name) => list(health[name], `${where}.${name}`)),
    ...some('port', (name) => number(name, 1, 65535)),
    interval: number('interval', 50, 3_600_000),
    timeout: number('timeout', 50, 3_600_000),
    rise: number('rise', 1, 100),
    fall: number('fall', 1, 100),
    allDown: word(health['allDown'], ALL_DOWN_WORDS, `${where}.allDown`),
    ...some('jitter', (name) => number(name, 0, LARGEST_JITTER)),
    ...some('initial', wordOf(INITIAL_WORDS)),
    ...some('flows', wordOf(FLOWS_WORDS)),
    ...some('through', wordOf(THROUGH_WORDS)),
  } as HealthCheck;
  try {
    checkHealthTexts(check, where);
    return mergeHealth(check, undefined, where) as HealthCheck;
  } catch (error) {
    throw new FairleadError('FL_E_STATE', (error as Error).message);
  }
}

function parseEndpoint(json: unknown, where: string): Endpoint {
  const endpoint = object(json, where);
  const address = endpoint['address'];
  const bytes = typeof address === 'string' ? parseAddressBytes(address) : undefined;
  if (bytes === undefined) throw wrong(`${where}.address`, `${JSON.stringify(address)} is not an address`);
  // A person may have written IPv6 another way than we do.
  return { address: formatAddress(bytes), port: integer(endpoint['port'], 0, 65535, `${where}.port`) };
}

function optional(json: unknown, parse: (value: unknown) => number): number | undefined {
  return json === undefined || json === null ? undefined : parse(json);
}

function quicId(json: unknown, where: string): string {
  if (typeof json === 'string' && /^(?:[0-9a-f]{2}){1,8}$/.test(json)) return json;
  throw wrong(where, `${JSON.stringify(json)} is not 1 to 8 bytes as hex digits`);
}

function refuseTwice(names: readonly string[], where: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw wrong(where, `${name} twice`);
    seen.add(name);
  }
}

function object(json: unknown, where: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong(where, 'not an object');
  return json as Record<string, unknown>;
}

function list(json: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(json)) throw wrong(where, 'not a list');
  return json;
}

function integer(json: unknown, low: number, high: number, where: string): number {
  if (typeof json !== 'number' || !Number.isInteger(json) || json < low || json > high) {
    throw wrong(where, `${JSON.stringify(json)} is not a number from ${low} to ${high}`);
  }
  return json;
}

function word<Word extends string>(json: unknown, words: readonly Word[], where: string): Word {
  const found = words.find((candidate) => candidate === json);
  if (found === undefined) throw wrong(where, `${JSON.stringify(json)} is not one of ${words.join(', ')}`);
  return found;
}

function wrong(where: string, what: string): FairleadError {
  return new FairleadError('FL_E_STATE', `${where}: ${what}`);
}
