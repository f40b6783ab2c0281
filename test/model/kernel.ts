// The data plane in the kernel beside the model: takes the model's states, runs packets, and says where the two differ.
// Imports test/bpf's loader and its siblings.
// Invariant: between two packets the maps hold exactly the state that was put last, or the one that the model found after the last packet.

import type { DataPlane } from '../bpf/load.js';
import { ConfigMaps } from './config-maps.js';
import { Counters } from './counters.js';
import { FlowTable } from './flow-table.js';
import { mapMemory, writeFlow, writeReply } from './memory.js';
import { walkPacket } from './model.js';
import type { Side } from './side-map.js';
import { Forgetting, sideMaps } from './side-maps.js';
import type { Family, Flow, Reverse, Service, State } from './state.js';
import type { Outcome } from './walk.js';

/** Whether a bed forwards, and so answers for the FIB: all programs of a loader share it. */
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
  readonly #flows: Readonly<Record<Family, FlowTable<Flow>>>;
  readonly #replies: Readonly<Record<Family, FlowTable<Reverse>>>;
  readonly #config: ConfigMaps;
  readonly #counters: Counters;
  readonly #sides: readonly Side[];
  readonly #forgetting: Forgetting;
  readonly #services: Record<Family, readonly Service[]> = { 4: [], 6: [] };
  #state: State | undefined;

  /** `generic`: the program reads its settings from the config map, so they may be any. */
  constructor(plane: DataPlane, generic: boolean) {
    this.#plane = plane;
    this.#generic = generic;
    const memory = (name: string) => mapMemory(plane.map(name));
    this.#flows = { 4: new FlowTable(memory('ct4'), 4, writeFlow), 6: new FlowTable(memory('ct6'), 6, writeFlow) };
    this.#replies = { 4: new FlowTable(memory('snat4'), 4, writeReply), 6: new FlowTable(memory('snat6'), 6, writeReply) };
    this.#config = new ConfigMaps(plane);
    this.#counters = new Counters(plane);
    this.#sides = sideMaps(plane);
    this.#forgetting = new Forgetting(plane);
  }

  get slots(): number {
    return this.#plane.map('ct4').maxEntries;
  }

  /** Inside the namespace of the test, where packets must run. */
  inside<Result>(action: () => Result): Result {
    return this.#plane.bed.run(action);
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
    if (this.#generic && state.settings !== before?.settings) this.#config.putSettings(state.settings);
    if (FORWARDING.get(this.#plane.bed) !== state.fib.size > 0) {
      this.#plane.bed.setForwarding(state.fib.size > 0);
      FORWARDING.set(this.#plane.bed, state.fib.size > 0);
    }
    if (state.vips !== before?.vips) this.#config.putVips(state.vips, before?.vips);
    for (const [index, device] of state.devices.entries()) {
      if (device !== before?.devices[index]) this.#config.putDevice(index, device);
    }
    if (state.window !== before?.window) this.#config.putWindow('flow_limit', state.window);
    if (state.answers !== before?.answers || before === undefined) this.#config.putWindow('answer_limit', state.answers);
    for (const side of this.#sides) side.put(state);
    this.#forgetting.written();
    for (const family of [4, 6] as const) {
      const { services, backends, flows, replies } = state.planes[family];
      const former = before?.planes[family];
      this.#flows[family].put(flows);
      this.#replies[family].put(replies);
      for (const [id, backend] of backends.entries()) if (backend !== former?.backends[id]) this.#config.putBackend(family, id, backend);
      for (const service of this.#services[family]) if (!services.includes(service)) this.#config.dropService(family, service);
      const again = state.planes[family].denied !== former?.denied; // each service's entry says whether there are any
      for (const service of services)
        if (again || !this.#services[family].includes(service)) this.#config.putService(state, family, service);
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
      const outcome = walkPacket(state, { frame, ingress, now, answered: run.packet });
      return { outcome, difference: this.#difference(state, outcome, run.verdict, run.packet, frame) };
    };
    // The clock was read a little before the program read it. Where a tick or two do not explain what differs, it is asked how many there were.
    let exchange = compare(begun);
    for (let ticks = 1; exchange.difference !== undefined && (ticks <= 2 || ticks <= this.#elapsed(begun)); ticks++) {
      const later = compare((begun + ticks) >>> 0);
      if (later.difference === undefined) exchange = later;
    }
    if (exchange.difference === undefined) {
      this.#counters.count(exchange.outcome, frame.length);
      if (exchange.outcome.state !== state) this.#state = exchange.outcome.state;
      for (const side of this.#sides) side.accept(exchange.outcome.state);
    } else {
      this.#counters.forget();
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
      const wrong = this.#config.backendDiffers(family, state.planes[family].backends, []);
      if (wrong !== undefined) return wrong;
    }
    for (const side of this.#sides) {
      const wrong = side.checkAll(state);
      if (wrong !== undefined) return wrong;
    }
    return this.#counters.checkAll();
  }

  /** Ticks since `begun`, the clock read anew. */
  #elapsed(begun: number): number {
    const until = performance.now() + 1.2; // clock.now() may be a millisecond old
    while (performance.now() < until);
    return Math.min((this.now() - begun) >>> 0, 5000);
  }

  #difference(before: State, outcome: Outcome, verdict: string, packet: Buffer, frame: Buffer): string | undefined {
    const { reason, state } = outcome;
    if (verdict !== outcome.verdict)
      return `verdict: model ${outcome.verdict} (${reason}), kernel ${verdict} (${this.#counters.lastReason()})`;
    const miscounted = this.#counters.differs(outcome, frame.length);
    if (miscounted !== undefined) return miscounted;
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
      const wrong = this.#config.backendDiffers(family, plane.backends, before.planes[family].backends);
      if (wrong !== undefined) return wrong;
    }
    for (const side of this.#sides) {
      const wrong = side.differs(state);
      if (wrong !== undefined) return wrong;
    }
    const { newFlowRate, answerRate = 0 } = state.settings;
    return (
      (newFlowRate === 0 ? undefined : this.#config.windowDiffers('flow_limit', before.window, state.window)) ??
      (answerRate === 0 ? undefined : this.#config.windowDiffers('answer_limit', before.answers, state.answers))
    );
  }
}
