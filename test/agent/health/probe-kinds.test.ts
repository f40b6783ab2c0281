// Checks by UDP, gRPC and a program, against real servers and real processes.
// Imports agent/health and agent/model.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Stop } from '../../../agent/health/attempt.js';
import { probe } from '../../../agent/health/probe.js';
import { encodeRequest } from '../../../agent/health/probe-grpc.js';
import { HEALTH_PROFILES, type HealthCheck } from '../../../agent/model/health.js';

/** What a check of the backend at this port says. `stop`: of the backend's checks; by default this is the only one. */
async function outcome(check: Partial<HealthCheck>, port: number, stop?: Stop): Promise<string> {
  if (stop !== undefined) return ask(check, port, stop);
  const alone = new Stop();
  try {
    return await ask(check, port, alone);
  } finally {
    alone.stop();
  }
}

function ask(check: Partial<HealthCheck>, port: number, stop: Stop): Promise<string> {
  const backend = { address: '127.0.0.1', port };
  const subject = { service: 7, frontend: { address: '40.1.1.1', port: 53, protocol: 'udp' as const }, backend, at: backend };
  const whole: HealthCheck = { kind: 'udp', ...HEALTH_PROFILES.fast, allDown: 'open', ...check };
  return probe(whole, subject, stop).then(
    () => 'passed',
    (error: Error) => error.message,
  );
}

describe('a check by UDP', function () {
  this.timeout(20_000);
  const server = createSocket('udp4');
  const heard: Buffer[] = [];
  let port = 0;

  before(async () => {
    server.on('message', (message, { port: from }) => {
      heard.push(message);
      if (message.toString() !== 'silence') server.send('+PONG 1', from, '127.0.0.1');
    });
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    port = server.address().port;
  });
  after(() => server.close());

  it('sends what it is given, and passes where the answer contains what is expected', async () => {
    assert.equal(await outcome({ send: 'PING', expect: 'PONG' }, port), 'passed');
    assert.equal(heard.at(-1)?.toString(), 'PING');
    assert.equal(await outcome({ send: 'hex:00ff10', expect: 'hex:504f4e47' }, port), 'passed');
    assert.deepEqual(heard.at(-1), Buffer.from([0, 255, 16]));
    assert.equal(await outcome({}, port), 'passed', 'any answer');
    assert.equal(heard.at(-1)?.length, 0);
  });

  it('says why it failed: another answer, none, nobody there', async () => {
    assert.equal(await outcome({ expect: 'READY' }, port), 'answered without what is expected (7 bytes)');
    assert.equal(await outcome({ send: 'silence' }, port), 'no answer in 0.25 s');
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    const free = other.address().port;
    other.close();
    await once(other, 'close');
    assert.equal(await outcome({}, free), 'port unreachable');
  });
});

