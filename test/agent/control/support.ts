// A machine in memory for tests of the control plane: the fake kernel with the data plane's maps, one LB device, four backends.
// Invariant: nothing is left behind; every bench has a folder of its own, removed by dispose().

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../../../agent/control/agent.js';
import { startAgent } from '../../../agent/control/start/start.js';
import type { StepReport } from '../../../agent/control/start/steps.js';
import type { MapSizes } from '../../../agent/datapath/macros.js';
import { Datapath } from '../../../agent/datapath/datapath.js';
import { DEVICE, encodeIndex, VIP_WORDS } from '../../../agent/datapath/layout.js';
import type { Family } from '../../../agent/model/address.js';
import type { Endpoint } from '../../../agent/model/service.js';
import { DEFAULT_SETTINGS, type Settings } from '../../../agent/model/settings.js';
import { createFakePlatform, FakeKernel, type FakeKernelOptions, type FakePlatform } from '../../../platform/fake/index.js';
import type { BpfMap, Platform } from '../../../platform/port.js';
import { dataPlaneMaps } from '../datapath/map-specs.js';

/** A prime far below what the command line takes: an inner map of one row, so that a test that fails each write of a call has few of them. */
export const MAGLEV_SIZE = 7;
const BACKENDS = 16;

export const SIZES = { maxFlows: 64, maxServices: 8, maxBackends: BACKENDS, maglevSize: MAGLEV_SIZE };

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

export function makeKernel(options: FakeKernelOptions = {}, sizes: MapSizes = SIZES): FakeKernel {
  return new FakeKernel({ maps: dataPlaneMaps(sizes), interfaces: [ETH0, ETH1], neighbours, ...options });
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
      ...SIZES,
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
  object(content: string, extension = 'o'): string {
    const path = join(this.directory, `${content}.${extension}`);
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

  /** A map of the data plane, past the agent. The caller closes it. */
  map(name: string): BpfMap {
    const folder = this.pins().find((pin) => pin.startsWith('maps-')) ?? '';
    const map = this.#platform.bpf.openPinnedMap(`/sys/fs/bpf/fairlead/test/${folder}/${name}`);
    if (map === undefined) throw new Error(`no map ${name} is pinned`);
    return map;
  }

  /** The pinned tables, read past the agent. */
  datapath(): Datapath {
    const folder = this.pins().find((name) => name.startsWith('maps-')) ?? '';
    const names = this.#platform.bpf.listPins(`/sys/fs/bpf/fairlead/test/${folder}`);
    const maps = new Map(names.map((name) => [name, this.map(name)]));
    return Datapath.open(maps, this.#platform.bpf, this.kernel.clock());
  }

  /** What reverse entries find by their device index: '<index>: <ifindex> <MAC>'. */
  devices(): readonly string[] {
    const map = this.map('devices');
    const all = Array.from({ length: map.maxEntries }, (_, index) => ({
      index,
      ...DEVICE.decode(map.lookup(encodeIndex(index)) as Buffer),
    }));
    map.close();
    return all.filter(({ ifindex }) => ifindex !== 0).map(({ index, ifindex, mac }) => `${index}: ${ifindex} ${mac}`);
  }

  /** The bits of vips that are set. */
  vips(): readonly number[] {
    const map = this.map('vips');
    const words = Array.from({ length: VIP_WORDS }, (_, word) => (map.lookup(encodeIndex(word)) as Buffer).readBigUInt64LE());
    map.close();
    return words.flatMap((bits, word) =>
      bits === 0n ? [] : [...bits.toString(2)].reverse().flatMap((bit, i) => (bit === '1' ? [word * 64 + i] : [])),
    );
  }

  pins(): readonly string[] {
    return this.#platform.bpf.listPins('/sys/fs/bpf/fairlead/test');
  }

  /** All that forwarding depends on, as plain data: services, backends, Maglev tables, devices. */
  async snapshot(): Promise<object> {
    const devices = this.devices();
    const datapath = this.datapath();
    const services = [...(await datapath.services.entries())].sort(([, a], [, b]) => a.id - b.id);
    const tables: Record<number, readonly number[]> = {};
    for (let id = 1; id <= 8; id++) {
      const table = await datapath.maglev.get(id, MAGLEV_SIZE);
      if (table !== undefined) tables[id] = [...table];
    }
    const backends = await datapath.backends.entries();
    datapath.close();
    return { services, backends, tables, devices };
  }

  /** The writes since the journal was emptied: 'lb4_backends', 'maglev_1', ...; repeats in a row once. Counters are left out: no packet goes by them. */
  writes(): readonly string[] {
    const ofPackets = this.kernel.journal.filter(({ map }) => !['backend_stats', 'service_past', 'service_refused'].includes(map));
    const names = ofPackets.map(({ map, op }) => (op === 'delete' ? `${map} delete` : map));
    return names.filter((name, index) => name !== names[index - 1]);
  }

  dispose(): void {
    this.#platform.endProcess();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** ETH0 with an address of both families, and next hops for the backends of both. */
export const DUAL: FakeKernelOptions = {
  interfaces: [{ ...ETH0, addresses: [...ETH0.addresses, { address: '2001:db8:20::1', prefixLength: 64 }] }, ETH1],
  neighbours: [
    ...neighbours,
    ...neighbours.map((one) => ({ ...one, address: endpoint(Number(one.address.split('.')[3]), 80, 6).address })),
  ],
};

export function endpoint(last: number, port = 80, family: Family = 4): Endpoint {
  return { address: family === 4 ? `20.1.1.${last}` : `2001:db8:20::${last}`, port };
}

/** The address of every service. */
export const VIPS: Readonly<Record<Family, string>> = { 4: '40.1.1.1', 6: '2001:db8:40::1' };

/** A whole `service update`. */
export function update(id: number, backends: readonly number[] | undefined, more: object = {}, family: Family = 4) {
  return {
    id,
    frontend: { address: VIPS[family], port: 80 + id, protocol: 'tcp' as const },
    backends: backends?.map((last) => endpoint(last, 80, family)),
    weights: undefined,
    mode: undefined,
    ...more,
  };
}

/** Waits for what an event brings about; fails after two seconds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !condition(); tries++) await sleep(5);
  assert.ok(condition(), 'it did not come about');
}
