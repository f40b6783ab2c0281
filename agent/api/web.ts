// What may be read over the network when a flag says so: metrics and health. Nothing can be changed here.
// Imports fastify, agent/control/agent.ts, agent/model and its siblings.
// Invariant: GET and HEAD alone, and none of the API's paths.

import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { Agent } from '../control/agent.js';
import { FairleadError } from '../model/errors.js';
import { formatEndpoint } from '../model/format.js';
import type { Endpoint } from '../model/service.js';
import { makeMetrics, METRICS_TYPE } from './metrics.js';
import { toJson } from './wire.js';

/** Throws FL_E_SYSTEM when the address cannot be listened at. */
export async function serveWeb(agent: Agent, at: Endpoint, version: string): Promise<{ close(): Promise<void> }> {
  const app = buildWeb(agent, version);
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
export function buildWeb(agent: Agent, version: string): FastifyInstance {
  const app = Fastify({ bodyLimit: 1, forceCloseConnections: true });
  const metrics = makeMetrics(agent, version);
  app.setErrorHandler((error: FastifyError, _request, reply) =>
    reply
      .code(error.statusCode ?? 500)
      .type('text/plain')
      .send(`${error.message}\n`),
  );
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('there are /metrics and /healthz\n'));
  app.get('/metrics', async (_request, reply) => reply.type(METRICS_TYPE).send(await metrics()));
  /** 200 as long as the agent answers; what does not work as it should is in `warnings`, and is no reason to take the node away. */
  app.get('/healthz', async (_request, reply) => {
    const { instance, devices, warnings } = await agent.status();
    return reply.type('application/json').send(toJson({ version: 1, instance, devices: devices.length, warnings }));
  });
  return app;
}
