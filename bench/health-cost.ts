// What health checks cost the agent: the processor time of so many backends checked on this machine, by kind of check.
// Imports agent/health and agent/model. Servers run in a process of their own, so that their time is not counted.
// Run: npm run bench:health [-- BACKENDS SECONDS].
// Invariant: every backend was up at the end, else there is no figure.

import { fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HealthChecker } from '../agent/health/checker.js';
import { HEALTH_PROFILES, type HealthCheck } from '../agent/model/health.js';
import type { Service } from '../agent/model/service.js';

const PORTS = { tcp: 18001, http: 18002, udp: 18003, grpc: 18004 };
/** HealthCheckResponse { status: SERVING } behind gRPC's five bytes. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1]);

async function serve(): Promise<void> {
  const tcp = createServer((socket) => socket.on('error', () => {}).resume());
  const http = createHttpServer((_request, response) => response.end('ok'));
  const grpc = createHttp2Server();
  grpc.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(SERVING);
  });
  const udp = createSocket('udp4');
  udp.on('message', (message, { port, address }) => udp.send(message, port, address));
  const backlog = 4096;
  tcp.listen({ port: PORTS.tcp, backlog });
  http.listen({ port: PORTS.http, backlog });
  grpc.listen({ port: PORTS.grpc, backlog });
  udp.bind(PORTS.udp);
  await Promise.all([tcp, http, grpc, udp].map((server) => once(server, 'listening')));
  process.send?.('ready');
}

/** Percent of one core that `count` backends cost. They differ by their ports, and are all checked at one. */
async function measure(kind: keyof typeof PORTS, count: number, seconds: number): Promise<number> {
  const health: HealthCheck = { kind, ...HEALTH_PROFILES.default, allDown: 'open', port: PORTS[kind] };
  const backends = Array.from({ length: count }, (_, index) => ({
    address: '127.0.0.1',
    port: index + 1,
    weight: 1,
    state: 'active' as const,
  }));
  const service: Service = { id: 1, frontend: { address: '40.1.1.1', port: 80, protocol: 'tcp' }, backends, mode: undefined, health };
  const checker = new HealthChecker(() => {});
  checker.follow([service]);
  // Until all have been checked once, and the code is compiled.
  await sleep(4000);
  const before = process.cpuUsage();
  const began = performance.now();
  await sleep(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  const percent = (user + system) / (performance.now() - began) / 10;
  const failed = backends.filter((backend) => checker.statusOf(1, backend)?.state !== 'up');
  checker.close();
  if (failed[0] !== undefined) throw new Error(`${failed.length} backends are not up: ${checker.statusOf(1, failed[0])?.reason}`);
  return percent;
}

if (process.argv[2] === 'serve') await serve();
else {
  const [count = 1000, seconds = 10] = process.argv.slice(2).map(Number);
  const servers = fork(fileURLToPath(import.meta.url), ['serve']);
  await once(servers, 'message');
  try {
    process.stdout.write(`${count} backends, every 2 s, measured for ${seconds} s each; processor time of the agent's side\n`);
    for (const kind of Object.keys(PORTS) as (keyof typeof PORTS)[]) {
      process.stdout.write(`${kind.padEnd(5)} ${(await measure(kind, count, seconds)).toFixed(1).padStart(5)} % of one core\n`);
    }
  } finally {
    servers.kill();
  }
}
