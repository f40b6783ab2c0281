// A configuration file as the desired state and the words of the agent's flags.
// Imports ajv, agent/control/state for what makes and checks a service, agent/model and its siblings.
// Invariant: what is read could have been typed, command by command; a file with one error is not used at all.

import type { ErrorObject, ValidateFunction } from 'ajv';
import { denyField, mergeService } from '../control/state/intents.js';
import { FairleadError } from '../model/errors.js';
import { formatFrontend } from '../model/format.js';
import { HEALTH_PROFILES, type HealthKind, type HealthUpdate } from '../model/health.js';
import { nearestWord } from '../model/nearest.js';
import { parseEndpoint, parseFrontend, parseQuicIds, parseSourcePrefixes } from '../model/parse.js';
import { checkHealthTexts } from '../model/parse-health.js';
import { showValue } from '../model/parse-value.js';
import type { BackendState, DesiredState, Mode, Service } from '../model/service.js';
import { validateServices } from '../model/validate-all.js';
import { loadAjv } from './late-packages.js';
import { type Path, PlacedText } from './positions.js';
import { CONFIG_SCHEMA } from './schema.js';

export interface Config {
  readonly state: DesiredState;
  /** Flags of the agent, as a shell would give them: ['--device=eth0']. */
  readonly agentWords: readonly string[];
}

interface FileHealth extends Omit<HealthUpdate, 'kind' | 'interval' | 'timeout'> {
  readonly check: HealthKind;
  readonly profile?: keyof typeof HEALTH_PROFILES;
  /** Seconds, as in the file. */
  readonly interval?: number;
  readonly timeout?: number;
}
interface FileBackend {
  readonly address: string;
  readonly weight?: number;
  readonly state?: BackendState;
  readonly quicId?: string;
}
interface FileService {
  readonly id: number;
  readonly frontend: string;
  readonly mode?: Mode;
  readonly backends: readonly FileBackend[];
  readonly sourceAllow?: readonly string[];
  readonly sourceDeny?: readonly string[];
  readonly affinity?: number;
  readonly quic?: number;
  readonly health?: FileHealth;
}
interface FileConfig {
  readonly agent?: Readonly<Record<string, string | number | boolean>>;
  readonly mode: Mode;
  readonly deny?: readonly string[];
  readonly services: readonly FileService[];
}

let compiled: ValidateFunction | undefined;

function validator(): ValidateFunction {
  const { Ajv } = loadAjv();
  compiled ??= new Ajv({ allErrors: true, strict: false }).compile(CONFIG_SCHEMA);
  return compiled;
}

/** Errors that one message names; a file of another kind has thousands. */
const MOST_ERRORS = 10;

/** Throws FL_E_CONFIG with file, line and column of each error. `file` is what messages call the text. */
export function readConfig(text: string, file: string): Config {
  const placed = new PlacedText(text, file);
  const validate = validator();
  if (!validate(placed.value)) throw together((validate.errors ?? []).map((error) => describe(error, placed)));
  const config = placed.value as unknown as FileConfig;
  const errors: FairleadError[] = [];
  const services: Service[] = [];
  const frontends = new Map<string, number>();
  const ids = new Set<number>();
  config.services.forEach((one, index) => {
    const path: Path = ['services', index];
    try {
      const service = toService(one, path, placed);
      if (ids.has(one.id)) throw placed.errorAt([...path, 'id'], `service ${one.id} stands in the file twice`);
      ids.add(one.id);
      const frontend = formatFrontend(service.frontend);
      const owner = frontends.get(frontend);
      if (owner !== undefined) throw placed.errorAt([...path, 'frontend'], `${frontend} is the frontend of service ${owner} already`);
      frontends.set(frontend, one.id);
      services.push(service);
    } catch (error) {
      if (!(error instanceof FairleadError)) throw error;
      errors.push(error.code === 'FL_E_CONFIG' ? error : placed.errorAt(path, error.message, error.hint));
    }
  });
  const deny = attempt(
    errors,
    () => placed.errorAt.bind(placed, ['deny']),
    () => parsePrefixes(config.deny),
  );
  services.sort((a, b) => a.id - b.id);
  if (errors.length === 0) {
    let at = 0;
    const indexes = new Map(config.services.map(({ id }, index) => [id, index]));
    const note = ({ id }: Service) => {
      at = indexes.get(id) ?? 0;
    };
    attempt(
      errors,
      () => placed.errorAt.bind(placed, ['services', at]),
      () => validateServices(services, undefined, note),
    );
  }
  if (errors.length > 0) throw together(errors);
  return {
    state: { mode: config.mode, services, ...denyField(deny ?? []) },
    agentWords: Object.entries(config.agent ?? {}).map(([name, value]) => `--${name}=${value}`),
  };
}

