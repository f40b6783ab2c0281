// The desired state as JSON: the content of the state file.
// Imports agent/model alone.
// Invariant: what is read has been checked field by field; a file of another version or with a wrong field is refused, never half used.

import { parseAddressBytes } from '../../model/address.js';
import { FairleadError } from '../../model/errors.js';
import { formatEndpoint, formatFrontend } from '../../model/format.js';
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

const VERSION = 1;

/** The state as text, one service a block, so that a person can read and compare it. */
export function formatState(state: DesiredState): string {
  return `${JSON.stringify({ version: VERSION, ...state }, undefined, 2)}\n`;
}

/** Reads what formatState wrote. Throws FL_E_STATE naming the first field that is wrong. */
export function parseState(text: string): DesiredState {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new FairleadError('FL_E_STATE', `not JSON: ${(error as Error).message}`, { cause: error });
  }
  const state = object(json, 'state');
  if (state['version'] !== VERSION) {
    throw new FairleadError('FL_E_STATE', `version ${JSON.stringify(state['version'])}: this agent reads version ${VERSION}`);
  }
  const services = list(state['services'], 'services').map((value, index) => parseService(value, `services[${index}]`));
  refuseTwice(
    services.map(({ id }) => `id ${id}`),
    'services',
  );
  refuseTwice(
    services.map(({ frontend }) => `frontend ${formatFrontend(frontend)}`),
    'services',
  );
  return { mode: word(state['mode'], MODES, 'mode'), services };
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
  };
}

function parseFrontend(json: unknown, where: string): Frontend {
  return { ...parseEndpoint(json, where), protocol: word(object(json, where)['protocol'], PROTOCOLS, `${where}.protocol`) };
}

function parseBackend(json: unknown, where: string): Backend {
  const backend = object(json, where);
  return {
    ...parseEndpoint(json, where),
    weight: integer(backend['weight'], 0, 1000, `${where}.weight`),
    state: word(backend['state'], BACKEND_STATES, `${where}.state`),
  };
}

function parseEndpoint(json: unknown, where: string): Endpoint {
  const endpoint = object(json, where);
  const address = endpoint['address'];
  if (typeof address !== 'string' || parseAddressBytes(address) === undefined)
    throw wrong(`${where}.address`, `${JSON.stringify(address)} is not an address`);
  return { address, port: integer(endpoint['port'], 1, 65535, `${where}.port`) };
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
