// An agent in another process: each call of agent.ts as a request to its API.
// Imports node:http, agent/control/agent.ts, agent/model and its siblings; nothing heavy, as a command's answer waits for it.
// Invariant: a call answers, and fails, as the agent itself would.

import { type IncomingMessage, request } from 'node:http';
import type { Agent, BackendUpdate, Change, DenyChange, DenyUpdate, EventWatch, ServiceUpdate, StateDifference } from '../control/agent.js';
import { FairleadError } from '../model/errors.js';
import type { EventFilter, EventLosses, EventView, PacketEvent } from '../model/events.js';
import type { ExplanationView, FlowQuestion } from '../model/explanation.js';
import { formatEndpoint } from '../model/format.js';
import type { DesiredState, Mode } from '../model/service.js';
import type { StatsView } from '../model/stats.js';
import type { BackendView, FlowCount, FlowView, NeighbourView, ServiceView, StatusView } from '../model/views.js';
import { readLines } from './stream.js';
import { decodeError, encodeServiceUpdate, fromJson, ROOT, type WireError } from './wire.js';

export class RemoteAgent implements Agent {
  readonly #socket: string;

  /** `socket`: path of the agent's API. Nothing is asked yet. */
  constructor(socket: string) {
    this.#socket = socket;
  }

  async updateService(update: ServiceUpdate): Promise<Change<ServiceView>> {
    const { service, ...change } = await this.#ask<ServiceChange>('PATCH', `/services/${update.id}`, encodeServiceUpdate(update));
    return { view: service, ...change };
  }

