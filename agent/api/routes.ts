// The API's paths: what each takes, what it gives, and the agent's call behind it.
// Imports fastify's types, agent/control/agent.ts, agent/model and its siblings.
// Invariant: a path does nothing that a call of Agent does not; every answer has the form of docs/json.md.

import type { FastifyInstance, FastifySchema, HTTPMethods } from 'fastify';
import type { Agent, DenyUpdate } from '../control/agent.js';
import type { EventFilter, PacketEvent } from '../model/events.js';
import { usualKinds } from '../model/events.js';
import { parseStateJson } from '../control/state/desired-state.js';
import { parseQuicId } from '../model/parse.js';
import { buildQuestion, parseFlow } from '../model/parse-flow.js';
import { parsePrefix } from '../model/parse-prefix.js';
import { REASONS } from '../model/reasons.js';
import type { Mode } from '../model/service.js';
import * as schema from './schemas.js';
import { writeLines } from './stream.js';
import {
  API_VERSION,
  decodeBackendUpdate,
  decodePrefixes,
  decodeServiceUpdate,
  JSON_LINES,
  ROOT,
  type WireBackendUpdate,
  type WireServiceUpdate,
} from './wire.js';

interface Asked {
  readonly params: { readonly id: number; readonly backend: string; readonly address: string };
  readonly query: EventQuery;
  readonly body: unknown;
  /** Aborted when the client went away. */
  readonly gone: AbortSignal;
}

interface ExplainQuery extends Readonly<Record<'from' | 'to' | 'protocol', string>> {
  readonly bytes?: number;
  readonly quicId?: string;
}

type EventQuery = Partial<Omit<EventFilter, 'prefix'>> & { readonly prefix?: string };

interface Route {
  readonly method: HTTPMethods;
  readonly path: string;
  readonly summary: string;
  readonly takes?: Pick<FastifySchema, 'params' | 'body' | 'querystring'>;
  /** Of an answer at once. */
  readonly gives?: object;
  /** Of each line of a stream. */
  readonly lines?: object;
  readonly run: (agent: Agent, asked: Asked) => unknown;
}

/** Registers all paths. `unloaded` is called when the data plane was taken away by a call. */
export function addRoutes(app: FastifyInstance, agent: Agent, unloaded: () => void): void {
  for (const route of routes(unloaded)) {
    const { method, path, summary, takes = {}, gives, lines, run } = route;
    app.route({
      method,
      url: `${ROOT}${path}`,
      schema: {
        summary,
        ...takes,
        response: {
          200:
            lines === undefined
              ? gives
              : {
                  description: 'one JSON value a line; the last line is {"end":{"rows":N}}, or {"error":...}',
                  content: { [JSON_LINES]: { schema: lines } },
                },
          '4xx': schema.ERROR,
          '5xx': schema.ERROR,
        },
      },
      handler: async (request, reply) => {
        const gone = new AbortController();
        reply.raw.on('close', () => gone.abort());
        const asked = { params: request.params, query: request.query, body: request.body, gone: gone.signal } as Asked;
        const result = await run(agent, asked);
        if (lines === undefined) return { version: API_VERSION, ...(result as object) };
        return reply.type(JSON_LINES).send(writeLines(result as AsyncIterable<unknown>, path === '/events'));
      },
    });
  }
}

const ID = { params: schema.SERVICE_ID };

