// What server and client of the API share: where it is found, its media types, and how plain data crosses it.
// Imports agent/model and the calls' types of agent/control/agent.ts.
// Invariant: what is encoded here is decoded here to the same value, so a command cannot tell a remote agent from its own.

import type { BackendUpdate, ServiceUpdate } from '../control/agent.js';
import { ERROR_CODES, type ErrorCode, FairleadError } from '../model/errors.js';
import { formatEndpoint, formatFrontend } from '../model/format.js';
import type { HealthUpdate } from '../model/health.js';
import { checkHealthTexts } from '../model/parse-health.js';
import { parseEndpoint, parseFrontend, parseQuicIds, parseSourcePrefixes } from '../model/parse.js';
import type { BackendState, Mode } from '../model/service.js';

/** Version of paths and forms; those of the answers are docs/json.md's. */
export const API_VERSION = 1;
export const ROOT = `/v${API_VERSION}`;
/** Streams: one JSON value a line (https://jsonlines.org). */
export const JSON_LINES = 'application/jsonl';

/** Status of HTTP for an error; a code that is not named here is the server's failure. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  FL_E_USAGE: 400,
  FL_E_VALUE: 400,
  FL_E_NOT_FOUND: 404,
  FL_E_CONFLICT: 409,
  FL_E_LIMIT: 409,
  FL_E_PERMISSION: 403,
  FL_E_UNSUPPORTED: 501,
};

export interface WireError {
  readonly code: ErrorCode | 'FL_E_INTERNAL';
  readonly message: string;
  readonly hint: string | null;
}

export function statusOfError(error: unknown): number {
  return error instanceof FairleadError ? (STATUS[error.code] ?? 500) : 500;
}

/** A defect is told without its stack: that is for the agent's own log. */
export function encodeError(error: unknown): WireError {
  if (error instanceof FairleadError) return { code: error.code, message: error.message, hint: error.hint ?? null };
  return { code: 'FL_E_INTERNAL', message: error instanceof Error ? error.message : String(error), hint: null };
}

export function decodeError({ code, message, hint }: WireError): Error {
  if (!(code in ERROR_CODES)) return new Error(`the agent failed: ${message}`);
  return new FairleadError(code as ErrorCode, message, hint === null ? {} : { hint });
}

/** One line of JSON in which what is unknown is null, so that each object has all its keys. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, one) => (one === undefined ? null : one)) ?? 'null';
}

/** Reads what toJson wrote: null becomes undefined again, as the views never hold null. */
export function fromJson(text: string): unknown {
  return withoutNull(JSON.parse(text));
}

function withoutNull(value: unknown): unknown {
  if (value === null) return undefined;
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withoutNull);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutNull(one)]));
}

/** The body of a change to a service: its texts are those of the command line, what is absent stays as it is. */
export interface WireServiceUpdate {
  readonly frontend?: string;
  readonly backends?: readonly string[];
  readonly weights?: readonly number[];
  readonly mode?: Mode | 'default';
  readonly sourceAllow?: readonly string[];
  readonly sourceDeny?: readonly string[];
  readonly affinity?: number | 'none';
  readonly quic?: number | 'off';
  readonly quicIds?: readonly string[];
  readonly health?: HealthUpdate | 'none';
}

export function encodeServiceUpdate({ id: _id, frontend, backends, ...same }: ServiceUpdate): WireServiceUpdate {
  const body = { ...same, frontend: frontend && formatFrontend(frontend), backends: backends?.map(formatEndpoint) };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

/** Throws FL_E_VALUE. */
export function decodeServiceUpdate(id: number, body: WireServiceUpdate): ServiceUpdate {
  if (typeof body.health === 'object') checkHealthTexts(body.health, 'health');
  const { frontend, backends, sourceAllow, sourceDeny, quicIds, weights, mode, ...same } = body;
  return {
    id,
    frontend: frontend === undefined ? undefined : parseFrontend(frontend, 'frontend'),
    backends: backends?.map((text, index) => parseEndpoint(text, `backends[${index}]`)),
    weights,
    mode,
    ...same,
    ...(sourceAllow === undefined ? {} : { sourceAllow: decodePrefixes(sourceAllow, 'sourceAllow') }),
    ...(sourceDeny === undefined ? {} : { sourceDeny: decodePrefixes(sourceDeny, 'sourceDeny') }),
    ...(quicIds === undefined ? {} : { quicIds: quicIds.length === 0 ? [] : parseQuicIds(quicIds.join(','), 'quicIds') }),
  };
}

/** Throws FL_E_VALUE. In their order; none is a list too. */
export function decodePrefixes(texts: readonly string[], where: string): readonly string[] {
  return texts.length === 0 ? [] : parseSourcePrefixes(texts.join(','), where);
}

export interface WireBackendUpdate {
  readonly state?: BackendState;
  readonly weight?: number;
}

/** Throws FL_E_VALUE. `backend`: '20.1.1.10:80', as in the path. */
export function decodeBackendUpdate(id: number, backend: string, { state, weight }: WireBackendUpdate): BackendUpdate {
  return { id, backend: parseEndpoint(backend, 'backend'), state, weight };
}
