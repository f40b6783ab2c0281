// The check by gRPC: grpc.health.v1.Health/Check says SERVING (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
// Imports node:http2, agent/model and its siblings.
// Invariant: a check's stream is gone when it has ended; its connection stays for the next check only if this one passed.
// A connection of its own for each check costs twice the processor time (bench/health-cost.ts). One that its server has closed meanwhile, as servers do
// with idle ones, says nothing against the server: the check is made again on a new one.
// By hand over node:http2: the two messages have one field each, and @grpc/grpc-js with its loader weighs more than the whole agent.

import { type ClientHttp2Session, connect, constants } from 'node:http2';
import type { HealthCheck } from '../model/health.js';
import { attempt, type Stop, textOf } from './attempt.js';
import { authority } from './probe-http.js';
import type { Subject } from './subject.js';

const PATH = '/grpc.health.v1.Health/Check';
/** HealthCheckResponse.ServingStatus. */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const SERVING = 1;
/** grpc-status of what a server without the service, or without health checks, answers. */
const CODES: Readonly<Record<string, string>> = { 5: 'NOT_FOUND', 12: 'UNIMPLEMENTED', 14: 'UNAVAILABLE' };
const LARGEST_ANSWER = 4096;

/** The connection on which the last check passed, by what ends the checks of its backend. */
const kept = new WeakMap<Stop, ClientHttp2Session>();

export function probeGrpc(check: HealthCheck, subject: Subject, stop: Stop): Promise<void> {
  return attempt(check.timeout, stop, (end) => {
    const before = usable(kept.get(stop));
    let session = before ?? open(check, subject, stop);
    let passed = false;
    const done = (failure?: string) => {
      passed = failure === undefined;
      end(failure);
    };
    const first = (failure?: string, answered?: boolean) => {
      if (failure === undefined || answered || session !== before) return done(failure);
      session.destroy();
      session = open(check, subject, stop);
      giveUp = ask(session, check, subject, done);
    };
    let giveUp = ask(session, check, subject, first);
    return () => {
      giveUp();
      if (!passed) session.destroy();
    };
  });
}

/** One that was destroyed just now is told of a little later. */
function usable(session: ClientHttp2Session | undefined): ClientHttp2Session | undefined {
  return session === undefined || session.closed || session.destroyed ? undefined : session;
}

/** A connection that is kept until it closes, or is destroyed, or `stop`. */
function open({ kind }: HealthCheck, { at }: Subject, stop: Stop): ClientHttp2Session {
  const scheme = kind === 'grpcs' ? 'https' : 'http';
  // Whether a server is alive is asked here, not who it is.
  const session = connect(`${scheme}://${authority(at.address)}:${at.port}`, { rejectUnauthorized: false });
  const finish = () => session.destroy();
  const forget = () => {
    if (kept.get(stop) === session) kept.delete(stop);
    stop.forget(finish);
  };
  kept.set(stop, session);
  stop.add(finish);
  session.unref();
  session.on('close', forget);
  // No new stream may begin on it.
  session.on('goaway', forget);
  // A check that is under way hears of it by its stream.
  session.on('error', forget);
  return session;
}

/** `done` is called once: with what speaks against the server, and whether that is an answer of its own. Returns what gives the stream up. */
function ask(
  session: ClientHttp2Session,
  { grpcService }: HealthCheck,
  { frontend }: Subject,
  done: (failure?: string, answered?: boolean) => void,
): () => void {
  const stream = session.request({
    ':method': 'POST',
    ':path': PATH,
    ':authority': authority(frontend.address),
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'fairlead',
  });
  const chunks: Buffer[] = [];
  let status = 0;
  let code: string | undefined;
  let ended = false;
  const finish = (failure: string | undefined, answered: boolean) => {
    if (ended) return;
    ended = true;
    done(failure, answered);
  };
  const note = (headers: Readonly<Record<string, unknown>>) => {
    code = headers['grpc-status'] === undefined ? code : String(headers['grpc-status']);
  };
  stream.on('response', (headers) => {
    status = headers[':status'] ?? 0;
    note(headers);
  });
  stream.on('trailers', note);
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    if (chunks.reduce((sum, { length }) => sum + length, 0) > LARGEST_ANSWER) finish('the answer is no health answer: too long', true);
  });
  // Of a connection that failed, the stream tells only that; its cause says why.
  stream.on('error', (error: Error) => finish(textOf(error.cause instanceof Error ? error.cause : error), false));
  stream.on('end', () => {
    if (status === 0) finish('closed without an answer', false);
    else finish(failureOf(status, code, Buffer.concat(chunks)), true);
  });
  stream.end(encodeRequest(grpcService ?? ''));
  return () => {
    ended = true;
    stream.close(constants.NGHTTP2_CANCEL);
  };
}

/** HealthCheckRequest { string service = 1; } behind gRPC's five bytes: not compressed, length. */
export function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a]), encodeVarint(name.length), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Undefined: it serves. `code`: grpc-status, absent where the server sent none. */
function failureOf(status: number, code: string | undefined, body: Buffer): string | undefined {
  if (status !== 200) return `status ${status}`;
  if (code !== '0') return code === undefined ? 'no gRPC server answered' : `gRPC status ${code}${code in CODES ? ` ${CODES[code]}` : ''}`;
  const serving = decodeAnswer(body);
  if (serving === undefined) return 'the answer is no health answer';
  return serving === SERVING ? undefined : (STATUSES[serving] ?? `health status ${serving}`);
}

/** HealthCheckResponse { ServingStatus status = 1; } behind gRPC's five bytes; undefined: it is not one. An absent field is 0. */
function decodeAnswer(body: Buffer): number | undefined {
  if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5) return undefined;
  let status = 0;
  for (let at = 5; at < body.length; ) {
    const [key, afterKey] = decodeVarint(body, at);
    const [value, afterValue] = decodeVarint(body, afterKey);
    switch (key & 7) {
      case 0:
        if (key >> 3 === 1) status = value;
        at = afterValue;
        break;
      case 1:
        at = afterKey + 8;
        break;
      case 2:
        at = afterValue + value;
        break;
      case 5:
        at = afterKey + 4;
        break;
      default:
        return undefined;
    }
    if (at > body.length) return undefined;
  }
  return status;
}

function encodeVarint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}

/** The number at `from` (its low 32 bits are enough here) and where the next one begins, behind the end where it is cut off. */
function decodeVarint(bytes: Buffer, from: number): readonly [value: number, next: number] {
  let value = 0;
  for (let at = from, shift = 0; at < bytes.length; at++, shift += 7) {
    const byte = bytes[at] ?? 0;
    if (shift < 32) value |= (byte & 127) << shift;
    if (byte < 128) return [value >>> 0, at + 1];
  }
  return [0, bytes.length + 1];
}
