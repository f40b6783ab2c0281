// Explanations one after the other: the live maps are read, the program is run on the same, and both are compared.
// Imports platform/port, agent/datapath, agent/model and its siblings.
// Invariant: nothing that forwards is written to; a copy of the program is kept for some seconds, as loading one takes most of the time.

import type { BpfMap } from '../../../platform/port.js';
import { FAMILIES } from '../../datapath/families.js';
import { encodeIndex, WINDOW } from '../../datapath/layout.js';
import { tableEntry } from '../../datapath/maglev-tables.js';
import { NotedMaps } from '../../datapath/noted-maps.js';
import { candidatesOf, holdsTuple } from '../../datapath/trace-flow.js';
import { backendLayout, type Trace } from '../../datapath/trace.js';
import { familyOf } from '../../model/address.js';
import { FairleadError } from '../../model/errors.js';
import type { ExplanationView, FlowQuestion, Outcome, Proof } from '../../model/explanation.js';
import { type FlowTuple, leastBytes, makeFrame, quicPayload, readFrame } from '../../model/frame.js';
import type { HealthStatus } from '../../model/health.js';
import type { DesiredState, Endpoint } from '../../model/service.js';
import type { Session } from '../session.js';
import { Writer } from '../writer.js';
import { compareOutcomes } from './compare.js';
import { decide } from './decide.js';
import { Scratch, type ScratchRun } from './scratch.js';
import type { Decision } from './steps.js';
import type { Surroundings } from './surroundings.js';

/** How long the copy of the program is kept after it was last used, milliseconds. */
const KEPT = 10_000;
/** Bytes that a test run's frame has room for in its first buffer: a page of 4096 less what the kernel keeps before and behind it (3520), rounded down. */
const ONE_BUFFER = 3500;
/** Stands for a client whose link address is not known: a local one that no device has (IEEE 802, locally administered). */
const SOMEBODY = '02:00:00:00:00:fe';

/** Reasons of packets whose flow has an entry, if there is room for one. */
const WITH_ENTRY: readonly string[] = ['snat_request', 'dsr_ipip', 'dsr_l2', 'dsr_untracked', 'local_backend', 'too_big_answered'];

export interface Known {
  readonly state: DesiredState;
  healthOf(service: number, backend: Endpoint): HealthStatus | undefined;
}

