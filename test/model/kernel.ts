// The data plane in the kernel beside the model: takes the model's states, runs packets, and says where the two differ.
// Imports test/bpf's loader, agent/datapath's layout, and the model.
// Invariant: between two packets the maps hold exactly the state that was put last, or the one that the model found after the last packet.

import { FAMILIES as LAYOUTS } from '../../agent/datapath/families.js';
import {
  BACKEND_LOCAL,
  BACKEND_RESOLVED,
  type BackendStats,
  CONFIG,
  COUNTER,
  DEVICE,
  encodeIndex,
  type Refusals,
  SERVICE,
  VIP_WORD,
  WINDOW,
} from '../../agent/datapath/layout.js';
import { addStats, NO_STATS, StatsTable } from '../../agent/datapath/stats-table.js';
import { SpanTable } from '../../agent/datapath/span-table.js';
import { formatAddress } from '../../agent/model/address.js';
import { buildFrontend } from '../../agent/model/frontend.js';
import { REASONS } from '../../agent/model/reasons.js';
import type { Frontend } from '../../agent/model/service.js';
import type { BpfMap } from '../../platform/port.js';
import type { DataPlane } from '../bpf/load.js';
import { setForwarding } from '../bpf/namespace.js';
import { flagsOf, Forgetting, sideMaps } from './side-maps.js';
import { mapMemory, slotBytes, writeFlow, writeReply } from './memory.js';
import { type Outcome, walkPacket } from './model.js';
import type { SideMap } from './side-map.js';
import type { Backend, Family, Flow, Reverse, Service, Settings, Slot, State, Window } from './state.js';

const text = (hex: string): string => formatAddress(Buffer.from(hex, 'hex'));
const frontendOf = ({ address, port, lastPort, bits, protocol }: Service): Frontend =>
  buildFrontend({ address: text(address), port, lastPort, prefixLength: bits, protocol: protocol === 6 ? 'tcp' : 'udp' });
/** Settings of what the model does not cover. */
const AT_REST = {
  earlyFragmentsPass: 0,
  answerRate: 0,
  mssClamp: 0,
  vipEcho: 0,
  noBackend: 0,
  unknownPortDrops: 0,
  synChallenge: 0,
  ipip4Source: '0.0.0.0',
  ipip4Entropy: '0.0.0.0',
  snat4Sources: 0,
  snat6Sources: 0,
};
const NO_WINDOW: Window = { began: 0, count: 0 };
const mac = (hex: string): string => hex.match(/../g)?.join(':') ?? '';

/** One flow table: the kernel's memory, and what the model says that it holds. */
class Table<Entry extends Flow | Reverse> {
  readonly #memory: Buffer;
  readonly #image: Buffer;
  readonly #family: Family;
  readonly #write: (to: Buffer, at: number, family: Family, slot: Slot<Entry>) => void;
  #slots: readonly Slot<Entry>[] = [];

  constructor(memory: Buffer, family: Family, write: (to: Buffer, at: number, family: Family, slot: Slot<Entry>) => void) {
    this.#memory = memory;
    this.#image = Buffer.alloc(memory.length);
    this.#family = family;
    this.#write = write;
  }

