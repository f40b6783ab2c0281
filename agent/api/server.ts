// The API's server: HTTP with JSON on a Unix socket, for whoever may open it.
// Imports fastify, agent/control/agent.ts, agent/model and its siblings.
// Invariant: what it is sent can fail a request, never the agent; it listens on no network address.

import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { Agent } from '../control/agent.js';
import type { Log } from '../control/log.js';
import { FairleadError } from '../model/errors.js';
import { makeMetrics, METRICS_TYPE } from './metrics.js';
import { addRoutes } from './routes.js';
import { API_VERSION, encodeError, ROOT, statusOfError, toJson } from './wire.js';

/** Ten thousand services of ten backends each. */
const MAX_BODY = 64 << 20;
const SOCKET_MODE = 0o660;
const OTHER_PATH = 'give another path with --api-socket, or end the program that has this one';

export interface ApiOptions {
  readonly path: string;
  /** Name of the group that may use the API beside root; undefined: the agent's own group. */
  readonly group: string | undefined;
  /** Of this agent, for the metrics. */
  readonly version: string;
  /** Called when a call has taken the data plane away. */
  readonly unloaded: () => void;
  /** Gets a line of each request. */
  readonly log?: Log;
}

export interface ApiServer {
  /** Ends what is being answered and takes the socket away. */
  close(): Promise<void>;
}

/** Throws FL_E_CONFLICT when another program answers at the socket, FL_E_NOT_FOUND for an unknown group, FL_E_UNSUPPORTED for a pipe's, FL_E_SYSTEM when it cannot be made. */
export async function serveApi(agent: Agent, { path, group, version, unloaded, log }: ApiOptions): Promise<ApiServer> {
  const gid = group === undefined ? undefined : findGroup(group, path);
  await makeRoom(path);
  const app = await buildApi(agent, version, unloaded, log);
  try {
    // Not recursive: where no folder can be made, as in /proc, Node.js 20 would try for ever.
    if (!isPipe(path) && !existsSync(dirname(path))) mkdirSync(dirname(path), 0o755);
    await app.listen({ path });
    if (gid !== undefined) chownSync(path, -1, gid);
    if (!isPipe(path)) chmodSync(path, SOCKET_MODE);
  } catch (error) {
    await app.close();
    // Taken since it was looked at, or by a pipe that has no room for one more who asks.
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw taken(path);
    throw new FairleadError('FL_E_SYSTEM', `API socket ${path} cannot be made: ${(error as Error).message}`, {
      hint: 'give another path with --api-socket',
      cause: error,
    });
  }
  return { close: () => app.close() };
}

/** The server without its socket: tests inject requests, the document is read from it. */
export async function buildApi(agent: Agent, version: string, unloaded: () => void, log: Log = () => {}): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit: MAX_BODY,
    forceCloseConnections: true,
    // Fastify would remove unknown fields and turn "1" into 1 in bodies; only what stands in paths and queries is text by nature.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array', allErrors: false, strict: false } },
  });
  app.addHook('onResponse', async ({ method, url }, { statusCode, elapsedTime }) => {
    log('debug', `${method} ${url.slice(0, 200)}`, { by: 'api', status: statusCode, milliseconds: Math.round(elapsedTime) });
  });
  app.setSerializerCompiler(() => toJson);
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const refused = error instanceof FairleadError ? error : (refusalOf(error) ?? error);
    return reply.code(statusOfError(refused)).send({ error: encodeError(refused) });
  });
  app.setNotFoundHandler((request, reply) => {
    const error = new FairleadError('FL_E_NOT_FOUND', `${request.method} ${request.url.slice(0, 200)}: there is no such path`, {
      hint: `GET ${ROOT}/openapi.json lists all paths`,
    });
    return reply.code(404).send({ error: encodeError(error) });
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Fairlead',
        version: String(API_VERSION),
        description:
          'The agent of one data plane, on its Unix socket. Forms of answers: docs/json.md. Texts of requests are those of the command line.',
      },
    },
  });
  const metrics = makeMetrics(agent, version);
  app.after(() => {
    addRoutes(app, agent, unloaded);
    app.get('/metrics', { schema: METRICS_SCHEMA }, async (_request, reply) => reply.type(METRICS_TYPE).send(await metrics()));
    app.get(`${ROOT}/openapi.json`, { schema: { summary: 'this document', response: { 200: { type: 'object' } } } }, () => app.swagger());
  });
  await app.ready();
  return app;
}

export const METRICS_SCHEMA = {
  summary: 'metrics for Prometheus (docs/metrics.md)',
  response: { 200: { description: 'Prometheus exposition format 0.0.4', content: { 'text/plain': { schema: { type: 'string' } } } } },
};

/** What fastify itself refused, in our own words: a body that is no JSON or breaks the schema, one that is too large. */
function refusalOf(error: FastifyError): FairleadError | undefined {
  const [issue] = error.validation ?? [];
  if (issue !== undefined) {
    const where = `${error.validationContext ?? 'request'}${issue.instancePath.replaceAll('/', '.')}`;
    const { additionalProperty, allowedValues } = issue.params as { additionalProperty?: string; allowedValues?: readonly string[] };
    const what = additionalProperty === undefined ? (issue.message ?? 'is wrong') : `has no field ${JSON.stringify(additionalProperty)}`;
    const hint = allowedValues === undefined ? `GET ${ROOT}/openapi.json has the schema` : `allowed: ${allowedValues.join(', ')}`;
    return new FairleadError('FL_E_VALUE', `${where} ${what}`, { hint });
  }
  if (error.statusCode === undefined || error.statusCode >= 500) return undefined;
  return new FairleadError('FL_E_VALUE', error.message, {
    hint: `send JSON of at most ${MAX_BODY >> 20} MiB, with content-type: application/json`,
  });
}

/** A named pipe of Windows is in no folder and has no mode: those who may use it are the administrators. */
const isPipe = (path: string): boolean => /^\\\\[.?]\\pipe\\/i.test(path);

/** Takes away the socket of an agent that is gone. Throws FL_E_CONFLICT when somebody answers, or when it is no socket. */
async function makeRoom(path: string): Promise<void> {
  if (isPipe(path)) {
    // It goes with its program. Windows would refuse a second one of its name by itself, Wine would not.
    if (await answers(path)) throw taken(path);
    return;
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new FairleadError('FL_E_CONFLICT', `API socket ${path}: there is a file of this name that is no socket`, { hint: OTHER_PATH });
  if (await answers(path)) throw taken(path);
  unlinkSync(path);
}

function taken(path: string): FairleadError {
  return new FairleadError('FL_E_CONFLICT', `API socket ${path}: another program answers there`, { hint: OTHER_PATH });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (result: boolean) => () => {
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', end(true));
    socket.on('error', end(false));
  });
}

/** Number of a group. Node.js has no call for it; names from elsewhere (LDAP) are given as a number. */
function findGroup(group: string, path: string): number {
  if (isPipe(path)) {
    throw new FairleadError('FL_E_UNSUPPORTED', `group ${group}: a named pipe belongs to no group`, {
      hint: 'leave --api-group out: administrators alone use the API here',
    });
  }
  if (/^\d+$/.test(group)) return Number(group);
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${group}:`));
  if (line !== undefined) return Number(line.split(':')[2]);
  throw new FairleadError('FL_E_NOT_FOUND', `group ${group}: there is none in /etc/group`, {
    hint: 'make it (groupadd --system), or give its number',
  });
}