function toService(one: FileService, path: Path, placed: PlacedText): Service {
  const at = <Value>(where: Path, read: () => Value): Value => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof FairleadError)) throw error;
      throw placed.errorAt([...path, ...where], error.message, error.hint);
    }
  };
  const backends = one.backends.map(({ address }, index) => at(['backends', index, 'address'], () => parseEndpoint(address)));
  const quicIds = one.backends.flatMap(({ quicId }, index) =>
    quicId === undefined ? [] : at(['backends', index, 'quicId'], () => parseQuicIds(quicId)),
  );
  const merged = mergeService(
    {
      id: one.id,
      frontend: at(['frontend'], () => parseFrontend(one.frontend)),
      backends,
      weights: one.backends.map(({ weight }) => weight ?? 1),
      mode: one.mode,
      sourceAllow: at(['sourceAllow'], () => parsePrefixes(one.sourceAllow)),
      sourceDeny: at(['sourceDeny'], () => parsePrefixes(one.sourceDeny)),
      affinity: one.affinity,
      quic: one.quic,
      quicIds: quicIds.length === 0 ? undefined : quicIds,
      health: one.health === undefined ? undefined : at(['health', 'path'], () => toHealth(one.health as FileHealth)),
    },
    undefined,
  );
  return {
    ...merged,
    backends: merged.backends.map((backend, index) => ({ ...backend, state: one.backends[index]?.state ?? backend.state })),
  };
}

function toHealth({ check, profile, interval, timeout, ...same }: FileHealth): HealthUpdate {
  const milliseconds = (seconds: number | undefined) => (seconds === undefined ? undefined : Math.round(seconds * 1000));
  checkHealthTexts(same, 'health');
  const own = { ...same, interval: milliseconds(interval), timeout: milliseconds(timeout) };
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return { ...HEALTH_PROFILES[profile ?? 'default'], ...given, kind: check };
}

function parsePrefixes(texts: readonly string[] | undefined): readonly string[] {
  return texts === undefined || texts.length === 0 ? [] : parseSourcePrefixes(texts.join(','));
}

/** `place`: asked when it failed. */
function attempt<Value>(
  errors: FairleadError[],
  place: () => (problem: string, hint?: string) => FairleadError,
  run: () => Value,
): Value | undefined {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof FairleadError)) throw error;
    errors.push(place()(error.message, error.hint));
    return undefined;
  }
}

/** What ajv found, in our words and at its place. */
function describe({ keyword, instancePath, params, message }: ErrorObject, placed: PlacedText): FairleadError {
  const path: Path = instancePath
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')));
  switch (keyword) {
    case 'additionalProperties': {
      const key = String(params['additionalProperty']);
      const known = knownKeys(path);
      const near = nearestWord(key, known);
      return placed.errorAtKey(
        path,
        key,
        'there is no such key',
        near === undefined ? `allowed: ${known.join(', ')}` : `did you mean ${near}?`,
      );
    }
    case 'required':
      return placed.errorAt(path, `${String(params['missingProperty'])} is missing`);
    case 'enum':
      return placed.errorAt(path, `${showFound(placed.value, path)} is not one of ${(params['allowedValues'] as string[]).join(', ')}`);
    case 'const':
      return placed.errorAt(path, `${showFound(placed.value, path)}: this program reads ${String(params['allowedValue'])}`);
    case 'type':
      return placed.errorAt(
        path,
        `${showFound(placed.value, path)} is no ${String(params['type']).replace('object', 'map of keys').replace('array', 'list').replaceAll(',', ' or ')}`,
      );
    default:
      return placed.errorAt(path, `${showFound(placed.value, path)} ${message ?? 'is wrong'}`);
  }
}

/** The keys that the schema has at a path. */
function knownKeys(path: Path): readonly string[] {
  let schema: { properties?: Record<string, object>; items?: object } = CONFIG_SCHEMA as never;
  for (const part of path) schema = (typeof part === 'number' ? schema.items : schema.properties?.[part]) ?? {};
  return Object.keys(schema.properties ?? {});
}

function showFound(value: unknown, path: Path): string {
  const found = path.reduce<unknown>((at, part) => (at as Record<string | number, unknown> | undefined)?.[part], value);
  return typeof found === 'object' && found !== null ? (Array.isArray(found) ? 'a list' : 'a map of keys') : showValue(String(found));
}

/** One error as it is; several as one that names each on a line of its own. */
function together(errors: readonly FairleadError[]): FairleadError {
  const [first] = errors;
  if (first !== undefined && errors.length === 1) return first;
  const lines = errors.slice(0, MOST_ERRORS).map(({ message, hint }) => `${message}${hint === undefined ? '' : ` (${hint})`}`);
  const more = errors.length > MOST_ERRORS ? [`and ${errors.length - MOST_ERRORS} more`] : [];
  return new FairleadError('FL_E_CONFIG', [`${errors.length} errors`, ...lines, ...more].join('\n  '), {
    hint: 'nothing of the file was used',
  });
}