export class Explainer {
  readonly #session: Session;
  readonly #turns = new Writer();
  #scratch: Scratch | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(session: Session) {
    this.#session = session;
  }

  explain(question: FlowQuestion, known: Known): Promise<ExplanationView> {
    return this.#turns.run(() => this.#explainNow(question, known));
  }

  /** Gives the copy back. */
  close(): void {
    this.#closed = true;
    this.#drop();
  }

  async #explainNow({ bytes: asked, quicId, ...flow }: FlowQuestion, known: Known): Promise<ExplanationView> {
    this.#session.requireLoaded();
    const { prepared, tables, platform } = this.#session.parts;
    const layout = FAMILIES.find(({ family }) => family === familyOf(flow.destination));
    const config = tables.datapath.config.read();
    if (layout === undefined || config === undefined) throw new FairleadError('FL_E_MAP', 'the config map has no valid entry');
    const clock = await platform.clock();
    const { source: saddr, destination: daddr, sourcePort: sport, destinationPort: dport, protocol } = flow;
    const maps = new NotedMaps(prepared.maps);
    const tuple = { saddr, daddr, sport, dport, protocol };
    const bytes = asked ?? leastBytes(flow) + (quicId === undefined ? 0 : quicPayload(0, quicId).length);
    const trace: Trace = { maps, layout, config, tuple, now: clock.now(), bytes, quicId };
    const table = new OpenedTable((id) => tables.datapath.maglev.open(id));
    try {
      let around = this.#surroundings(flow, known, table, trace);
      let decision = decide(trace, around);
      const { mac, name } = around.ingress;
      const payload = Buffer.alloc(bytes - leastBytes(flow));
      if (quicId !== undefined) quicPayload(decision.quicConfig ?? 0, quicId).copy(payload);
      const packet = makeFrame({ flow, kind: decision.kind, sourceMac: around.clientMac, destinationMac: mac, payload });
      let proof: Proof;
      try {
        this.#refuseSplit(packet.length);
        const scratch = await this.#copy();
        const runIt = () => scratch.run(packet, around.ingress.ifindex, maps, table.opened);
        let run = await runIt();
        if (refreshHop(trace, decision, scratch)) {
          around = { ...around, hopIsFresh: true };
          decision = decide(trace, around);
          // Where the packet was dropped for want of a next hop, what lies behind was not read yet.
          run = await runIt();
        }
        proof = this.#prove(trace, decision, run, scratch);
      } catch (error) {
        if (!(error instanceof FairleadError)) throw error;
        proof = { result: 'unproved', digest: prepared.digest, outcome: undefined, differences: [], why: error.message };
      }
      const { steps, outcome, service, backend, mode } = decision;
      return { flow, packet: { kind: decision.kind, device: name, bytes: packet.length }, steps, outcome, service, backend, mode, proof };
    } finally {
      table.close();
      this.#keepForAWhile();
    }
  }

  #prove(trace: Trace, decision: Decision, run: ScratchRun, scratch: Scratch): Proof {
    const { verdict, reason } = run;
    const forwarded = verdict === 'tx' || verdict === 'redirect';
    const frame = forwarded && decision.outcome.frame !== undefined ? readFrame(run.packet) : undefined;
    const slot = WITH_ENTRY.includes(reason)
      ? candidatesOf(trace).find((index) => holdsTuple(trace, scratch.read(trace.layout.maps.conntrack, encodeIndex(index))))
      : undefined;
    const outcome: Outcome = { verdict, reason, frame, slot };
    const differences = compareOutcomes(decision.outcome, outcome);
    const { digest } = this.#session.parts.prepared;
    return { result: differences.length === 0 ? 'proved' : 'differs', digest, outcome, differences, why: undefined };
  }

  /** A test run splits a long frame as a driver does that has such; a program that is not made for them would not be attached to it. */
  #refuseSplit(bytes: number): void {
    const { platform, settings } = this.#session.parts;
    if (bytes <= ONE_BUFFER || (platform.capabilities.multiBuffer && settings.bpfObject === undefined)) return;
    throw new FairleadError(
      'FL_E_UNSUPPORTED',
      `a frame of ${bytes} bytes is more than one buffer, and this program takes frames of one alone`,
    );
  }

  async #copy(): Promise<Scratch> {
    clearTimeout(this.#timer);
    const { platform, prepared, devices, objectFile } = this.#session.parts;
    const { program: live, maps } = prepared;
    for (const { name, ifindex } of devices) {
      const found = platform.bpf.attachedProgram(ifindex);
      if (found?.programId === live.id) continue;
      throw new FairleadError(
        'FL_E_CONFLICT',
        `device ${name} runs ${found === undefined ? 'no program' : `program ${found.programId}`}, not this agent's ${live.id}`,
      );
    }
    const scratch = this.#scratch ?? (await Scratch.load(platform.bpf, { objectFile: await objectFile(), live, maps }));
    this.#scratch = scratch;
    return scratch;
  }

  #keepForAWhile(): void {
    clearTimeout(this.#timer);
    if (this.#closed) {
      this.#drop();
      return;
    }
    this.#timer = setTimeout(() => this.#drop(), KEPT);
    // Nobody waits for it: the process may end before.
    this.#timer.unref();
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#scratch?.close();
    this.#scratch = undefined;
  }

  #surroundings(flow: FlowTuple, { state, healthOf }: Known, table: OpenedTable, { config, now }: Trace): Surroundings {
    const { platform, devices, hops, tables, prepared } = this.#session.parts;
    const interfaces = platform.network.interfaces();
    const deviceName = (ifindex: number): string => interfaces.find(({ index }) => index === ifindex)?.name ?? `device ${ifindex}`;
    const route = platform.network.route(flow.source);
    const device = devices.find(({ ifindex }) => ifindex === route?.ifindex) ?? devices[0];
    if (device === undefined) throw new FairleadError('FL_E_CONFLICT', 'the program is attached to no device');
    const neighbour = platform.network.neighbours().find(({ ifindex, address }) => ifindex === route?.ifindex && address === route.nextHop);
    const { name, ifindex } = device;
    return {
      state,
      healthOf,
      deviceName,
      ingress: { name, ifindex, mac: interfaces.find(({ index }) => index === ifindex)?.mac ?? SOMEBODY },
      clientMac: neighbour?.mac ?? SOMEBODY,
      servedDevice: (index) => tables.datapath.devices.at(index),
      maglevEntry: (id, slot) => table.entry(id, slot),
      whyUnresolved: (address) => hops.get(address).text,
      begunThisSecond: () => busiest(prepared.maps.get('flow_limit'), config.ticksPerSecond, now),
      hopIsFresh: false,
    };
  }
}

/** The service's Maglev table, opened when it is first asked for: the explanation and the program read the same one. */
class OpenedTable {
  readonly #open: (serviceId: number) => BpfMap | undefined;
  opened: { readonly id: number; readonly map: BpfMap } | undefined;

  constructor(open: (serviceId: number) => BpfMap | undefined) {
    this.#open = open;
  }

  entry(serviceId: number, slot: number): number | undefined {
    if (this.opened === undefined) {
      const map = this.#open(serviceId);
      if (map !== undefined) this.opened = { id: serviceId, map };
    }
    return this.opened === undefined ? undefined : tableEntry(this.opened.map, slot);
  }

  close(): void {
    this.opened?.map.close();
  }
}

/** Takes in what the packet has learned of its next hop from the kernel's FIB; false: nothing that was not known. */
function refreshHop(trace: Trace, { backendId, mode }: Decision, scratch: Scratch): boolean {
  if (backendId === undefined) return false;
  const layout = backendLayout(trace, mode);
  const key = encodeIndex(backendId);
  const [before, after] = [trace.maps.read(layout.maps.backends, key), scratch.read(layout.maps.backends, key)];
  if (before === undefined || after === undefined) return false;
  const { nextHopAt } = layout.backend.fields;
  const same = Buffer.from(after);
  before.copy(same, nextHopAt.offset, nextHopAt.offset, nextHopAt.offset + nextHopAt.type.size);
  if (same.equals(before)) return false;
  trace.maps.put(layout.maps.backends, key, after);
  return true;
}

/** New flows that the CPU with most of them has counted in its present second. */
function busiest(map: BpfMap | undefined, ticksPerSecond: number, now: number): number {
  const value = map?.lookup(encodeIndex(0));
  let most = 0;
  for (let at = 0; value !== undefined && at + WINDOW.size <= value.length; at += WINDOW.size) {
    const { began, count } = WINDOW.decode(value, at);
    if ((now - began) >>> 0 < ticksPerSecond) most = Math.max(most, count);
  }
  return most;
}
