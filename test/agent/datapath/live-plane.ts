// The data plane in the kernel, asked by packets of a test run: what the agent computes beside it must be what it does.
// Imports planes.ts, flow-fixtures.ts, the packet builder and test/bpf's namespace.
// The namespace has no routes, so the FIB answers nothing and the next hops stand as they were written.

import { Datapath } from '../../../agent/datapath/datapath.js';
import { encodeIndex, type Tuple } from '../../../agent/datapath/layout.js';
import type { Family } from '../../../agent/model/address.js';
import type { Action, Frontend } from '../../../agent/model/service.js';
import type { Clock, TestRun } from '../../../platform/port.js';
import { makeNamespace, type Namespace } from '../../bpf/namespace.js';
import { buildFrame, ethernet, ipv4, ipv6, tcp, udp } from '../../support/packet/build.js';
import { skipTest } from '../../tools/skip.js';
import { LAST_SLOTS_USED } from '../../bpf/load.js';
import { HOSTS } from './flow-fixtures.js';
import { empty, type LoadedProgram, loadProgram, type Plane, SIZES } from './planes.js';

/** The one service of a family; its Maglev table knows the family's backend alone. */
const SERVICE_ID: Readonly<Record<Family, number>> = { 4: 7, 6: 8 };

export class LivePlane {
  readonly maps: Plane['maps'];
  readonly inner: Plane['inner'];
  readonly clock: Clock;
  readonly datapath: Datapath;
  readonly #loaded: LoadedProgram;
  readonly #namespace: Namespace = makeNamespace();

  private constructor(loaded: LoadedProgram) {
    this.#loaded = loaded;
    this.maps = loaded.program.maps;
    this.inner = loaded.inner;
    this.clock = loaded.clock;
    this.datapath = Datapath.open(this.maps, this.inner, this.clock);
  }

  static async load(): Promise<LivePlane> {
    return new LivePlane(await loadProgram());
  }

  /** Maps as after loading, but for the backends and tables that serve() needs. */
  async clear(): Promise<void> {
    await empty(this.maps);
    this.maps.get('last_slots')?.update(encodeIndex(0), LAST_SLOTS_USED);
    for (const family of [4, 6] as const) {
      const { backendId, backend } = HOSTS[family];
      this.datapath.backends.set(backendId, backend);
      await this.datapath.maglev.set(new Map([[SERVICE_ID[family], new Uint32Array(SIZES.maglevSize).fill(backendId)]]));
    }
  }

  /** Makes the family's service answer on this frontend. */
  serve(family: Family, frontend: Frontend, action: Action): void {
    this.datapath.services.set(frontend, { id: SERVICE_ID[family], backendCount: 1, maglevDigest: 1, action });
  }

  /** The first packet of the tuple's flow. */
  send(family: Family, { saddr, daddr, sport, dport, protocol }: Tuple): TestRun['verdict'] {
    const ip = family === 4 ? ipv4({ src: saddr, dst: daddr, ttl: 64 }) : ipv6({ src: saddr, dst: daddr, hopLimit: 64 });
    const transport = protocol === 'tcp' ? tcp({ src: sport, dst: dport, flags: ['syn'] }) : udp({ src: sport, dst: dport });
    const frame = buildFrame(ethernet({ src: '02:00:00:00:00:aa', dst: '02:00:00:00:00:01' }), ip, transport, Buffer.alloc(20));
    return this.#namespace.run(() => this.#loaded.program.testRun(frame).verdict);
  }

  close(): void {
    this.#loaded.program.close();
  }
}

/** A data plane for the enclosing suite, cleared before each test; skips the suite when this is not root. */
export function useLivePlane(): () => LivePlane {
  let plane: LivePlane | undefined;
  before(async function () {
    if (process.getuid?.() !== 0) skipTest(this, 'loading programs needs root');
    plane = await LivePlane.load();
  });
  beforeEach(() => plane?.clear());
  after(() => plane?.close());
  return () => plane as LivePlane;
}
