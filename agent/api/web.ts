// What may be read over the network when a flag says so: the page, metrics and health. Nothing can be changed here.
// Imports fastify, agent/control, agent/model and its siblings.
// Invariant: GET and HEAD alone, and none of the API's paths.

import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { Agent } from '../control/agent.js';
import { RecentLog } from '../control/recent-log.js';
import { FairleadError } from '../model/errors.js';
import { formatEndpoint } from '../model/format.js';
import type { Endpoint } from '../model/service.js';
import { type Pace, Sampler } from './live/sampler.js';
import { type ViewerLimits, Viewers } from './live/viewers.js';
import { makeMetrics, METRICS_TYPE } from './metrics.js';
import { readPageFiles } from './page-files.js';
import { MISDIRECTED, refuseHost, WEB_HEADERS } from './web-guard.js';
import { encodeError, statusOfError, toJson } from './wire.js';

/** Connections at a time: a browser opens six for each page. */
const MOST_CONNECTIONS = 256;
/** Milliseconds in which a request has to have come. */
const REQUEST_TIME = 10_000;
/** What monitoring asks for by whatever name it knows this node by. */
const BY_ANY_NAME: ReadonlySet<string> = new Set(['/metrics', '/healthz']);
/** HTTP's status where there are as many streams as there may be. */
const UNAVAILABLE = 503;

export interface WebOptions {
  /** Of this agent. */
  readonly version: string;
  /** What the page shows as the last events. */
  readonly recent?: RecentLog;
  /** Names, in small letters, that it may be asked for by; IP addresses and localhost it may be always. */
  readonly names?: readonly string[];
  readonly pace?: Pace;
  readonly limits?: Partial<ViewerLimits>;
}

/** Throws FL_E_SYSTEM when the address cannot be listened at. */
export async function serveWeb(agent: Agent, at: Endpoint, options: WebOptions): Promise<{ close(): Promise<void> }> {
  const app = buildWeb(agent, options);
  try {
    await app.listen({ host: at.address, port: at.port });
  } catch (error) {
    await app.close();
    throw new FairleadError('FL_E_SYSTEM', `--web=${formatEndpoint(at)}: ${(error as Error).message}`, {
      hint: 'give an address of this node and a port that is free',
      cause: error,
    });
  }
  return { close: () => app.close() };
}

/** The server without its address: tests inject requests. */
export function buildWeb(agent: Agent, { version, recent = new RecentLog(), names = [], pace, limits }: WebOptions): FastifyInstance {
  const app = Fastify({ bodyLimit: 1, forceCloseConnections: true, requestTimeout: REQUEST_TIME });
  app.server.maxConnections = MOST_CONNECTIONS;
  const metrics = makeMetrics(agent, version);
  const sampler = new Sampler(agent, { version, recent, ...(pace === undefined ? {} : { pace }) });
  const viewers = new Viewers(sampler, limits);
  // Before the connections are waited for: a stream does not end by itself.
  app.addHook('preClose', async () => {
    sampler.close();
    viewers.close();
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(WEB_HEADERS);
    const refused = BY_ANY_NAME.has(request.routeOptions.url ?? '') ? undefined : refuseHost(request.headers.host, names);
    if (refused !== undefined) return reply.code(MISDIRECTED).send({ error: encodeError(refused) });
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const code = error instanceof FairleadError ? statusOfError(error) : (error.statusCode ?? 500);
    const refused = code < 500 && !(error instanceof FairleadError) ? new FairleadError('FL_E_VALUE', error.message) : error;
    return reply.code(code).send({ error: encodeError(refused) });
  });
  app.setNotFoundHandler((request, reply) => {
    const error = new FairleadError('FL_E_NOT_FOUND', `${request.method} ${request.url.slice(0, 200)}: there is no such path`, {
      hint: 'there are the page (/), /metrics and /healthz',
    });
    return reply.code(404).send({ error: encodeError(error) });
  });
  for (const [path, { type, body }] of readPageFiles()) app.get(path, async (_request, reply) => reply.type(type).send(body));
  app.get('/metrics', async (_request, reply) => reply.type(METRICS_TYPE).send(await metrics()));
  /** 200 as long as the agent answers; what does not work as it should is in `warnings`, and is no reason to take the node away. */
  app.get('/healthz', async (_request, reply) => {
    const { instance, devices, warnings } = await agent.status();
    return reply.type('application/json').send(toJson({ version: 1, instance, devices: devices.length, warnings }));
  });
  // Without HEAD, which has no end here either.
  app.get('/live', { exposeHeadRoute: false }, (_request, reply) => {
    try {
      viewers.requireRoom();
    } catch (error) {
      return reply
        .code(UNAVAILABLE)
        .header('retry-after', '5')
        .send({ error: encodeError(error) });
    }
    reply.hijack();
    reply.raw.writeHead(200, { ...WEB_HEADERS, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    reply.raw.flushHeaders();
    viewers.add(reply.raw);
    return reply;
  });
  return app;
}
