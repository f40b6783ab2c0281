// One loaded data plane with maps of its own, its services and backends: what a path is measured in.
// Imports agent/datapath, agent/model, platform/port.ts and its siblings.
// Invariant: scenes share nothing, so a table that one path fills does not touch another's figures.

import { Datapath } from '../agent/datapath/datapath.js';
import { FAMILIES } from '../agent/datapath/families.js';
import { FLOW } from '../agent/datapath/layout.js';
import { digestBackends } from '../agent/model/digest.js';
import { FairleadError } from '../agent/model/errors.js';
import { buildMaglevTable } from '../agent/model/maglev.js';
import type { BpfProgram, Platform } from '../platform/port.js';
import type { FlowCount } from './checks.js';
import { SETTINGS } from './data-plane.js';
import { BACKENDS } from './paths.js';
import { BACKEND_PORT, describeBackend, LB_ADDRESS, LB_MAC, SERVICES } from './traffic.js';

/** Device that test runs come in by: loopback, the first of every network namespace. Backends behind it are answered by XDP_TX. */
const INGRESS_IFINDEX = 1;
const MTU = 1500;

export class Scene {
  readonly program: BpfProgram;
  readonly #datapath: Datapath;
  #serial = 0;

  private constructor(program: BpfProgram, datapath: Datapath) {
    this.program = program;
    this.#datapath = datapath;
  }

  /** Loads the object with empty maps and writes all services. Throws what load() and the maps throw. */
  static async open(platform: Platform, objectFile: string): Promise<Scene> {
    const program = await platform.bpf.load({ objectFile, program: 'fairlead', pinDirectory: undefined });
    const scene = new Scene(program, Datapath.open(program.maps, platform.bpf, await platform.clock()));
    await scene.#writeServices();
    return scene;
  }

  /** Packets by reason since the scene was opened. */
  countReasons(): ReadonlyMap<string, number> {
    return new Map(this.#datapath.metrics.read().map(({ name, packets }) => [name, packets]));
  }

  /** Reads the whole flow table. */
  async countFlows(): Promise<FlowCount> {
    let [entries, packets] = [0, 0];
    for (const { maps } of FAMILIES) {
      const conntrack = this.program.maps.get(maps.conntrack);
      if (conntrack === undefined) throw new FairleadError('FL_E_LOAD', `the program has no map ${maps.conntrack}`);
      for await (const { count, values } of conntrack.chunks()) {
        entries += count;
        for (let i = 0; i < count; i++) packets += Number(values.readBigUInt64LE(i * FLOW.size + FLOW.fields.packets.offset));
      }
    }
    return { entries, packets };
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
  async #writeServices(): Promise<void> {
    for (const [index, { id: serviceId, frontend, action }] of SERVICES.entries()) {
      const backends = Array.from({ length: BACKENDS }, (_, i) => {
        const { address, mac } = describeBackend(i);
        return { backendId: 1 + index * BACKENDS + i, key: `${address}:${BACKEND_PORT}`, weight: 1, address, mac };
      });
      for (const { backendId, address, mac, weight } of backends) {
        this.#datapath.backends.set(backendId, {
          serviceId,
          address,
          port: BACKEND_PORT,
          weight,
          state: 'active',
          generation: 1,
          source: LB_ADDRESS,
          nextHop: { ifindex: INGRESS_IFINDEX, dstMac: mac, srcMac: LB_MAC, mtu: MTU },
        });
      }
      const table = buildMaglevTable(backends, SETTINGS.maglevSize).map((i) => backends[i]?.backendId ?? 0);
      await this.#datapath.maglev.set(serviceId, table);
      const maglevDigest = digestBackends(backends, SETTINGS.maglevSize);
      this.#datapath.services.set(frontend, { id: serviceId, backendCount: BACKENDS, maglevDigest, action });
    }
  }
}
