// An agent in memory with fixed data, for tests of what people type and read.
// Imports agent/model and agent/control/agent.ts. It keeps services and mode as the real one would, as far as commands can see.
// Service 1 has 7 flows of all kinds, service 2 none, service 9 a million.

import { once } from 'node:events';
import type { Agent, BackendUpdate, Change, DenyChange, DenyUpdate, EventWatch, ServiceUpdate } from '../../../agent/control/agent.js';
import { diffStates, type StateDifference } from '../../../agent/control/state/diff-state.js';
import { FairleadError } from '../../../agent/model/errors.js';
import type { EventFilter, EventLosses, EventView, PacketEvent } from '../../../agent/model/events.js';
import type { ExplanationView, FlowQuestion } from '../../../agent/model/explanation.js';
import type { FlowTuple } from '../../../agent/model/frame.js';
import type { DesiredState, Endpoint, Mode } from '../../../agent/model/service.js';
import type { BackendView, FlowCount, FlowView, NeighbourView, ServiceView, StatusView } from '../../../agent/model/views.js';
import type { BackendStats, ServiceStats, StatsView } from '../../../agent/model/stats.js';
import { REASONS } from '../../../agent/model/reasons.js';

export const MANY_FLOWS = 1_000_000;

export class AgentDouble implements Agent {
  mode: Mode = 'snat';
  unloaded = false;
  closed = false;
  /** Of the statistics. */
  readings = 0;
  /** Flows that dumpState has given away. */
  dumped = 0;
  readonly services = new Map<number, ServiceView>();
  /** Filters of the watches that have begun, in their order. */
  readonly watched: EventFilter[] = [];
  /** Whether a watch goes on after its events, until its signal. */
  endless = false;
  denied: readonly string[] = [];
  losses: EventLosses = { limited: 0, lost: 0 };
  /** Names of the calls in their order. */
  readonly calls: string[] = [];