function routes(unloaded: () => void): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/status',
      summary: 'the data plane, its counters and its warnings',
      gives: schema.answer({ status: schema.STATUS }),
      run: async (agent) => ({ status: await agent.status() }),
    },
    {
      method: 'GET',
      path: '/services',
      summary: 'all services',
      gives: schema.answer({ services: { type: 'array', items: schema.SERVICE } }),
      run: async (agent) => ({ services: await agent.listServices() }),
    },
    {
      method: 'GET',
      path: '/services/:id',
      summary: 'one service with its backends',
      takes: ID,
      gives: schema.answer({ service: schema.SERVICE }),
      run: async (agent, { params }) => ({ service: await agent.getService(params.id) }),
    },
    {
      method: 'PATCH',
      path: '/services/:id',
      summary: 'create a service, or change what is given of one',
      takes: { ...ID, body: schema.SERVICE_UPDATE },
      gives: schema.answer({ service: schema.SERVICE, ...schema.CHANGE }),
      run: async (agent, { params, body }) => {
        const { view, outcome, warnings } = await agent.updateService(decodeServiceUpdate(params.id, body as WireServiceUpdate));
        return { service: view, outcome, warnings };
      },
    },
    {
      method: 'DELETE',
      path: '/services/:id',
      summary: 'take a service away; its flows end',
      takes: ID,
      gives: schema.answer({ service: schema.SERVICE }),
      run: async (agent, { params }) => ({ service: await agent.deleteService(params.id) }),
    },
    {
      method: 'GET',
      path: '/services/:id/flows',
      summary: 'the flows of a service, from the flow tables',
      takes: ID,
      lines: schema.FLOW,
      run: async (agent, { params }) => {
        await agent.getService(params.id);
        return agent.dumpState(params.id);
      },
    },
    {
      method: 'PATCH',
      path: '/services/:id/backends/:backend',
      summary: 'change state or weight of a backend',
      takes: { params: schema.BACKEND_PATH, body: schema.BACKEND_UPDATE },
      gives: schema.answer({ backend: schema.BACKEND, ...schema.CHANGE }),
      run: async (agent, { params, body }) => {
        const { view, outcome, warnings } = await agent.setBackend(
          decodeBackendUpdate(params.id, params.backend, body as WireBackendUpdate),
        );
        return { backend: view, outcome, warnings };
      },
    },
    {
      method: 'GET',
      path: '/backends',
      summary: 'the backends of all services',
      gives: schema.answer({ backends: { type: 'array', items: schema.BACKEND } }),
      run: async (agent) => ({ backends: await agent.listBackends() }),
    },
    {
      method: 'GET',
      path: '/flow-counts',
      summary: 'how many flows each backend has',
      gives: schema.answer({ flowCounts: { type: 'array', items: schema.FLOW_COUNT } }),
      run: async (agent) => ({ flowCounts: await agent.countFlows() }),
    },
    {
      method: 'GET',
      path: '/stats',
      summary: 'what services and backends counted, and how many flows they have',
      gives: schema.answer({ stats: schema.STATS }),
      run: async (agent) => ({ stats: await agent.readStats() }),
    },
    {
      method: 'GET',
      path: '/mode',
      summary: 'the mode of new flows',
      gives: schema.answer({ mode: schema.MODE }),
      run: async (agent) => ({ mode: await agent.getMode() }),
    },
    {
      method: 'PUT',
      path: '/mode',
      summary: 'switch the mode of new flows; others keep theirs',
      takes: { body: schema.MODE_UPDATE },
      gives: schema.answer({ mode: schema.MODE, before: schema.MODE }),
      run: (agent, { body }) => agent.setMode((body as { readonly mode: Mode }).mode),
    },
    {
      method: 'GET',
      path: '/deny',
      summary: 'prefixes whose clients no service takes',
      gives: schema.answer({ denied: schema.PREFIXES }),
      run: async (agent) => ({ denied: await agent.listDenied() }),
    },
    {
      method: 'PATCH',
      path: '/deny',
      summary: 'put prefixes on the list of denied clients, or take them off',
      takes: { body: schema.DENY_UPDATE },
      gives: schema.answer({ added: schema.PREFIXES, removed: schema.PREFIXES, count: { type: 'integer' } }),
      run: (agent, { body }) => {
        const { add = [], remove = [] } = body as Partial<DenyUpdate>;
        return agent.updateDenied({ add: decodePrefixes(add, 'add'), remove: decodePrefixes(remove, 'remove') });
      },
    },
    {
      method: 'GET',
      path: '/neighbors',
      summary: 'next hops towards the backends',
      gives: schema.answer({ neighbors: { type: 'array', items: schema.NEIGHBOUR } }),
      run: async (agent) => ({ neighbors: await agent.listNeighbours() }),
    },
    {
      method: 'POST',
      path: '/neighbors/:address/resolve',
      summary: "ask the network for this address's MAC again",
      takes: { params: schema.ADDRESS_PATH },
      gives: schema.answer({ neighbor: schema.NEIGHBOUR }),
      run: async (agent, { params }) => ({ neighbor: await agent.updateNeighbour(params.address) }),
    },
    {
      method: 'GET',
      path: '/events',
      summary: 'packets as the data plane handles them, until the client closes; one reader at a time',
      takes: { querystring: schema.EVENT_QUERY },
      lines: schema.EVENT_LINE,
      run: (agent, { query, gone }) => eventLines(agent, toFilter(query), gone),
    },
    {
      method: 'GET',
      path: '/explain',
      summary: 'what the program would do with the next packet of a flow, and why; it is run on a copy of it, and leaves no trace',
      takes: { querystring: schema.EXPLAIN_QUERY },
      gives: schema.answer({ explanation: schema.EXPLANATION }),
      run: async (agent, { query }) => {
        const { from, to, protocol, bytes, quicId } = query as unknown as ExplainQuery;
        const id = quicId === undefined ? undefined : parseQuicId(quicId, 'quicId');
        return { explanation: await agent.explainFlow(buildQuestion(parseFlow(`${from} ${to} ${protocol}`, 'query'), bytes, id)) };
      },
    },
    {
      method: 'GET',
      path: '/desired',
      summary: 'everything that was asked for: the content of the state file',
      gives: schema.answer({ desired: { type: 'object' } }),
      run: async (agent) => ({ desired: await agent.getDesired() }),
    },
    {
      method: 'PUT',
      path: '/desired',
      summary: 'make the desired state this one, all or nothing; dryRun: only say what would change',
      takes: { body: schema.DESIRED_UPDATE },
      gives: schema.answer({ difference: schema.DIFFERENCE }),
      run: async (agent, { body }) => {
        const { desired, dryRun = false } = body as { readonly desired: object; readonly dryRun?: boolean };
        return { difference: await agent.replaceDesired(parseStateJson(desired), dryRun) };
      },
    },
    {
      method: 'POST',
      path: '/unload',
      summary: 'take the data plane away: traffic stops, and the agent ends',
      gives: schema.answer({}),
      run: async (agent) => {
        await agent.unload();
        unloaded();
        return {};
      },
    },
  ];
}

function toFilter({ prefix, ...query }: EventQuery): EventFilter {
  const usual = usualKinds(REASONS.find(({ name }) => name === query.reason)?.kind);
  const { kinds = usual, sample = 1, rate = 1000, snap = 0, service, reason } = query;
  return { kinds, sample, rate, snap, service, reason, prefix: prefix === undefined ? undefined : parsePrefix(prefix, 'prefix') };
}

/** Each event, and {"losses":...} whenever more has been left out. */
function eventLines(agent: Agent, filter: EventFilter, gone: AbortSignal): AsyncIterable<unknown> {
  const watch = agent.watchEvents(filter, gone);
  const lines = async function* () {
    let told = 0;
    for await (const { view, packet } of watch as AsyncIterable<PacketEvent>) {
      const losses = watch.losses();
      if (losses.limited + losses.lost > told) yield { losses };
      told = losses.limited + losses.lost;
      yield { ...view, packet: Buffer.from(packet).toString('base64') };
    }
    yield { losses: watch.losses() };
  };
  return lines();
}
