// A machine in memory for tests of the control plane: the fake kernel with the data plane's maps, one LB device, four backends.
// Invariant: nothing is left behind; every bench has a folder of its own, removed by dispose().

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent } from '../../../agent/control/agent.js';
import { startAgent } from '../../../agent/control/start/start.js';
import type { StepReport } from '../../../agent/control/start/steps.js';
import { Datapath } from '../../../agent/datapath/datapath.js';
import { BACKEND4, CONFIG, COUNTER, FLOW, FRONTEND4, MAGLEV_PAIR, REVERSE4, SERVICE, TUPLE4 } from '../../../agent/datapath/layout.js';
import { REASONS } from '../../../agent/model/reasons.js';
import type { Endpoint } from '../../../agent/model/service.js';
import { DEFAULT_SETTINGS, type Settings } from '../../../agent/model/settings.js';
import {
  createFakePlatform,
  FakeKernel,
  type FakeKernelOptions,
  type FakeMapSpec,
  type FakePlatform,
} from '../../../platform/fake/index.js';
import type { BpfMap, Platform } from '../../../platform/port.js';

/** A prime far below what the command line takes: an inner map of 4 pairs, so that a test can fail each of its writes. */
export const MAGLEV_SIZE = 7;
const BACKENDS = 16;

export const MAPS: readonly FakeMapSpec[] = [
  { name: 'ct4', type: 'lru_hash', keySize: TUPLE4.size, valueSize: FLOW.size, maxEntries: 64 },
  { name: 'snat4', type: 'lru_hash', keySize: TUPLE4.size, valueSize: REVERSE4.size, maxEntries: 64 },
  { name: 'lb4_services', type: 'hash', keySize: FRONTEND4.size, valueSize: SERVICE.size, maxEntries: 8 },
  { name: 'lb4_backends', type: 'array', keySize: 4, valueSize: BACKEND4.size, maxEntries: BACKENDS },
  { name: 'lb_maglev_type', type: 'array', keySize: 4, valueSize: MAGLEV_PAIR.size, maxEntries: 1 },
  {
    name: 'lb_maglev',
    type: 'array_of_maps',
    keySize: 4,
    valueSize: 4,
    maxEntries: 65536,
    inner: { type: 'array', keySize: 4, valueSize: MAGLEV_PAIR.size, maxEntries: (MAGLEV_SIZE + 1) / 2 },
  },
  { name: 'metrics', type: 'percpu_array', keySize: 4, valueSize: COUNTER.size, maxEntries: REASONS.length },
  { name: 'config', type: 'array', keySize: 4, valueSize: CONFIG.size, maxEntries: 1 },
];

export const ETH0 = {
  name: 'eth0',
  index: 2,
  mac: '02:00:00:00:00:01',
  mtu: 1500,
  up: true,
  addresses: [{ address: '20.1.1.1', prefixLength: 24 }],
};
export const ETH1 = { ...ETH0, name: 'eth1', index: 3, mac: '02:00:00:00:00:02', addresses: [{ address: '30.1.1.1', prefixLength: 24 }] };

export const macOf = (last: number): string => `02:00:00:00:01:${last.toString(16).padStart(2, '0')}`;
/** The next hop of each backend is known from the start. */
const neighbours = [10, 20, 30, 40].map((last) => ({
  ifindex: 2,
  address: `20.1.1.${last}`,
  mac: macOf(last),
  state: 'reachable' as const,
}));

export function makeKernel(options: FakeKernelOptions = {}): FakeKernel {
  return new FakeKernel({ maps: MAPS, interfaces: [ETH0, ETH1], neighbours, ...options });
}

export class TestBench {
  readonly kernel: FakeKernel;
  readonly directory = mkdtempSync(join(tmpdir(), 'fairlead-control-'));
  readonly settings: Settings;
  readonly reports: StepReport[] = [];
  #platform: FakePlatform;

  constructor(kernel: FakeKernel = makeKernel(), settings: Partial<Settings> = {}) {
    this.kernel = kernel;
    this.#platform = createFakePlatform(kernel);
    this.settings = {
      ...DEFAULT_SETTINGS,
      instance: 'test',
      devices: ['eth0'],
      maglevSize: MAGLEV_SIZE,
      maxBackends: BACKENDS,
      maxServices: 8,
      maxFlows: 64,
      sweepInterval: 3600,
      stateFile: join(this.directory, 'state.json'),
      cacheDirectory: join(this.directory, 'cache'),
      bpfObject: this.object('program'),
      ...settings,
    };
  }

  get platform(): FakePlatform {
    return this.#platform;
  }

  /** An "object file"; another content is another program. */
  object(content: string): string {
    const path = join(this.directory, `${content}.o`);
    writeFileSync(path, content);
    return path;
  }

  start(settings: Partial<Settings> = {}, platform: Platform = this.#platform): Promise<Agent> {
    this.reports.length = 0;
    return startAgent(platform, { ...this.settings, ...settings }, (report) => void this.reports.push(report));
  }

  /** The process is killed; what comes after is another one on the same machine. */
  kill(): void {
    this.#platform.endProcess();
    this.#platform = createFakePlatform(this.kernel);
  }

  async restart(settings: Partial<Settings> = {}): Promise<Agent> {
    this.kill();
    return this.start(settings);
  }

  /** The text of a step's end. */
  said(step: StepReport['step']): string {
    return this.reports.find((report) => report.step === step && report.phase !== 'begin')?.text ?? '';
  }

  /** The pinned tables, read past the agent. */
  datapath(): Datapath {
    const folder = this.pins().find((name) => name.startsWith('maps-')) ?? '';
    const directory = `/sys/fs/bpf/fairlead/test/${folder}`;
    const { bpf } = this.#platform;
    const maps = new Map(bpf.listPins(directory).map((name) => [name, bpf.openPinnedMap(`${directory}/${name}`) as BpfMap]));
    return Datapath.open(maps, bpf, { ticksPerSecond: this.kernel.ticksPerSecond, now: () => this.kernel.ticks });
  }

  pins(): readonly string[] {
    return this.#platform.bpf.listPins('/sys/fs/bpf/fairlead/test');
  }

  /** All that forwarding depends on, as plain data: services, backends, Maglev tables. */
  async snapshot(): Promise<object> {
    const datapath = this.datapath();
    const services = [...(await datapath.services.entries())].sort(([, a], [, b]) => a.id - b.id);
    const tables: Record<number, readonly number[]> = {};
    for (let id = 1; id <= 8; id++) {
      const table = await datapath.maglev.get(id);
      if (table !== undefined) tables[id] = [...table];
    }
    const backends = await datapath.backends.entries();
    datapath.close();
    return { services, backends, tables };
  }

  /** The writes since the journal was emptied: 'lb4_backends', 'maglev_1', ...; repeats in a row once. */
  writes(): readonly string[] {
    const names = this.kernel.journal.map(({ map, op }) => (op === 'delete' ? `${map} delete` : map));
    return names.filter((name, index) => name !== names[index - 1]);
  }

  dispose(): void {
    this.#platform.endProcess();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function endpoint(last: number, port = 80): Endpoint {
  return { address: `20.1.1.${last}`, port };
}

/** A whole `service update`. */
export function update(id: number, backends: readonly number[] | undefined, more: object = {}) {
  return {
    id,
    frontend: { address: '40.1.1.1', port: 80 + id, protocol: 'tcp' as const },
    backends: backends?.map((last) => endpoint(last)),
    weights: undefined,
    mode: undefined,
    ...more,
  };
}