  constructor() {
    const ips = [10, 20, 30, 40].map((last) => ({ address: `20.1.1.${last}`, port: 80 }));
    this.services.set(1, this.#service(1, { address: '40.1.1.1', port: 80, protocol: 'tcp' }, ips, [3, 1, 1, 1], undefined));
    this.services.set(2, this.#service(2, { address: '40.1.1.2', port: 53, protocol: 'udp' }, ips.slice(2), [1, 1], 'dsr'));
    this.services.set(9, this.#service(9, { address: '40.1.1.9', port: 443, protocol: 'tcp' }, ips.slice(0, 1), [1], undefined));
  }

  #service(
    id: number,
    frontend: ServiceView['frontend'],
    ends: readonly Endpoint[],
    weights: readonly number[],
    mode: Mode | undefined,
  ): ServiceView {
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const backends = ends.map((end, index): BackendView => {
      const silent = end.address === '20.1.1.40';
      const last = end.address.split('.')[3] ?? '';
      return {
        ...end,
        service: id,
        weight: weights[index] ?? 1,
        state: end.address === '20.1.1.30' ? 'terminating' : 'active',
        backendId: id * 10 + index,
        mac: silent ? undefined : `02:00:00:00:00:${last}`,
        device: 'eth0',
        local: false,
        nextHop: silent ? `no answer from ${end.address} on eth0` : 'resolved',
        quicId: undefined,
        health: undefined,
        healthSince: undefined,
        healthReason: undefined,
        share: (weights[index] ?? 1) / sum,
      };
    });
    const whole = { lastPort: undefined, prefixLength: undefined, ...frontend };
    const sourceRanges = { allow: [], deny: [] };
    const own = mode !== undefined;
    return {
      id,
      frontend: whole,
      mode: mode ?? this.mode,
      ownMode: own,
      sourceRanges,
      affinity: undefined,
      quic: undefined,
      health: undefined,
      backends,
    };
  }

  async updateService(update: ServiceUpdate): Promise<Change<ServiceView>> {
    this.calls.push('updateService');
    const before = this.services.get(update.id);
    const frontend = update.frontend ?? before?.frontend;
    if (frontend === undefined) throw new FairleadError('FL_E_USAGE', `service ${update.id} does not exist yet: a frontend is needed`);
    const ends = update.backends ?? before?.backends ?? [];
    const weights = update.weights ?? ends.map(() => 1);
    const own =
      update.mode === undefined ? (before?.ownMode ? before.mode : undefined) : update.mode === 'default' ? undefined : update.mode;
    const { sourceRanges, affinity } = before ?? { sourceRanges: { allow: [], deny: [] }, affinity: undefined };
    const view: ServiceView = {
      ...this.#service(update.id, frontend, ends, weights, own),
      sourceRanges: { allow: update.sourceAllow ?? sourceRanges.allow, deny: update.sourceDeny ?? sourceRanges.deny },
      affinity: update.affinity === 'none' ? undefined : (update.affinity ?? affinity),
    };
    const outcome = before === undefined ? 'created' : JSON.stringify(before) === JSON.stringify(view) ? 'unchanged' : 'changed';
    this.services.set(update.id, view);
    const warnings = view.backends
      .filter((one) => one.mac === undefined)
      .map((one) => `backend ${one.address}:${one.port}: ${one.nextHop}, retried`);
    return { view, outcome, warnings };
  }

  async deleteService(id: number): Promise<ServiceView> {
    const view = await this.getService(id);
    this.services.delete(id);
    return view;
  }

  async getService(id: number): Promise<ServiceView> {
    const view = this.services.get(id);
    if (view !== undefined) return view;
    throw new FairleadError('FL_E_NOT_FOUND', `there is no service ${id}`, { hint: '`service list` shows those that there are' });
  }

  async listServices(): Promise<readonly ServiceView[]> {
    return [...this.services.values()].sort((a, b) => a.id - b.id);
  }

  async *dumpState(id: number): AsyncGenerator<FlowView> {
    await this.getService(id);
    if (id === 1) yield* FLOWS;
    if (id !== 9) return;
    for (let i = 0; i < MANY_FLOWS; i++) {
      this.dumped++;
      yield manyFlow(i);
    }
  }

  async listDenied(): Promise<readonly string[]> {
    return this.denied;
  }

  async updateDenied({ add, remove }: DenyUpdate): Promise<DenyChange> {
    const removed = this.denied.filter((prefix) => remove.includes(prefix));
    const added = add.filter((prefix) => !this.denied.includes(prefix));
    this.denied = [...this.denied.filter((prefix) => !removed.includes(prefix)), ...added];
    return { added, removed, count: this.denied.length };
  }

  async explainFlow({ bytes = 40, quicId, ...flow }: FlowQuestion): Promise<ExplanationView> {
    this.calls.push(`explainFlow ${bytes} ${quicId}`);
    return explanationOf(flow, bytes);
  }

  async setBackend(update: BackendUpdate): Promise<Change<BackendView>> {
    const service = await this.getService(update.id);
    const before = service.backends.find((one) => one.address === update.backend.address && one.port === update.backend.port);
    if (before === undefined)
      throw new FairleadError('FL_E_NOT_FOUND', `service ${update.id} has no backend ${update.backend.address}:${update.backend.port}`);
    const view = { ...before, state: update.state ?? before.state, weight: update.weight ?? before.weight };
    this.services.set(update.id, { ...service, backends: service.backends.map((one) => (one === before ? view : one)) });
    const same = view.state === before.state && view.weight === before.weight;
    return { view, outcome: same ? 'unchanged' : 'changed', warnings: [] };
  }

  /** Each reading is a second after the one before; a backend has counted more the higher its id is, and each time as much again. */
  async readStats(): Promise<StatsView> {
    this.calls.push('readStats');
    this.readings++;
    const services = (await this.listServices()).map(({ id, frontend, backends }): ServiceStats => {
      const counted = backends.map(({ service, address, port, backendId }, index): BackendStats => {
        const packets = this.readings * (backendId + 1) * 1234;
        const traffic = {
          packets,
          bytes: packets * 750,
          replyPackets: packets * 2,
          replyBytes: packets * 2900,
          newFlows: this.readings * backendId,
        };
        return { service, address, port, backendId, ...traffic, flows: 7 - index };
      });
      const sum = (of: (one: BackendStats) => number) => counted.reduce((total, one) => total + of(one), 0);
      const refused = { source_denied: this.readings * 3, no_backend: id, unresolved: 0, snat_ports: 0, new_flow_rate: 0, flow_table: 0 };
      return {
        id,
        frontend,
        packets: sum(({ packets }) => packets),
        bytes: sum(({ bytes }) => bytes),
        replyPackets: sum(({ replyPackets }) => replyPackets),
        replyBytes: sum(({ replyBytes }) => replyBytes),
        newFlows: sum(({ newFlows }) => newFlows),
        flows: sum(({ flows }) => flows),
        refused,
        refusedPackets: this.readings * 3 + id,
        backends: counted,
      };
    });
    return { at: 1_700_000_000 + this.readings, services };
  }

  async countFlows(): Promise<readonly FlowCount[]> {
    return (await this.listBackends()).map(({ service, address, port }, index) => ({ service, address, port, flows: 10 * index }));
  }

  async listBackends(): Promise<readonly BackendView[]> {
    return (await this.listServices()).flatMap((service) => service.backends);
  }

  async getMode(): Promise<Mode> {
    return this.mode;
  }

  async setMode(mode: Mode): Promise<{ mode: Mode; before: Mode }> {
    this.calls.push(`setMode ${mode}`);
    const before = this.mode;
    this.mode = mode;
    return { mode, before };
  }

  async listNeighbours(): Promise<readonly NeighbourView[]> {
    return [
      { address: '20.1.1.10', device: 'eth0', mac: '02:00:00:00:00:10', state: 'reachable', backends: ['20.1.1.10:80', '20.1.1.10:443'] },
      { address: '20.1.1.40', device: 'eth0', mac: undefined, state: 'unresolved', backends: ['20.1.1.40:80'] },
      {
        address: '30.1.1.1',
        device: undefined,
        mac: undefined,
        state: 'no route',
        backends: [1, 2, 3, 4, 5].map((n) => `30.1.1.${n}:8080`),
      },
    ];
  }

  async updateNeighbour(address: string): Promise<NeighbourView> {
    const found = (await this.listNeighbours()).find((one) => one.address === address);
    if (found !== undefined) return found;
    throw new FairleadError('FL_E_NOT_FOUND', `neighbor ${address}: not the next hop of a backend`, { hint: '`neighbor list` shows them' });
  }

  async status(): Promise<StatusView> {
    const backends = await this.listBackends();
    return {
      instance: 'default',
      pid: 4711,
      mode: this.mode,
      dispatch: 'ipip',
      program: { id: 45, name: 'fairlead', digest: '0123456789abcdef0123456789abcdef', instructions: 1234 },
      devices: [
        {
          name: 'eth0',
          index: 2,
          mac: '02:00:00:00:00:01',
          mtu: 1500,
          address: '20.1.1.1',
          addresses: ['20.1.1.1', '2001:db8:20::1'],
          xdpMode: 'native',
          linkId: 7,
        },
        { name: 'eth1', index: 3, mac: '02:00:00:00:01:01', mtu: 9000, address: undefined, addresses: [], xdpMode: 'generic', linkId: 8 },
      ],
      snatRange: [1024, 32767],
      services: this.services.size,
      backends: backends.length,
      unresolvedBackends: backends.filter((one) => one.mac === undefined).length,
      flows: { entries: 1234, limit: 262144 },
      tables: [
        { name: 'services', entries: 3, limit: 16384 },
        { name: 'backends', entries: 7, limit: 65536 },
        { name: 'flows', entries: 1234, limit: 262144 },
      ],
      snatPorts: [{ family: 4, address: '20.1.1.10', port: 80, protocol: 'tcp', inUse: 900, limit: 31744 }],
      counters: REASONS.map((reason, index) => ({
        ...reason,
        packets: index % 3 === 0 ? 1_234_567 * index : 0,
        bytes: index % 3 === 0 ? 98_765_432_109 * index : 0,
      })),
      warnings: ['SNAT range 1024-32767 overlaps the ports 32000-60999 of the kernel: connections of this node may collide with flows'],
      warningsSince: [undefined],
    };
  }

  watchEvents(filter: EventFilter, signal: AbortSignal): EventWatch {
    if (filter.service !== undefined && !this.services.has(filter.service)) {
      throw new FairleadError('FL_E_NOT_FOUND', `there is no service ${filter.service}`);
    }
    const { endless, watched } = this;
    async function* events(): AsyncGenerator<PacketEvent> {
      watched.push(filter);
      for (const event of EVENTS) if (filter.kinds.includes(event.view.kind)) yield event;
      if (endless && !signal.aborted) await once(signal, 'abort');
    }
    return { losses: () => this.losses, [Symbol.asyncIterator]: events };
  }

  async getDesired(): Promise<DesiredState> {
    const services = (await this.listServices()).map(({ id, frontend: { address, port, protocol }, backends }) => ({
      id,
      frontend: { address, port, protocol },
      mode: undefined,
      backends: backends.map((one) => ({ address: one.address, port: one.port, weight: one.weight, state: one.state })),
    }));
    return { mode: this.mode, services };
  }

  async replaceDesired(state: DesiredState, dryRun: boolean): Promise<StateDifference> {
    this.calls.push(`replaceDesired ${dryRun}`);
    return diffStates(await this.getDesired(), state);
  }

  async unload(): Promise<void> {
    this.unloaded = true;
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

const FLOW: FlowView = {
  source: '20.1.1.100',
  sourcePort: 57652,
  destination: '40.1.1.1',
  destinationPort: 80,
  protocol: 'tcp',
  backend: '20.1.1.30',
  backendPort: 80,
  mode: 'snat',
  snatPort: 1999,
  snatAddress: '20.1.1.1',
  state: 'ACTIVE',
  txPackets: 12,
  txBytes: 15880,
  rxPackets: 9,
  rxBytes: 7762,
  age: 3,
  idle: 1,
};

const FLOWS: readonly FlowView[] = [
  FLOW,
  { ...FLOW, sourcePort: 80, backend: '20.1.1.10', state: 'IDLE', txPackets: 1, txBytes: 74, rxPackets: 0, rxBytes: 0, age: 0, idle: 0 },
  {
    ...FLOW,
    sourcePort: 57653,
    mode: 'dsr-ipip',
    snatPort: undefined,
    snatAddress: undefined,
    rxPackets: undefined,
    rxBytes: undefined,
    age: 120,
    idle: 59,
  },
  {
    ...FLOW,
    sourcePort: 57654,
    mode: 'dsr-l2',
    snatPort: undefined,
    snatAddress: undefined,
    rxPackets: undefined,
    rxBytes: undefined,
    state: 'CLOSING',
    age: 7300,
    idle: 8,
  },
  {
    ...FLOW,
    sourcePort: 57655,
    txPackets: 9_999,
    txBytes: 9_999_499,
    rxPackets: 10_000,
    rxBytes: 123_456_789_012,
    age: 21_600,
    idle: 21_599,
  },
  { ...FLOW, sourcePort: 57656, txPackets: 999_500, txBytes: 999_499, rxPackets: 1e15, rxBytes: 1.5e19, age: 8_640_000, idle: 400_000 },
  { ...FLOW, sourcePort: 57657, backend: '20.1.1.40', state: 'CLOSING' },
];

function manyFlow(index: number): FlowView {
  return { ...FLOW, source: `100.${64 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`, sourcePort: 1024 + (index % 60000) };
}

const EVENT: EventView = {
  time: Date.UTC(2024, 1, 29, 12, 34, 56, 789) / 1000 + 0.000123,
  kind: 'new-flow',
  reason: 'snat_request',
  verdict: 'tx',
  device: 'eth0',
  source: '20.1.1.100',
  sourcePort: 57652,
  destination: '40.1.1.1',
  destinationPort: 80,
  protocol: 'tcp',
  service: 1,
  backend: '20.1.1.30',
  backendPort: 80,
  bytes: 74,
};

/** A SYN to service 1, as far as an event has it. */
const FRAME = Buffer.from(
  '02000000000102000000006408004500003c1c4640004006dccf1401016428010101e1340050a1b2c3d400000000a002faf0000000000204',
  'hex',
);

/** One event of each kind and shape. */
export const EVENTS: readonly PacketEvent[] = [
  EVENT,
  { ...EVENT, kind: 'drop', reason: 'no_backend', verdict: 'drop', backend: undefined, backendPort: undefined, sourcePort: 57653 } as const,
  { ...EVENT, kind: 'sample', verdict: 'redirect', destination: '40.1.255.251', sourcePort: 65535, bytes: 65549, service: 65535 } as const,
  {
    ...EVENT,
    kind: 'sample',
    reason: 'not_ipv4',
    verdict: 'pass',
    source: '2001:db8:1111:2222:3333:4444:5555:6666',
    destination: '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff',
    service: undefined,
    backend: undefined,
    backendPort: undefined,
    device: undefined,
  } as const,
  {
    ...EVENT,
    kind: 'sample',
    reason: 'malformed',
    verdict: 'pass',
    source: undefined,
    sourcePort: undefined,
    destination: undefined,
    destinationPort: undefined,
    protocol: undefined,
    service: undefined,
    backend: undefined,
    backendPort: undefined,
    bytes: 60,
  } as const,
].map((view, index) => ({ view: { ...view, time: view.time + index }, packet: FRAME }));

/** An explanation of a first packet under SNAT, for the ends that were asked about; from port 1 the program does otherwise, from port 2 it was not run. */
function explanationOf(flow: FlowTuple, bytes: number): ExplanationView {
  const end = { address: flow.destination.includes(':') ? '2001:db8:20::10' : '20.1.1.10', port: 80 };
  const own = flow.destination.includes(':') ? '2001:db8:20::1' : '20.1.1.1';
  const frame = {
    source: own,
    sourcePort: 14335,
    destination: end.address,
    destinationPort: end.port,
    protocol: flow.protocol,
    sourceMac: '02:00:00:00:00:01',
    destinationMac: '02:00:00:00:00:10',
    hops: 63,
    bytes: 54,
    outer: undefined,
  };
  const outcome = { verdict: 'tx', reason: 'snat_request', frame, slot: 42 } as const;
  const differs = flow.sourcePort === 1;
  const unproved = flow.sourcePort === 2;
  return {
    flow,
    packet: { kind: 'SYN', device: 'eth0', bytes: 14 + bytes },
    steps: [
      { step: 'address', text: `${flow.destination} may have a service: its bit in vips is set`, ends: false },
      { step: 'flow', text: 'ct4 has no entry of it: the packet begins a flow', ends: false },
      { step: 'backend', text: 'an explanation that is so long that it does not fit on one line of eighty columns', ends: false },
    ],
    outcome,
    service: 1,
    backend: end,
    mode: 'snat',
    proof: {
      result: differs ? 'differs' : unproved ? 'unproved' : 'proved',
      digest: '0123456789abcdef',
      outcome: unproved ? undefined : outcome,
      differences: differs ? ['source port: 14335 was said, 14336 it is'] : [],
      why: unproved ? 'the object file is gone' : undefined,
    },
  };
}
