// One loaded data plane with maps of its own, its services and backends: what a path is measured in.
// Imports agent/datapath, agent/model, platform/port.ts and its siblings.
// Invariant: scenes share nothing, so a table that one path fills does not touch another's figures; a scene serves one family.

import { Datapath } from '../agent/datapath/datapath.js';
import { IPV4, IPV6 } from '../agent/datapath/families.js';
import type { Family } from '../agent/model/address.js';
import { digestBackends } from '../agent/model/digest.js';
import { buildMaglevTable } from '../agent/model/maglev.js';
import type { BpfProgram, Platform, TestRun } from '../platform/port.js';
import type { FlowCount } from './checks.js';
import type { DataPlane } from './data-plane.js';
import { PLACES } from './family.js';
import { BACKENDS } from './paths.js';
import { type BenchService, BACKEND_PORT, describeBackend, LB_MAC, listServices } from './traffic.js';

/** Loopback, the first device of every network namespace: test runs come in by it unless told otherwise. */
const LOOPBACK = 1;
const MTU = 1500;

export interface SceneSpec {
  readonly family: Family;
  /** Device that frames come in by and backends are behind, so that they are answered by XDP_TX. Default: loopback. */
  readonly ifindex?: number;
  /** Of each service. Default: BACKENDS. */
  readonly backends?: number;
  /** Services beside those that are measured, without backends. Default: none. */
  readonly otherServices?: number;
}

export class Scene {
  readonly program: BpfProgram;
  readonly family: Family;
  readonly #datapath: Datapath;
  readonly #ifindex: number;
  #serial = 0;

  private constructor(program: BpfProgram, datapath: Datapath, spec: SceneSpec) {
    this.program = program;
    this.family = spec.family;
    this.#datapath = datapath;
    this.#ifindex = spec.ifindex ?? LOOPBACK;
  }

  /** Loads the object with empty maps and writes all services. Throws what load() and the maps throw. */
  static async open(platform: Platform, { objectFile, settings }: DataPlane, spec: SceneSpec): Promise<Scene> {
    const program = await platform.bpf.load({ objectFile, program: 'fairlead', pinDirectory: undefined });
    const scene = new Scene(program, Datapath.open(program.maps, platform.bpf, await platform.clock()), spec);
    const backends = spec.backends ?? BACKENDS;
    for (const [index, service] of listServices(spec.family).entries()) {
      await scene.#writeService(service, 1 + index * backends, backends, settings.maglevSize);
    }
    for (let i = 0; i < (spec.otherServices ?? 0); i++) scene.#writeOtherService(i);
    return scene;
  }

  /** Packets by reason since the scene was opened. */
  countReasons(): ReadonlyMap<string, number> {
    return new Map(this.#datapath.metrics.read().map(({ name, packets }) => [name, packets]));
  }

  /** Entries of the flow table. */
  countEntries(): Promise<number> {
    return this.#datapath.flows.count();
  }

  /** Reads the whole flow table. */
  async countFlows(): Promise<FlowCount> {
    let [entries, packets] = [0, 0];
    for await (const { flow } of this.#datapath.flows.flows()) {
      entries++;
      packets += Number(flow.packets);
    }
    return { entries, packets };
  }

  /** Empties the flow tables. */
  async forgetFlows(): Promise<void> {
    const { conntrack, snat } = (this.family === 4 ? IPV4 : IPV6).maps;
    for (const name of [conntrack, snat]) {
      const map = this.program.maps.get(name);
      if (map === undefined) throw new RangeError(`the program has no map ${name}`);
      const keys = Buffer.from(Uint32Array.from({ length: map.maxEntries }, (_, index) => index).buffer);
      await map.updateMany(keys, Buffer.alloc(map.maxEntries * map.valueSize), map.maxEntries);
    }
  }

  /** One packet as it comes in by the scene's device. */
  send(frame: Buffer): TestRun {
    return this.program.testRun(frame, { ingressIfindex: this.#ifindex });
  }

  /** Serials that were taken. */
  get serials(): number {
    return this.#serial;
  }

  /** The first of `count` serials that no run of this scene had before. */
  takeSerials(count: number): number {
    const first = this.#serial;
    this.#serial += count;
    return first;
  }

  close(): void {
    this.program.close();
  }

  /** In the agent's order: backends, then the Maglev table, then the service. */
  async #writeService(
    { id: serviceId, frontend, action }: BenchService,
    firstId: number,
    count: number,
    maglevSize: number,
  ): Promise<void> {
    const backends = Array.from({ length: count }, (_, i) => {
      const { address, mac } = describeBackend(this.family, i);
      return { backendId: firstId + i, key: `${address}:${BACKEND_PORT}`, weight: 1, address, mac };
    });
    for (const { backendId, address, mac, weight } of backends) {
      this.#datapath.backends.set(backendId, {
        serviceId,
        address,
        port: BACKEND_PORT,
        weight,
        state: 'active',
        generation: 1,
        source: PLACES[this.family].lb,
        local: false,
        nextHop: { ifindex: this.#ifindex, dstMac: mac, srcMac: LB_MAC, mtu: MTU },
      });
    }
    const table = buildMaglevTable(backends, maglevSize).map((i) => backends[i]?.backendId ?? 0);
    await this.#datapath.maglev.set(new Map([[serviceId, table]]));
    const maglevDigest = digestBackends(backends, maglevSize);
    this.#datapath.services.set(frontend, { id: serviceId, backendCount: count, maglevDigest, action });
  }

  /** On the address and other ports of the first service. Ids above those of the measured ones. */
  #writeOtherService(index: number): void {
    const { snat: address } = PLACES[this.family].services;
    const frontend = { address, port: 1024 + index, protocol: 'tcp' } as const;
    this.#datapath.services.set(frontend, { id: 16 + index, backendCount: 0, maglevDigest: 0, action: 'snat' });
  }
}
