// A second instance of the data plane's program, with small maps of its own: packets run through it leave no trace in the live ones.
// Imports platform/port, agent/datapath, agent/model and its siblings. docs/adr/0006-explain.md says why.
// Invariant: it is the very program that runs (the kernel's tag of its instructions is the same), and it is attached to nothing.

import type { Bpf, BpfMap, BpfProgram, MapForm } from '../../../platform/port.js';
import { FAMILIES } from '../../datapath/families.js';
import { encodeIndex } from '../../datapath/layout.js';
import { MetricsTable } from '../../datapath/metrics-table.js';
import type { NotedMaps } from '../../datapath/noted-maps.js';
import { FairleadError } from '../../model/errors.js';
import type { Verdict } from '../../model/events.js';
import { PROGRAM_NAME } from '../program/program.js';

/** Room for all that one packet's way reads: slots of its flow and of 32 ports, the flows behind them, their backends. */
const SLOTS = 512;
const ENTRIES = 64;
/** The smallest ring buffer. */
const RING_BYTES = 4096;

/**
 * How the maps are made. A hash takes the keys of an array and of a trie, as whole keys: it holds what was read, and for what was not read the
 * program finds nothing, where the live map may have something. An oversight of the explanation therefore shows.
 */
function forms(): ReadonlyMap<string, MapForm> {
  const hash = (maxEntries: number): MapForm => ({ type: 'hash', maxEntries });
  const lru: MapForm = { type: 'lru_hash', maxEntries: ENTRIES };
  const found = new Map<string, MapForm>([
    ['events', { type: 'ringbuf', maxEntries: RING_BYTES }],
    ['quic_servers', hash(ENTRIES)],
  ]);
  for (const { maps } of FAMILIES) {
    for (const name of [maps.conntrack, maps.snat, maps.backends]) found.set(name, hash(SLOTS));
    for (const name of [maps.services, maps.spans, maps.ranges]) found.set(name, hash(ENTRIES));
    for (const name of [maps.affinity, maps.fragments]) found.set(name, lru);
  }
  return found;
}

export interface ScratchRequest {
  readonly objectFile: string;
  /** The program that runs, and its maps. */
  readonly live: BpfProgram;
  readonly maps: ReadonlyMap<string, BpfMap>;
}

export interface ScratchRun {
  readonly verdict: Verdict;
  readonly packet: Buffer;
  /** By name. */
  readonly reason: string;
}

export class Scratch {
  readonly #program: BpfProgram;
  readonly #live: ReadonlyMap<string, BpfMap>;

  private constructor(program: BpfProgram, live: ReadonlyMap<string, BpfMap>) {
    this.#program = program;
    this.#live = live;
  }

  /** Loads it, which takes the verifier some tenths of a second. Throws FL_E_LOAD when the object is not of the program that runs. */
  static async load(bpf: Bpf, { objectFile, live, maps }: ScratchRequest): Promise<Scratch> {
    const program = await bpf.load({ objectFile, program: PROGRAM_NAME, pinDirectory: undefined, otherwise: forms() });
    if (program.tag === live.tag) return new Scratch(program, maps);
    program.close();
    throw new FairleadError(
      'FL_E_LOAD',
      `object file ${objectFile} is another program (tag ${program.tag}) than the one that runs (${live.tag})`,
      {
        hint: 'start the agent again',
      },
    );
  }

  /** Runs the packet with what was read for it, and the service's Maglev table. */
  async run(
    packet: Buffer,
    ifindex: number,
    noted: NotedMaps,
    table: { readonly id: number; readonly map: BpfMap } | undefined,
  ): Promise<ScratchRun> {
    await this.#empty();
    for (const [name, entries] of noted.entries()) for (const [key, value] of entries) this.#map(name).update(key, value);
    this.#copyWhole();
    const tables = this.#map('lb_maglev');
    if (table !== undefined) await tables.setInner([{ key: encodeIndex(table.id), inner: table.map }]);
    const metrics = new MetricsTable(this.#map('metrics'));
    const before = metrics.read();
    try {
      const { verdict, packet: sent } = this.#program.testRun(packet, { ingressIfindex: ifindex });
      if (verdict === 'aborted') throw new FairleadError('FL_E_SYSTEM', 'the program gave up on the packet (XDP_ABORTED)');
      const reason = metrics.read().find(({ packets }, index) => packets !== before[index]?.packets)?.name ?? 'none';
      return { verdict, packet: sent, reason };
    } finally {
      if (table !== undefined) tables.delete(encodeIndex(table.id));
    }
  }

  /** What the program has left in one of its maps. */
  read(map: string, key: Buffer): Buffer | undefined {
    return this.#map(map).lookup(key);
  }

  close(): void {
    this.#program.close();
  }

  /** What every packet may ask for, and what is small. */
  #copyWhole(): void {
    for (const name of ['config', 'devices', 'snat_sources', 'last_slots']) {
      const [from, to] = [this.#live.get(name), this.#program.maps.get(name)];
      for (let index = 0; index < (to?.maxEntries ?? 0); index++) {
        const value = from?.lookup(encodeIndex(index));
        if (value !== undefined) to?.update(encodeIndex(index), value);
      }
    }
  }

  /** Takes away what an earlier packet has left. */
  async #empty(): Promise<void> {
    for (const [name] of forms()) {
      const map = this.#program.maps.get(name);
      if (map === undefined || map.type === 'ringbuf') continue;
      const keys: Buffer[] = [];
      for await (const chunk of map.chunks()) keys.push(Buffer.from(chunk.keys.subarray(0, chunk.count * map.keySize)));
      const all = Buffer.concat(keys);
      if (all.length > 0) await map.deleteMany(all, all.length / map.keySize);
    }
    for (const name of ['flow_limit', 'answer_limit', 'vips']) this.#zero(name);
  }

  #zero(name: string): void {
    const map = this.#program.maps.get(name);
    for (let index = 0; index < (map?.maxEntries ?? 0); index++) map?.update(encodeIndex(index), Buffer.alloc(map.valueSize));
  }

  #map(name: string): BpfMap {
    const map = this.#program.maps.get(name);
    if (map !== undefined) return map;
    throw new FairleadError('FL_E_LOAD', `map ${name}: the program has no such map`, {
      hint: 'rebuild the object from the sources of this agent',
    });
  }
}