  put(slots: readonly Slot<Entry>[]): void {
    for (const at of this.#take(slots)) this.#image.copy(this.#memory, at, at, at + slotBytes(this.#family));
  }

  /** The index of the first slot that differs from the model's; undefined: none does. */
  differs(slots: readonly Slot<Entry>[]): number | undefined {
    this.#take(slots);
    if (this.#image.equals(this.#memory)) return undefined;
    const size = slotBytes(this.#family);
    return slots.findIndex(
      (_, i) => !this.#image.subarray(i * size, (i + 1) * size).equals(this.#memory.subarray(i * size, (i + 1) * size)),
    );
  }

  /** The next put() writes every slot. */
  forget(): void {
    this.#slots = [];
  }

  show(index: number): string {
    const size = slotBytes(this.#family);
    const part = (buffer: Buffer) => buffer.toString('hex', index * size, (index + 1) * size);
    return `model ${part(this.#image)}\n    kernel ${part(this.#memory)}`;
  }

  /** Brings the image up to date; the offsets of slots that changed. What an empty slot holds besides its word is taken from the kernel. */
  #take(slots: readonly Slot<Entry>[]): number[] {
    const changed: number[] = [];
    if (slots === this.#slots) return changed;
    const size = slotBytes(this.#family);
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i] as Slot<Entry>;
      if (slot === this.#slots[i]) continue;
      const at = i * size;
      if (slot.entry === undefined) this.#memory.copy(this.#image, at, at, at + size);
      this.#write(this.#image, at, this.#family, slot);
      changed.push(at);
    }
    this.#slots = slots;
    return changed;
  }
}

/** Whether a namespace forwards, and so answers for the FIB: all programs of a loader share it. */
const FORWARDING = new WeakMap<object, boolean>();

/** What the last run was, for reports. */
export interface Exchange {
  readonly outcome: Outcome;
  /** Undefined: model and kernel agree. */
  readonly difference: string | undefined;
}

export class Kernel {
  readonly #plane: DataPlane;
  readonly #generic: boolean;
  readonly #flows: Readonly<Record<Family, Table<Flow>>>;
  readonly #replies: Readonly<Record<Family, Table<Reverse>>>;
  readonly #spans: SpanTable;
  readonly #sides: readonly SideMap[];
  readonly #forgetting: Forgetting;
  readonly #tables = new Map<number, string>();
  readonly #counted = new Map<string, { packets: number; bytes: number }>();
  readonly #stats: StatsTable;
  /** By backend id; and by service id and reason. */
  readonly #statsOf = new Map<number, BackendStats>();
  readonly #refused = new Map<string, number>();
  readonly #services: Record<Family, readonly Service[]> = { 4: [], 6: [] };
  #state: State | undefined;

  /** `generic`: the program reads its settings from the config map, so they may be any. */
  constructor(plane: DataPlane, generic: boolean) {
    this.#plane = plane;
    this.#generic = generic;
    const memory = (name: string) => mapMemory(plane.map(name));
    this.#flows = { 4: new Table(memory('ct4'), 4, writeFlow), 6: new Table(memory('ct6'), 6, writeFlow) };
    this.#replies = { 4: new Table(memory('snat4'), 4, writeReply), 6: new Table(memory('snat6'), 6, writeReply) };
    const [stats, past, refused] = ['backend_stats', 'service_past', 'service_refused'].map((name) => plane.map(name));
    this.#stats = new StatsTable({ backends: stats as BpfMap, past: past as BpfMap, refused: refused as BpfMap });
    this.#spans = new SpanTable(LAYOUTS.map((layout) => ({ layout, map: plane.map(layout.maps.spans) })));
    this.#sides = sideMaps(plane);
    this.#forgetting = new Forgetting(plane);
    this.#forgetCounters();
  }

  get slots(): number {
    return this.#plane.map('ct4').maxEntries;
  }

  /** Inside the namespace of the test, where packets must run. */
  inside<Result>(action: () => Result): Result {
    return this.#plane.namespace.run(action);
  }

  now(): number {
    return this.#plane.clock.now();
  }

  get ticksPerSecond(): number {
    return this.#plane.clock.ticksPerSecond;
  }

  /** Writes what differs from what stands there. To be called inside. */
  put(state: State): void {
    const before = this.#state;
    if (this.#generic && state.settings !== before?.settings) this.#putSettings(state.settings);
    if (FORWARDING.get(this.#plane.namespace) !== state.fib.size > 0) {
      setForwarding(state.fib.size > 0);
      FORWARDING.set(this.#plane.namespace, state.fib.size > 0);
    }
    if (state.vips !== before?.vips) this.#putVips(state.vips);
    for (const [index, device] of state.devices.entries()) {
      if (device !== before?.devices[index])
        this.#plane.map('devices').update(encodeIndex(index), DEVICE.encode({ ifindex: device.ifindex, mac: mac(device.mac) }));
    }
    if (state.window !== before?.window) this.#putWindow('flow_limit', state.window);
    if (state.answers !== before?.answers || before === undefined) this.#putWindow('answer_limit', state.answers);
    for (const side of this.#sides) side.put(state);
    this.#forgetting.written();
    for (const family of [4, 6] as const) {
      const { services, backends, flows, replies } = state.planes[family];
      const former = before?.planes[family];
      this.#flows[family].put(flows);
      this.#replies[family].put(replies);
      for (const [id, backend] of backends.entries()) if (backend !== former?.backends[id]) this.#putBackend(family, id, backend);
      for (const service of this.#services[family]) if (!services.includes(service)) this.#dropService(family, service);
      const again = state.planes[family].denied !== former?.denied; // each service's entry says whether there are any
      for (const service of services) if (again || !this.#services[family].includes(service)) this.#putService(state, family, service);
      this.#services[family] = services;
    }
    this.#state = state;
  }

  /** Runs a packet through both. To be called inside, with the state that was put or found last. */
  run(given: State, frame: Buffer, ingress: number): Exchange {
    const state = this.#forgetting.apply(given);
    const begun = this.now();
    const run = this.#plane.program.testRun(frame, ingress === 1 ? {} : { ingressIfindex: ingress });
    const compare = (now: number): Exchange => {
      const outcome = walkPacket(state, { frame, ingress, now });
      return { outcome, difference: this.#difference(state, outcome, run.verdict, run.packet, frame) };
    };
    // The clock was read a little before the program read it.
    let exchange = compare(begun);
    for (let ticks = 1; exchange.difference !== undefined && ticks <= Math.max(2, this.#elapsed(begun)); ticks++) {
      const later = compare((begun + ticks) >>> 0);
      if (later.difference === undefined) exchange = later;
    }
    if (exchange.difference === undefined) {
      this.#count(exchange.outcome, frame.length);
      if (exchange.outcome.state !== state) this.#state = exchange.outcome.state;
      for (const side of this.#sides) side.accept(exchange.outcome.state);
    } else {
      this.#forgetCounters();
      this.#state = undefined;
      for (const side of this.#sides) side.forget();
      for (const family of [4, 6] as const) {
        this.#flows[family].forget();
        this.#replies[family].forget();
      }
    }
    return exchange;
  }

  /** All counters and backends; to be called now and then, as each packet looks alone at those that it should change. */
  checkRest(given: State): string | undefined {
    const state = this.#forgetting.apply(given);
    for (const family of [4, 6] as const) {
      const wrong = this.#backendDiffers(family, state.planes[family].backends, []);
      if (wrong !== undefined) return wrong;
    }
    for (let id = 0; id < this.#plane.map('backend_stats').maxEntries; id++) {
      const wrong = this.#statsDiffer(id, this.#statsOf.get(id) ?? NO_STATS);
      if (wrong !== undefined) return wrong;
    }
    for (const side of this.#sides) {
      const wrong = side.checkAll(state);
      if (wrong !== undefined) return wrong;
    }
    const wrong = REASONS.filter(({ name }) => {
      const { packets, bytes } = this.#readCounter(name);
      const wanted = this.#counted.get(name);
      return packets !== (wanted?.packets ?? 0) || bytes !== (wanted?.bytes ?? 0);
    });
    return wrong.length === 0 ? undefined : `counters differ: ${wrong.map(({ name }) => name).join(', ')}`;
  }

  /** Ticks since `begun`, the clock read anew. */
  #elapsed(begun: number): number {
    const until = performance.now() + 1.2; // clock.now() may be a millisecond old
    while (performance.now() < until);
    return Math.min((this.now() - begun) >>> 0, 5000);
  }

  #difference(before: State, outcome: Outcome, verdict: string, packet: Buffer, frame: Buffer): string | undefined {
    const { reason, state } = outcome;
    if (verdict !== outcome.verdict) return `verdict: model ${outcome.verdict} (${reason}), kernel ${verdict} (${this.#lastReason()})`;
    const counter = this.#readCounter(reason);
    const counted = this.#counted.get(reason) ?? { packets: 0, bytes: 0 };
    if (counter.packets !== counted.packets + 1 || counter.bytes !== counted.bytes + frame.length)
      return `reason: model ${reason}, kernel ${this.#lastReason()}`;
    for (const id of new Set([outcome.counts?.sent?.backendId, outcome.counts?.began])) {
      const wrong = id === undefined ? undefined : this.#statsDiffer(id, this.#counting(id, outcome, frame.length));
      if (wrong !== undefined) return `${wrong} (${reason})`;
    }
    if (outcome.counts?.refusedBy !== undefined) {
      const { refusedBy, refusedFor = reason } = outcome.counts;
      const wanted = (this.#refused.get(`${refusedBy} ${refusedFor}`) ?? 0) + 1;
      const found = this.#readRefused(refusedBy, refusedFor);
      if (found !== wanted) return `refused by service ${refusedBy} (${refusedFor}): model ${wanted}, kernel ${found}`;
    }
    if (outcome.frame !== undefined && !outcome.frame.equals(packet))
      return `packet out (${reason}):\n    model ${outcome.frame.toString('hex')}\n    kernel ${packet.toString('hex')}`;
    for (const family of [4, 6] as const) {
      const plane = state.planes[family];
      for (const [name, table, slots] of [
        ['ct', this.#flows[family], plane.flows],
        ['snat', this.#replies[family], plane.replies],
      ] as const) {
        const index = table.differs(slots as never);
        if (index !== undefined) return `${name}${family} slot ${index} (${reason}):\n    ${table.show(index)}`;
      }
      if (plane.backends === before.planes[family].backends) continue;
      const wrong = this.#backendDiffers(family, plane.backends, before.planes[family].backends);
      if (wrong !== undefined) return wrong;
    }
    for (const side of this.#sides) {
      const wrong = side.differs(state);
      if (wrong !== undefined) return wrong;
    }
    const { newFlowRate, answerRate = 0 } = state.settings;
    return (
      (newFlowRate === 0 ? undefined : this.#windowDiffers('flow_limit', before.window, state.window)) ??
      (answerRate === 0 ? undefined : this.#windowDiffers('answer_limit', before.answers, state.answers))
    );
  }

  /** Those that are not the same as `before` are looked at. */
  #backendDiffers(family: Family, backends: readonly Backend[], before: readonly Backend[]): string | undefined {
    for (const [id, backend] of backends.entries()) {
      if (backend === before[id]) continue;
      const found = this.#readBackend(family, id);
      const wanted = this.#encodeBackend(family, id, backend);
      if (!found.equals(wanted))
        return `backend ${id} of IPv${family}:\n    model ${wanted.toString('hex')}\n    kernel ${found.toString('hex')}`;
    }
    return undefined;
  }

  #putWindow(map: string, window: Window = NO_WINDOW): void {
    const limit = this.#plane.map(map);
    limit.update(encodeIndex(0), Buffer.concat(Array.from({ length: limit.valueSize / WINDOW.size }, () => WINDOW.encode(window))));
  }

  /** One CPU's window is the model's, every other's as it was put. */
  #windowDiffers(map: string, before: Window | undefined, window: Window = NO_WINDOW): string | undefined {
    const value = this.#plane.map(map).lookup(encodeIndex(0)) as Buffer;
    const windows = Array.from({ length: value.length / WINDOW.size }, (_, cpu) => WINDOW.decode(value, cpu * WINDOW.size));
    const found = windows.some(({ began, count }) => began === window.began && count === window.count);
    return found ? undefined : `${map}: model ${JSON.stringify([before, window])}, kernel ${JSON.stringify(windows)}`;
  }

  #lastReason(): string {
    const grown = REASONS.filter(({ name }) => this.#readCounter(name).packets !== (this.#counted.get(name)?.packets ?? 0));
    return grown.map(({ name }) => name).join(' and ') || 'none';
  }

  #readCounter(reason: string): { packets: number; bytes: number } {
    const value = this.#plane.map('metrics').lookup(encodeIndex(REASONS.findIndex(({ name }) => name === reason))) as Buffer;
    const sum = { packets: 0, bytes: 0 };
    for (let at = 0; at < value.length; at += COUNTER.size) {
      sum.packets += Number(value.readBigUInt64LE(at));
      sum.bytes += Number(value.readBigUInt64LE(at + 8));
    }
    return sum;
  }

  #count(outcome: Outcome, bytes: number): void {
    const { reason, counts } = outcome;
    const counted = this.#counted.get(reason) ?? { packets: 0, bytes: 0 };
    this.#counted.set(reason, { packets: counted.packets + 1, bytes: counted.bytes + bytes });
    for (const id of new Set([counts?.sent?.backendId, counts?.began])) {
      if (id !== undefined) this.#statsOf.set(id, this.#counting(id, outcome, bytes));
    }
    if (counts?.refusedBy === undefined) return;
    const key = `${counts.refusedBy} ${counts.refusedFor ?? reason}`;
    this.#refused.set(key, (this.#refused.get(key) ?? 0) + 1);
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

  /** Takes the counters as they stand. */
  #forgetCounters(): void {
    for (const { name } of REASONS) this.#counted.set(name, this.#readCounter(name));
    for (let id = 0; id < this.#plane.map('backend_stats').maxEntries; id++) this.#statsOf.set(id, this.#stats.backend(id));
    this.#refused.clear();
    for (let service = 1; service <= this.#plane.map('service_refused').maxEntries; service++) {
      this.#stats.forget(service);
      this.#stats.begin(service);
    }
  }

  #putSettings(settings: Settings): void {
    const map = this.#plane.map('config');
    const addresses = (family: Family, none: string) => Array.from({ length: 4 }, (_, i) => text(settings.lbAddresses[family][i] ?? none));
    const { snatPorts, lbAddresses: _, ...rest } = settings;
    const config = CONFIG.encode({
      ...AT_REST,
      ...rest,
      layout: 0,
      snatPortMin: snatPorts[0],
      snatPortMax: snatPorts[1],
      hashSeed: Number(settings.hashSeed),
      lb4Address: addresses(4, '00000000'),
      lb6Address: addresses(6, '0'.repeat(32)),
    });
    map.update(encodeIndex(0), config);
  }

  #putVips(vips: ReadonlySet<number>): void {
    const before = this.#state?.vips;
    const words = new Map<number, bigint>();
    for (const bit of before ?? []) words.set(bit >> 6, 0n);
    if (before === undefined) for (let word = 0; word < 1024; word++) words.set(word, 0n);
    for (const bit of vips) words.set(bit >> 6, (words.get(bit >> 6) ?? 0n) | (1n << BigInt(bit & 63)));
    for (const [word, bits] of words) this.#plane.map('vips').update(encodeIndex(word), VIP_WORD.encode({ bits }));
  }

  #encodeBackend(family: Family, id: number, backend: Backend): Buffer {
    const layout = LAYOUTS[family === 4 ? 0 : 1] as (typeof LAYOUTS)[0];
    const { address, source, dstMac, srcMac, state, resolved, local, ...rest } = backend;
    return layout.backend.encode({
      weight: 1,
      ...rest,
      id,
      address: text(address),
      source: text(source),
      dstMac: mac(dstMac),
      srcMac: mac(srcMac),
      state: state === 'free' ? undefined : state,
      flags: (resolved ? BACKEND_RESOLVED : 0) | (local ? BACKEND_LOCAL : 0),
      serviceId: 1,
    });
  }

  #putBackend(family: Family, id: number, backend: Backend): void {
    this.#plane.map(`lb${family}_backends`).update(encodeIndex(id), this.#encodeBackend(family, id, backend));
  }

  #readBackend(family: Family, id: number): Buffer {
    return this.#plane.map(`lb${family}_backends`).lookup(encodeIndex(id)) as Buffer;
  }

  #frontend(family: Family, service: Service): Buffer {
    const layout = LAYOUTS[family === 4 ? 0 : 1] as (typeof LAYOUTS)[0];
    return layout.frontend.encode(frontendOf(service));
  }

  #dropService(family: Family, service: Service): void {
    this.#spans.remove(frontendOf(service));
    this.#plane.map(`lb${family}_services`).delete(this.#frontend(family, service));
  }

  #putService({ settings, planes }: State, family: Family, service: Service): void {
    const size = settings.maglevSize;
    const { id, action, backendCount, table } = service;
    const inner = this.#plane.tables.get(id);
    const content = `${size} ${table.join()}`;
    if (inner !== undefined && this.#tables.get(id) !== content) {
      const entry = Buffer.alloc(8);
      for (let pair = 0; 2 * pair < size; pair++) {
        for (const half of [0, 1]) entry.writeUInt32LE(table[(2 * pair + half) % table.length] ?? 0, 4 * half);
        inner.update(encodeIndex(pair), entry);
      }
      this.#tables.set(id, content);
    }
    const value = SERVICE.encode({
      id,
      backendCount,
      maglevDigest: 1,
      action,
      flags: flagsOf(service, planes[family].denied),
      quicIdBytes: 0,
      quicConfig: 0,
      affinitySeconds: service.affinitySeconds ?? 0,
    });
    this.#plane.map(`lb${family}_services`).update(this.#frontend(family, service), value);
    this.#spans.add(frontendOf(service));
  }
}
