// Health checks from text and to text: flags, a file's words, lines of tables.
// Imports its siblings only.
// Invariant: every refusal is FL_E_VALUE, names the value as it was given and says what would be right.

import { HEALTH_KINDS, type HealthCheck, type HealthUpdate, LARGEST_JITTER } from './health.js';
import { parseInteger, parseWord, valueError } from './parse-value.js';

const MOST_PAYLOAD = 1024;
const MOST_ARGUMENTS = 64;
const LONGEST_ARGUMENT = 4096;

/** 'tcp', 'http:/PATH', 'https:/PATH', 'udp', 'grpc:SERVICE', 'grpcs:SERVICE', 'exec', 'none'. */
export function parseHealth(text: string, where?: string): HealthUpdate | 'none' {
  if (text === 'none') return 'none';
  const [word = '', ...rest] = text.split(':');
  const kind = parseWord(word, 'health check', HEALTH_KINDS, where);
  if (rest.length === 0) return { kind };
  const detail = rest.join(':');
  switch (kind) {
    case 'http':
    case 'https':
      return { kind, path: parsePath(detail, where) };
    case 'grpc':
    case 'grpcs':
      return { kind, grpcService: parseGrpcService(detail, where) };
    case 'udp':
      throw valueError('health check', text, 'udp has nothing behind it', where, 'use --health-send and --health-expect');
    case 'exec':
      throw valueError('health check', text, 'exec has nothing behind it', where, 'use --health-command');
    case 'tcp':
      throw valueError('health check', text, 'tcp has no path', where, 'give tcp, or http:/PATH');
  }
}

/** A path with its query, as a request line has it (RFC 9112, section 3.2.1). */
export function parsePath(text: string, where?: string): string {
  if (/^\/[\x21-\x7e]*$/.test(text) && text.length <= 1024) return text;
  throw valueError('path', text, 'not a path of visible ASCII that begins with /', where, 'for example http:/healthz');
}

/** The name of a gRPC service; empty: the server as a whole. */
export function parseGrpcService(text: string, where?: string): string {
  if (/^[\x21-\x7e]{0,256}$/.test(text)) return text;
  throw valueError('gRPC service', text, 'not a name of at most 256 visible ASCII characters', where, 'for example grpc:shop.Cart');
}

/** Text, or 'hex:0a0b', kept as it was given. Empty: none. */
export function parsePayload(text: string, where?: string): string {
  if (text.startsWith('hex:') && !/^hex:(?:[0-9a-fA-F]{2})*$/.test(text)) {
    throw valueError('payload', text, 'not pairs of hexadecimal digits behind hex:', where, 'for example hex:0a0b0c');
  }
  if (payloadBytes(text).length <= MOST_PAYLOAD) return text;
  throw valueError('payload', text, `longer than ${MOST_PAYLOAD} bytes`, where);
}

/** The bytes that a payload stands for. */
export function payloadBytes(text: string): Buffer {
  return text.startsWith('hex:') ? Buffer.from(text.slice(4), 'hex') : Buffer.from(text);
}

/** A JSON array of texts: the program's path, absolute, and its arguments. */
export function parseCommand(text: string, where?: string): readonly string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const problem = findCommandProblem(json);
  if (problem === undefined) return json as readonly string[];
  throw valueError('command', text, problem, where, `for example '["/usr/local/bin/check","--fast"]'`);
}

/** Why this is no command; undefined: it is one. `system`: as process.platform names it. */
export function findCommandProblem(json: unknown, system: string = process.platform): string | undefined {
  const texts = Array.isArray(json) && json.length > 0 && json.every((one) => typeof one === 'string');
  if (!texts) return 'not a JSON array of texts';
  const [program, ...others] = json as readonly string[];
  if (!(system === 'win32' ? /^[a-z]:[\\/]/i : /^\//).test(program ?? '')) return 'the program is not an absolute path';
  if (others.length > MOST_ARGUMENTS) return `more than ${MOST_ARGUMENTS} arguments`;
  if (json.some((one: string) => one.length > LONGEST_ARGUMENT || one.includes('\0'))) {
    return `an argument is longer than ${LONGEST_ARGUMENT} characters, or has a zero byte`;
  }
  return undefined;
}

/** Seconds, whole or with up to three decimals, 0.05 to 3600, as milliseconds. */
export function parseSpan(text: string, where?: string): number {
  const milliseconds = /^\d{1,4}(?:\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : Number.NaN;
  if (milliseconds >= 50 && milliseconds <= 3_600_000) return milliseconds;
  throw valueError('seconds', text, 'not a number from 0.05 to 3600', where, 'for example 2 or 0.25');
}

export function parseTimes(text: string, where?: string): number {
  return parseInteger(text, { kind: 'number', min: 1, max: 100 }, where);
}

export function parseJitter(text: string, where?: string): number {
  return parseInteger(text, { kind: 'percent', min: 0, max: LARGEST_JITTER }, where);
}

/** 'http:/healthz, every 2 s, timeout 1 s, up after 2, down after 3, all down: open'; what is as usual is left out behind it. */
export function formatHealth(check: HealthCheck): string {
  const { kind, path, grpcService, command, port, interval, timeout, rise, fall, allDown, jitter, initial, flows, through } = check;
  const detail = path ?? grpcService ?? (command && JSON.stringify(command));
  const what = `${kind}${detail === undefined ? '' : `:${detail}`}${port === undefined ? '' : ` at port ${port}`}`;
  const more = [
    through === 'dsr' ? ', by way of DSR' : '',
    jitter === undefined ? '' : `, jitter ${jitter} %`,
    initial === 'down' ? ', at first down' : '',
    flows === 'end' ? ', down ends flows' : '',
  ];
  return `${what}, every ${interval / 1000} s, timeout ${timeout / 1000} s, up after ${rise}, down after ${fall}, all down: ${allDown}${more.join('')}`;
}

/** Checks the texts of what came as JSON. Throws FL_E_VALUE naming the field below `where`. */
export function checkHealthTexts({ path, send, expect, grpcService, command }: HealthUpdate, where: string): void {
  if (path !== undefined) parsePath(path, `${where}.path`);
  if (send !== undefined) parsePayload(send, `${where}.send`);
  if (expect !== undefined) parsePayload(expect, `${where}.expect`);
  if (grpcService !== undefined) parseGrpcService(grpcService, `${where}.grpcService`);
  const problem = command === undefined ? undefined : findCommandProblem(command);
  if (problem !== undefined) throw valueError('command', JSON.stringify(command), problem, `${where}.command`);
}
