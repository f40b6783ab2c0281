import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { spawnSync } from 'node:child_process';
import { createServer as createTlsServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Stop } from '../../../agent/health/attempt.js';
import { probe } from '../../../agent/health/probe.js';
import { skipTest } from '../../tools/skip.js';
import type { Subject } from '../../../agent/health/subject.js';
import { HEALTH_PROFILES, type HealthCheck } from '../../../agent/model/health.js';
import type { Endpoint } from '../../../agent/model/service.js';

const check = (more: Partial<HealthCheck>): HealthCheck => ({ kind: 'tcp', ...HEALTH_PROFILES.fast, allDown: 'open', ...more });
const of = (at: Endpoint, frontend = '40.1.1.1'): Subject => ({
  service: 7,
  frontend: { address: frontend, port: 80, protocol: 'tcp' },
  backend: at,
  at,
});
const never = new Stop();

/** A key and a certificate that it signed itself, which nobody trusts; undefined where there is nothing to make them with. */
function makeCertificate(): { readonly key: string; readonly cert: string } | undefined {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const made = spawnSync('openssl', ['req', '-x509', ...curve, '-nodes', '-subj', '/CN=nobody', '-keyout', '-', '-out', '-'], {
    encoding: 'utf8',
  });
  const [key, cert] = (made.stdout ?? '').split(/(?=-----BEGIN CERTIFICATE-----)/);
  return key && cert ? { key, cert } : undefined;
}

describe('a check', function () {
  this.timeout(20_000);
  const servers: Server[] = [];

  async function listen(server: Server): Promise<{ address: string; port: number }> {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { address, port } = server.address() as AddressInfo;
    return { address, port };
  }
  after(() => {
    for (const server of servers) server.close();
  });

  const reasonOf = (made: Promise<void>) =>
    made.then(
      () => 'passed',
      (error: Error) => error.message,
    );

  it('by TCP passes where a connection is accepted, and leaves none', async () => {
    const closed = new Promise<string>((resolve) => {
      servers.push(
        createServer((socket) => {
          let how = 'in order';
          socket.on('error', (error: NodeJS.ErrnoException) => {
            how = error.code ?? '';
          });
          socket.on('close', () => resolve(how));
          socket.resume();
        }),
      );
    });
    const at = await listen(servers.pop() as Server);
    assert.equal(await reasonOf(probe(check({}), of(at), never)), 'passed');
    assert.equal(await closed, 'ECONNRESET', 'reset, so that nothing rests in TIME_WAIT');
  });

  it('by TCP says why it failed', async () => {
    const server = createServer();
    const at = await listen(server);
    server.close();
    await once(server, 'close');
    assert.equal(await reasonOf(probe(check({}), of(at), never)), 'connection refused');
  });

  it('by HTTP asks for the path at the service’s name, and takes 200 to 399', async () => {
    const asked: string[] = [];
    const at = await listen(
      createHttpServer((request, response) => {
        asked.push(`${request.method} ${request.url} ${request.headers.host} ${request.headers.connection}`);
        response.writeHead(Number(request.url?.slice(1))).end('x'.repeat(1 << 20));
      }),
    );
    for (const [status, wanted] of [
      [200, 'passed'],
      [302, 'passed'],
      [404, 'status 404'],
      [503, 'status 503'],
    ] as const) {
      assert.equal(await reasonOf(probe(check({ kind: 'http', path: `/${status}` }), of(at), never)), wanted);
    }
    assert.equal(asked[0], 'GET /200 40.1.1.1 close');
    await probe(check({ kind: 'http', path: '/200' }), of(at, '2001:db8::1'), never);
    assert.match(asked.at(-1) ?? '', /\[2001:db8::1\]/);
  });

  it('by HTTP waits for the final status, in whatever pieces it comes, and knows what is no HTTP', async () => {
    const say = async (...pieces: readonly string[]) => {
      const server = createServer(async (socket) => {
        socket.on('error', () => {});
        for (const piece of pieces) {
          socket.write(piece);
          await sleep(10);
        }
        socket.end();
      });
      return reasonOf(probe(check({ kind: 'http' }), of(await listen(server)), never));
    };
    assert.equal(await say('HT', 'TP/1.1 10', '3 Early Hints\r\nLink: x\r\n', '\r\nHTTP/1.1 204 No Content\r\n\r\n'), 'passed');
    assert.equal(await say('HTTP/1.0 500\r\n'), 'status 500');
    assert.equal(await say('SSH-2.0-OpenSSH_9.2\r\n'), 'the answer is not HTTP');
    assert.equal(await say('HTTP/1.1 200'), 'closed without an answer');
    assert.equal(await say(), 'closed without an answer');
  });

  it('by HTTPS asks whatever certificate the server has', async function () {
    const certificate = makeCertificate();
    if (certificate === undefined) return skipTest(this, 'needs openssl for a certificate');
    const server = createTlsServer(certificate, (_request, response) => response.end());
    assert.equal(await reasonOf(probe(check({ kind: 'https', timeout: 5000 }), of(await listen(server)), never)), 'passed');
    const plain = await listen(createServer((socket) => socket.on('error', () => {}).end('no TLS')));
    assert.notEqual(await reasonOf(probe(check({ kind: 'https' }), of(plain), never)), 'passed');
  });

  it('fails in time where nobody answers, and ends at once when it is not wanted any more', async () => {
    const at = await listen(createServer((socket) => socket.on('error', () => {})));
    assert.equal(await reasonOf(probe(check({ kind: 'http' }), of(at), never)), 'no answer in 0.25 s');
    const stop = new Stop();
    const made = reasonOf(probe(check({ kind: 'http', timeout: 3_600_000 }), of(at), stop));
    stop.stop();
    assert.notEqual(await made, 'passed');
  });
});
