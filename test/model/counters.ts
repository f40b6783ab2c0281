// The kernel's counters beside the model's: by reason, by backend, and what services have refused.
// Imports agent/datapath's tables and the model's outcomes.
// Invariant: they only grow, so what was counted once need not be read again before the end of a sequence.

import { type BackendStats, COUNTER, encodeIndex, type Refusals } from '../../agent/datapath/layout.js';
import { addStats, NO_STATS, StatsTable } from '../../agent/datapath/stats-table.js';
import { REASONS } from '../../agent/model/reasons.js';
import type { BpfMap } from '../../platform/port.js';
import type { DataPlane } from '../bpf/load.js';
import type { Outcome } from './walk.js';

interface Counted {
  readonly packets: number;
  readonly bytes: number;
}
const NOTHING: Counted = { packets: 0, bytes: 0 };
const INDEX: ReadonlyMap<string, number> = new Map(REASONS.map(({ name }, index) => [name, index]));

export class Counters {
  readonly #plane: DataPlane;
  readonly #metrics: BpfMap;
  readonly #counted = new Map<string, Counted>();
  readonly #stats: StatsTable;
  /** By backend id; and by service id and reason. */
  readonly #statsOf = new Map<number, BackendStats>();
  readonly #refused = new Map<string, number>();

  constructor(plane: DataPlane) {
    this.#plane = plane;
    this.#metrics = plane.map('metrics');
    const [stats, past, refused] = ['backend_stats', 'service_past', 'service_refused'].map((name) => plane.map(name));
    this.#stats = new StatsTable({ backends: stats as BpfMap, past: past as BpfMap, refused: refused as BpfMap });
    this.forget();
  }

  /** What differs of the counters that a packet of so many bytes should have changed. */
  differs(outcome: Outcome, bytes: number): string | undefined {
    const { reason, counts } = outcome;
    const counter = this.#read(reason);
    const counted = this.#counted.get(reason) ?? NOTHING;
    if (counter.packets !== counted.packets + 1 || counter.bytes !== counted.bytes + bytes)
      return `reason: model ${reason}, kernel ${this.lastReason()}`;
    for (const id of new Set([counts?.sent?.backendId, counts?.began])) {
      const wrong = id === undefined ? undefined : this.#statsDiffer(id, this.#counting(id, outcome, bytes));
      if (wrong !== undefined) return `${wrong} (${reason})`;
    }
    if (counts?.refusedBy === undefined) return undefined;
    const { refusedBy, refusedFor = reason } = counts;
    const wanted = (this.#refused.get(`${refusedBy} ${refusedFor}`) ?? 0) + 1;
    const found = this.#readRefused(refusedBy, refusedFor);
    return found === wanted ? undefined : `refused by service ${refusedBy} (${refusedFor}): model ${wanted}, kernel ${found}`;
  }

  /** All of them, those that should not have changed too. */
  checkAll(): string | undefined {
    for (let id = 0; id < this.#plane.map('backend_stats').maxEntries; id++) {
      const wrong = this.#statsDiffer(id, this.#statsOf.get(id) ?? NO_STATS);
      if (wrong !== undefined) return wrong;
    }
    const wrong = REASONS.filter(({ name }) => this.#isOther(name));
    return wrong.length === 0 ? undefined : `counters differ: ${wrong.map(({ name }) => name).join(', ')}`;
  }

  /** The reason that the kernel has counted and the model has not. */
  lastReason(): string {
    const grown = REASONS.filter(({ name }) => this.#isOther(name));
    return grown.map(({ name }) => name).join(' and ') || 'none';
  }

  count(outcome: Outcome, bytes: number): void {
    const { reason, counts } = outcome;
    const counted = this.#counted.get(reason) ?? NOTHING;
    this.#counted.set(reason, { packets: counted.packets + 1, bytes: counted.bytes + bytes });
    for (const id of new Set([counts?.sent?.backendId, counts?.began])) {
      if (id !== undefined) this.#statsOf.set(id, this.#counting(id, outcome, bytes));
    }
    if (counts?.refusedBy === undefined) return;
    const key = `${counts.refusedBy} ${counts.refusedFor ?? reason}`;
    this.#refused.set(key, (this.#refused.get(key) ?? 0) + 1);
  }

  /** Takes the counters as they stand. */
  forget(): void {
    for (const { name } of REASONS) this.#counted.set(name, this.#read(name));
    for (let id = 0; id < this.#plane.map('backend_stats').maxEntries; id++) this.#statsOf.set(id, this.#stats.backend(id));
    this.#refused.clear();
    for (let service = 1; service <= this.#plane.map('service_refused').maxEntries; service++) {
      this.#stats.forget(service);
      this.#stats.begin(service);
    }
  }

  #isOther(reason: string): boolean {
    const { packets, bytes } = this.#read(reason);
    const wanted = this.#counted.get(reason) ?? NOTHING;
    return packets !== wanted.packets || bytes !== wanted.bytes;
  }

  #read(reason: string): Counted {
    const value = this.#metrics.lookup(encodeIndex(INDEX.get(reason) as number)) as Buffer;
    const sum = { packets: 0, bytes: 0 };
    for (let at = 0; at < value.length; at += COUNTER.size) {
      sum.packets += Number(value.readBigUInt64LE(at));
      sum.bytes += Number(value.readBigUInt64LE(at + 8));
    }
    return sum;
  }

  /** A backend's counters once this packet is counted. */
  #counting(id: number, { counts }: Outcome, bytes: number): BackendStats {
    const sent = counts?.sent?.backendId === id ? counts.sent : undefined;
    const traffic = sent?.reply ? { replyPackets: 1, replyBytes: bytes } : { packets: 1, bytes };
    const more = { ...NO_STATS, ...(sent === undefined ? {} : traffic), newFlows: counts?.began === id ? 1 : 0 };
    return addStats(this.#statsOf.get(id) ?? NO_STATS, more);
  }

  #statsDiffer(id: number, wanted: BackendStats): string | undefined {
    const found = this.#stats.backend(id);
    const same = (Object.keys(wanted) as (keyof BackendStats)[]).every((name) => found[name] === wanted[name]);
    return same ? undefined : `counters of backend ${id}: model ${JSON.stringify(wanted)}, kernel ${JSON.stringify(found)}`;
  }

  #readRefused(serviceId: number, reason: string): number {
    const name = reason.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    return this.#stats.refusals(serviceId)[name as keyof Refusals];
  }
}