  async deleteService(id: number): Promise<ServiceView> {
    return (await this.#ask<{ service: ServiceView }>('DELETE', `/services/${id}`)).service;
  }

  async getService(id: number): Promise<ServiceView> {
    return (await this.#ask<{ service: ServiceView }>('GET', `/services/${id}`)).service;
  }

  async listServices(): Promise<readonly ServiceView[]> {
    return (await this.#ask<{ services: ServiceView[] }>('GET', '/services')).services;
  }

  async *dumpState(id: number): AsyncIterable<FlowView> {
    yield* readLines(await this.#open('GET', `/services/${id}/flows`)) as AsyncIterable<FlowView>;
  }

  async setBackend({ id, backend, state, weight }: BackendUpdate): Promise<Change<BackendView>> {
    const path = `/services/${id}/backends/${encodeURIComponent(formatEndpoint(backend))}`;
    const { backend: view, ...change } = await this.#ask<BackendChange>('PATCH', path, { state, weight });
    return { view, ...change };
  }

  async countFlows(): Promise<readonly FlowCount[]> {
    return (await this.#ask<{ flowCounts: FlowCount[] }>('GET', '/flow-counts')).flowCounts;
  }

  async readStats(): Promise<StatsView> {
    return (await this.#ask<{ stats: StatsView }>('GET', '/stats')).stats;
  }

  async listBackends(): Promise<readonly BackendView[]> {
    return (await this.#ask<{ backends: BackendView[] }>('GET', '/backends')).backends;
  }

  async getMode(): Promise<Mode> {
    return (await this.#ask<{ mode: Mode }>('GET', '/mode')).mode;
  }

  async setMode(mode: Mode): Promise<{ readonly mode: Mode; readonly before: Mode }> {
    return await this.#ask('PUT', '/mode', { mode });
  }

  async listDenied(): Promise<readonly string[]> {
    return (await this.#ask<{ denied: string[] }>('GET', '/deny')).denied;
  }

  async updateDenied(update: DenyUpdate): Promise<DenyChange> {
    return await this.#ask('PATCH', '/deny', update);
  }

  async listNeighbours(): Promise<readonly NeighbourView[]> {
    return (await this.#ask<{ neighbors: NeighbourView[] }>('GET', '/neighbors')).neighbors;
  }

  async updateNeighbour(address: string): Promise<NeighbourView> {
    return (await this.#ask<{ neighbor: NeighbourView }>('POST', `/neighbors/${encodeURIComponent(address)}/resolve`)).neighbor;
  }

  async status(): Promise<StatusView> {
    return (await this.#ask<{ status: StatusView }>('GET', '/status')).status;
  }

  async explainFlow({ bytes, quicId, ...flow }: FlowQuestion): Promise<ExplanationView> {
    const from = formatEndpoint({ address: flow.source, port: flow.sourcePort });
    const to = formatEndpoint({ address: flow.destination, port: flow.destinationPort });
    const query = new URLSearchParams({ from, to, protocol: flow.protocol });
    if (bytes !== undefined) query.set('bytes', String(bytes));
    if (quicId !== undefined) query.set('quicId', quicId);
    return (await this.#ask<{ explanation: ExplanationView }>('GET', `/explain?${query}`)).explanation;
  }

  watchEvents(filter: EventFilter, signal: AbortSignal): EventWatch {
    let losses: EventLosses = { limited: 0, lost: 0 };
    const open = () => this.#open('GET', `/events?${queryOf(filter)}`, undefined, signal);
    const events = async function* (): AsyncGenerator<PacketEvent> {
      try {
        for await (const line of readLines(await open())) {
          const { losses: told, packet, ...view } = line as EventView & { readonly losses?: EventLosses; readonly packet: string };
          if (told === undefined) yield { view, packet: Buffer.from(packet, 'base64') };
          else losses = told;
        }
      } catch (error) {
        // Ctrl-C is the usual end of a watch.
        if (!signal.aborted) throw error;
      }
    };
    return { losses: () => losses, [Symbol.asyncIterator]: events };
  }

  async getDesired(): Promise<DesiredState> {
    return (await this.#ask<{ desired: DesiredState }>('GET', '/desired')).desired;
  }

  async replaceDesired(desired: DesiredState, dryRun: boolean): Promise<StateDifference> {
    return (await this.#ask<{ difference: StateDifference }>('PUT', '/desired', { desired, dryRun })).difference;
  }

  async unload(): Promise<void> {
    await this.#ask('POST', '/unload');
  }

  /** The other process goes on. */
  async close(): Promise<void> {}

  async #ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    return fromJson(await textOf(await this.#open(method, path, body))) as Answer;
  }

  /** The answer's stream. Throws what the agent answered as an error, and FL_E_NO_AGENT when none answers. */
  async #open(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        socketPath: this.#socket,
        method,
        path: `${ROOT}${path}`,
        headers,
        agent: false,
        servername: '', // or Node works it out, for TLS, by a regular expression that takes milliseconds to compile
        ...(signal === undefined ? {} : { signal }),
      };
      const asked = request(options, resolve);
      asked.on('error', (error: NodeJS.ErrnoException) => reject(this.#failure(error)));
      asked.end(text);
    });
    if (response.statusCode === 200) return response;
    throw decodeError((fromJson(await textOf(response)) as { readonly error: WireError }).error);
  }

  #failure(error: NodeJS.ErrnoException): Error {
    // EPERM: so Windows says it of a pipe.
    if (error.code === 'EACCES' || error.code === 'EPERM') {
      return new FairleadError('FL_E_PERMISSION', `agent at ${this.#socket}: you may not open its socket`, {
        hint: 'run this as root (on Windows as an administrator), or as a member of the group that the agent was given with --api-group',
        cause: error,
      });
    }
    const why = error.code === 'ENOENT' ? 'no agent runs there' : error.code === 'ECONNREFUSED' ? 'its agent has ended' : error.message;
    return new FairleadError('FL_E_NO_AGENT', `agent at ${this.#socket}: ${why}`, {
      hint: 'start one: fairlead agent --device=eth0; of another instance: --instance=NAME',
      cause: error,
    });
  }
}

type ServiceChange = Omit<Change<ServiceView>, 'view'> & { readonly service: ServiceView };
type BackendChange = Omit<Change<BackendView>, 'view'> & { readonly backend: BackendView };

function queryOf({ kinds, prefix, ...rest }: EventFilter): string {
  const query = new URLSearchParams();
  for (const kind of kinds) query.append('kinds', kind);
  if (prefix !== undefined) query.append('prefix', `${prefix.address}/${prefix.length}`);
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) query.append(name, String(value));
  return query.toString();
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