describe('a check by gRPC', function () {
  this.timeout(20_000);
  const asked: { path: string; authority: string; body: Buffer }[] = [];
  let server: Http2Server;
  let port = 0;
  /** How the server answers. */
  let reply = (stream: ServerHttp2Stream): void => stream.close();

  before(async () => {
    server = createServer();
    server.on('stream', async (stream, headers) => {
      const chunks: Buffer[] = [];
      for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
      asked.push({ path: String(headers[':path']), authority: String(headers[':authority']), body: Buffer.concat(chunks) });
      reply(stream);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  after(() => server.close());

  const answer =
    (message: readonly number[], code = '0') =>
    (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': code }));
      stream.end(Buffer.from([0, 0, 0, 0, message.length, ...message]));
    };

  it('passes where the health service says SERVING', async () => {
    reply = answer([8, 1]);
    assert.equal(await outcome({ kind: 'grpc' }, port), 'passed');
    assert.deepEqual(asked.at(-1), { path: '/grpc.health.v1.Health/Check', authority: '40.1.1.1', body: Buffer.alloc(5) });
    assert.equal(await outcome({ kind: 'grpc', grpcService: 'shop.Cart' }, port), 'passed');
    assert.deepEqual(asked.at(-1)?.body, Buffer.from('\0\0\0\0\x0b\x0a\x09shop.Cart'));
    // A field of later versions in front.
    reply = answer([0x12, 2, 0x68, 0x69, 8, 1]);
    assert.equal(await outcome({ kind: 'grpc' }, port), 'passed');
  });

  it('says what the server says when it does not serve', async () => {
    reply = answer([8, 2]);
    assert.equal(await outcome({ kind: 'grpc' }, port), 'NOT_SERVING');
    reply = answer([]);
    assert.equal(await outcome({ kind: 'grpc' }, port), 'UNKNOWN');
    reply = answer([8]);
    assert.equal(await outcome({ kind: 'grpc' }, port), 'the answer is no health answer');
    reply = (stream) => stream.respond({ ':status': 200, 'grpc-status': '12' }, { endStream: true });
    assert.equal(await outcome({ kind: 'grpc' }, port), 'gRPC status 12 UNIMPLEMENTED');
    reply = (stream) => stream.respond({ ':status': 404 }, { endStream: true });
    assert.equal(await outcome({ kind: 'grpc' }, port), 'status 404');
    reply = () => {};
    assert.equal(await outcome({ kind: 'grpc' }, port), 'no answer in 0.25 s');
  });

  it('keeps a connection while checks pass on it, and makes another when the server has closed it', async () => {
    const connections: ServerHttp2Session[] = [];
    const note = (session: ServerHttp2Session) => void connections.push(session);
    server.on('session', note);
    const stop = new Stop();
    const check = () => outcome({ kind: 'grpc' }, port, stop);
    reply = answer([8, 1]);
    assert.deepEqual([await check(), await check(), connections.length], ['passed', 'passed', 1]);
    connections[0]?.close();
    await once(connections[0] as ServerHttp2Session, 'close');
    assert.deepEqual([await check(), connections.length], ['passed', 2], 'closed while nothing was asked');
    // This time the client hears of it by the answer that it does not get.
    reply = (stream) => {
      reply = answer([8, 1]);
      stream.session?.destroy();
    };
    assert.deepEqual([await check(), connections.length], ['passed', 3], 'closed in the middle of a check');
    reply = (stream) => stream.session?.destroy();
    assert.match(await check(), /./);
    assert.equal(connections.length, 4, 'once more, and no further');
    reply = answer([8, 2]);
    assert.deepEqual(
      [await check(), await check(), connections.length],
      ['NOT_SERVING', 'NOT_SERVING', 6],
      'not kept after a check that fails',
    );
    reply = answer([8, 1]);
    assert.deepEqual([await check(), connections.length], ['passed', 7]);
    const closed = once(connections[6] as ServerHttp2Session, 'close');
    stop.stop();
    await closed;
    server.off('session', note);
  });

  it('fails where something else listens, or nothing', async () => {
    assert.notEqual(await outcome({ kind: 'grpcs' }, port), 'passed');
    assert.equal(await outcome({ kind: 'grpc' }, 1), 'connection refused');
  });

  it('names a service of more than 127 bytes', () => {
    const request = encodeRequest('x'.repeat(200));
    assert.deepEqual(request.subarray(0, 8), Buffer.from([0, 0, 0, 0, 203, 0x0a, 0xc8, 1]));
  });
});

describe('a check by a program', function () {
  this.timeout(20_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-exec-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A script and the path to it. */
  const script = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const run = (command: readonly string[], more: Partial<HealthCheck> = {}, stop?: Stop) =>
    outcome({ kind: 'exec', command, timeout: 5000, ...more }, 8080, stop);

  it('passes at exit status 0, and tells the program which backend it is about and nothing else', async () => {
    process.env['FAIRLEAD_TEST_SECRET'] = 'x';
    const said = join(folder, 'said');
    assert.equal(await run([script('tell', 'env > "$1"; echo "$2" >> "$1"; pwd >> "$1"'), said, '$(id) a b']), 'passed');
    delete process.env['FAIRLEAD_TEST_SECRET'];
    const lines = readFileSync(said, 'utf8').split('\n');
    for (const wanted of [
      'FAIRLEAD_SERVICE=7',
      'FAIRLEAD_FRONTEND=40.1.1.1:53/udp',
      'FAIRLEAD_BACKEND_ADDRESS=127.0.0.1',
      'FAIRLEAD_BACKEND_PORT=8080',
      '$(id) a b',
      '/',
    ])
      assert.ok(lines.includes(wanted), `${wanted} in ${lines.join('; ')}`);
    assert.ok(!lines.some((line) => line.includes('SECRET')));
  });

  it('says why it failed, with the first line of what the program said', async () => {
    assert.equal(await run([script('fail', 'echo "no replica"; echo more; exit 3')]), 'exit status 3: no replica');
    assert.equal(await run([script('odd', 'printf "\\033[31mred"; exit 1')]), 'exit status 1: ?[31mred');
    assert.equal(await run([script('killed', 'kill -TERM $$')]), 'ended by SIGTERM');
    assert.equal(await run(['/nonexistent/check']), '/nonexistent/check: no such program');
  });

  it('reads output without end, and keeps little of it', async () => {
    const flood = script('flood', 'yes 0123456789 | head -c 3000000; exit 1');
    assert.equal(await run([flood]), 'exit status 1: 0123456789');
  });

  it('is killed at the time limit, with what it started', async () => {
    const mark = join(folder, 'mark');
    const slow = script('slow', '(sleep 1; echo late > "$1") & sleep 30');
    const began = performance.now();
    assert.equal(await run([slow, mark], { timeout: 200 }), 'no answer in 0.2 s');
    assert.ok(performance.now() - began < 1000);
    await sleep(1300);
    assert.ok(!existsSync(mark), 'its child is gone too');
  });

  it('is killed when it is not wanted any more', async () => {
    const mark = join(folder, 'stopped');
    const stop = new Stop();
    const made = run([script('wait', 'sleep 0.5; echo late > "$1"'), mark], {}, stop);
    await sleep(100);
    stop.stop();
    assert.notEqual(await made, 'passed');
    await sleep(700);
    assert.ok(!existsSync(mark));
  });

  it('does not wait for a background process that keeps its output open', async () => {
    const began = performance.now();
    assert.equal(await run([script('daemon', 'sleep 20 & exit 0')]), 'passed');
    assert.ok(performance.now() - began < 2000);
  });
});
