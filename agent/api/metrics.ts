// What Prometheus reads: the agent's answers as metrics. docs/metrics.md is made of METRICS.
// Imports prom-client, agent/control/agent.ts and agent/model.
// Invariant: every number of the data plane is read from the agent at the time of asking.

import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Agent } from '../control/agent.js';
import { formatEndpoint, formatFrontend } from '../model/format.js';
import { isReady } from '../model/ready.js';
import { type BackendStats, REFUSAL_REASONS, type ServiceStats, type StatsView, type Traffic } from '../model/stats.js';
import type { BackendView, ServiceView, StatusView } from '../model/views.js';

/** What one reading is made of. */
interface Reading {
  readonly status: StatusView;
  readonly services: readonly ServiceView[];
  readonly stats: StatsView;
  readonly version: string;
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

export interface Metric {
  /** Behind the prefix 'fairlead_'. */
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (reading: Reading) => readonly Sample[];
}

const one = (value: number): readonly Sample[] => [[{}, value]];
const backendsOf = ({ services }: Reading): readonly BackendView[] => services.flatMap(({ backends }) => backends);
const backendLabels = (backend: { readonly service: number; readonly address: string; readonly port: number }): Labels => ({
  service: String(backend.service),
  backend: formatEndpoint(backend),
});

export const METRICS: readonly Metric[] = [
  {
    name: 'build_info',
    kind: 'gauge',
    help: 'always 1; the version of the agent and of Node.js',
    labels: ['version', 'node'],
    read: ({ version }) => [[{ version, node: process.versions.node }, 1]],
  },
  {
    name: 'program_info',
    kind: 'gauge',
    help: 'always 1; the program that forwards',
    labels: ['name', 'id', 'digest'],
    read: ({ status: { program } }) => [[{ name: program.name, id: String(program.id), digest: program.digest }, 1]],
  },
  {
    name: 'program_verified_instructions',
    kind: 'gauge',
    help: 'instructions that the verifier processed',
    labels: [],
    read: ({ status }) => one(status.program.instructions),
  },
  {
    name: 'mode_info',
    kind: 'gauge',
    help: 'always 1; the mode of new flows, and how DSR reaches a backend',
    labels: ['mode', 'dispatch'],
    read: ({ status: { mode, dispatch } }) => [[{ mode, dispatch }, 1]],
  },
  {
    name: 'device_info',
    kind: 'gauge',
    help: 'always 1; a device that the program runs on',
    labels: ['device', 'xdp_mode'],
    read: ({ status }) => status.devices.map(({ name, xdpMode }) => [{ device: name, xdp_mode: xdpMode }, 1]),
  },
  {
    name: 'packets_total',
    kind: 'counter',
    help: 'packets by the reason that their way ended with (docs/errors.md); kind: forward, pass or drop',
    labels: ['reason', 'kind'],
    read: ({ status }) => status.counters.map(({ name, kind, packets }) => [{ reason: name, kind }, packets]),
  },
  {
    name: 'bytes_total',
    kind: 'counter',
    help: 'bytes of the same frames, as received',
    labels: ['reason', 'kind'],
    read: ({ status }) => status.counters.map(({ name, kind, bytes }) => [{ reason: name, kind }, bytes]),
  },
  {
    name: 'table_entries',
    kind: 'gauge',
    help: 'entries of a table of the data plane',
    labels: ['table'],
    read: ({ status }) => status.tables.map(({ name, entries }) => [{ table: name }, entries]),
  },
  {
    name: 'table_limit',
    kind: 'gauge',
    help: 'entries that the table has room for',
    labels: ['table'],
    read: ({ status }) => status.tables.map(({ name, limit }) => [{ table: name }, limit]),
  },
  {
    name: 'snat_ports_used',
    kind: 'gauge',
    help: 'SNAT ports in use towards the backend of a family that has most',
    labels: ['family', 'backend', 'protocol'],
    read: ({ status }) => status.snatPorts.map((gauge) => [portLabels(gauge), gauge.inUse]),
  },
  {
    name: 'snat_ports_limit',
    kind: 'gauge',
    help: 'SNAT ports that there are towards it',
    labels: ['family', 'backend', 'protocol'],
    read: ({ status }) => status.snatPorts.map((gauge) => [portLabels(gauge), gauge.limit]),
  },
  {
    name: 'services',
    kind: 'gauge',
    help: 'services',
    labels: [],
    read: ({ services }) => one(services.length),
  },
  {
    name: 'backend_flows',
    kind: 'gauge',
    help: 'flows of a backend',
    labels: ['service', 'backend'],
    read: (reading) => countedBackends(reading).map((backend) => [backendLabels(backend), backend.flows]),
  },
  {
    name: 'backend_packets_total',
    kind: 'counter',
    help: 'packets of a backend that were sent on; direction: request or reply (replies pass here under SNAT alone)',
    labels: ['service', 'backend', 'direction'],
    read: (reading) => countedBackends(reading).flatMap((backend) => bothWays(backendLabels(backend), backend, 'packets', 'replyPackets')),
  },
  {
    name: 'backend_bytes_total',
    kind: 'counter',
    help: 'bytes of the same frames, as received',
    labels: ['service', 'backend', 'direction'],
    read: (reading) => countedBackends(reading).flatMap((backend) => bothWays(backendLabels(backend), backend, 'bytes', 'replyBytes')),
  },
  {
    name: 'backend_new_flows_total',
    kind: 'counter',
    help: 'flows that were begun to a backend',
    labels: ['service', 'backend'],
    read: (reading) => countedBackends(reading).map((backend) => [backendLabels(backend), backend.newFlows]),
  },
  {
    name: 'service_flows',
    kind: 'gauge',
    help: 'flows of a service',
    labels: ['service', 'frontend'],
    read: ({ stats }) => stats.services.map((service) => [serviceLabels(service), service.flows]),
  },
  {
    name: 'service_packets_total',
    kind: 'counter',
    help: 'packets of a service that were sent on, to and from all backends that it ever had',
    labels: ['service', 'frontend', 'direction'],
    read: ({ stats }) => stats.services.flatMap((service) => bothWays(serviceLabels(service), service, 'packets', 'replyPackets')),
  },
  {
    name: 'service_bytes_total',
    kind: 'counter',
    help: 'bytes of the same frames, as received',
    labels: ['service', 'frontend', 'direction'],
    read: ({ stats }) => stats.services.flatMap((service) => bothWays(serviceLabels(service), service, 'bytes', 'replyBytes')),
  },
  {
    name: 'service_new_flows_total',
    kind: 'counter',
    help: 'flows that were begun to backends of a service',
    labels: ['service', 'frontend'],
    read: ({ stats }) => stats.services.map((service) => [serviceLabels(service), service.newFlows]),
  },
  {
    name: 'service_refused_packets_total',
    kind: 'counter',
    help: 'packets that would have begun a flow of a service and did not, by reason (docs/errors.md); dropped, or answered by --on-no-backend',
    labels: ['service', 'frontend', 'reason'],
    read: ({ stats }) =>
      stats.services.flatMap((service) =>
        REFUSAL_REASONS.map((reason): Sample => [{ ...serviceLabels(service), reason }, service.refused[reason]]),
      ),
  },
  {
    name: 'backend_ready',
    kind: 'gauge',
    help: '1 when the backend takes new flows: active, of a weight above 0, not down, with a known next hop; else 0',
    labels: ['service', 'backend', 'state'],
    read: (reading) =>
      backendsOf(reading).map((backend) => [{ ...backendLabels(backend), state: backend.state }, isReady(backend) ? 1 : 0]),
  },
  {
    name: 'backend_up',
    kind: 'gauge',
    help: '1 when its health checks pass, 0 when they do not; not there for a backend that is not checked, or that nothing is known of yet',
    labels: ['service', 'backend'],
    read: (reading) =>
      backendsOf(reading)
        .filter(({ health }) => health === 'up' || health === 'down')
        .map((backend) => [backendLabels(backend), backend.health === 'up' ? 1 : 0]),
  },
  {
    name: 'backend_share',
    kind: 'gauge',
    help: "part of its service's new flows that a backend gets, 0 to 1",
    labels: ['service', 'backend'],
    read: (reading) => backendsOf(reading).map((backend) => [backendLabels(backend), backend.share]),
  },
  {
    name: 'warnings',
    kind: 'gauge',
    help: 'things that do not work as they should; `status` says which',
    labels: [],
    read: ({ status }) => one(status.warnings.length),
  },
];

const countedBackends = ({ stats }: Reading): readonly BackendStats[] => stats.services.flatMap(({ backends }) => backends);
const serviceLabels = ({ id, frontend }: ServiceStats): Labels => ({ service: String(id), frontend: formatFrontend(frontend) });

function bothWays(labels: Labels, counted: Traffic, request: keyof Traffic, reply: keyof Traffic): readonly Sample[] {
  return [
    [{ ...labels, direction: 'request' }, counted[request]],
    [{ ...labels, direction: 'reply' }, counted[reply]],
  ];
}

function portLabels({ family, address, port, protocol }: StatusView['snatPorts'][number]): Labels {
  return { family: String(family), backend: formatEndpoint({ address, port }), protocol };
}

export const PREFIX = 'fairlead_';
export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Gives the metrics as text (Prometheus exposition format 0.0.4) whenever it is asked, those of the agent's process among them. */
export function makeMetrics(agent: Agent, version: string): () => Promise<string> {
  // Watches garbage collection and the event loop: one for the life of the server.
  const own = new Registry();
  collectDefaultMetrics({ register: own, prefix: PREFIX });
  return async () => {
    const [status, services, stats] = await Promise.all([agent.status(), agent.listServices(), agent.readStats()]);
    const reading = { status, services, stats, version };
    const registry = new Registry();
    for (const { name, kind, help, labels, read } of METRICS) {
      const about = { name: PREFIX + name, help, labelNames: [...labels], registers: [registry] };
      const metric = kind === 'counter' ? new Counter(about) : new Gauge(about);
      for (const [values, value] of read(reading)) metric.inc({ ...values }, value);
    }
    return `${await registry.metrics()}${await own.metrics()}`;
  };
}

/** docs/metrics.md. */
export function renderMetricsPage(): string {
  return [
    '# Metrics\n',
    'Prometheus reads them at `/metrics`: on the API’s socket, and on the address of `--web`. Base units; counters count since the data plane was set up.',
    'Made from agent/api/metrics.ts (`UPDATE_GOLDEN=1 npx mocha test/agent/api/metrics.test.ts` writes it anew; a test checks it).\n',
    '| metric | type | labels | meaning |',
    '|---|---|---|---|',
    ...METRICS.map(({ name, kind, labels, help }) => `| ${PREFIX}${name} | ${kind} | ${labels.join(', ')} | ${help} |`),
    '',
    `Those of the agent’s own process come with them: \`${PREFIX}process_*\` (CPU, memory, descriptors) and \`${PREFIX}nodejs_*\`.`,
    'Counters of a backend begin with it, those of a service with the service; neither falls while it is there. What backends counted that have left',
    'stays in the numbers of their service. All begin again where `packets_total` does: when the maps are built anew (another version’s layout, other sizes).',
    'The flows of a backend are counted in the flow tables at each reading.\n',
  ].join('\n');
}
