// Where a packet's flow stands in the flow tables, what its entry is worth, and which slot a new flow would take.
// Imports agent/model and its siblings. The rules of bpf/balance/slots.h and bpf/flow-life.h.

import { elapsedTicks, flowState, flowTimeout, isClosing } from './flow-life.js';
import { slotInUse } from './flow-record.js';
import { encodeIndex, type FlowSlot, type Reverse, SLOT_BUSY, SLOT_YIELDED, TCP_SEEN, type Tuple } from './layout.js';
import type { BackendEntry } from './backend-table.js';
import { backendOfFlow, timeoutsOf, type Trace } from './trace.js';
import { flowCandidates, hashTuple } from './tuple-hash.js';

/** What a slot holds, in the order in which slots are taken for new flows (enum slot_fate). */
export const FATES = ['ended', 'half', 'silent', 'live'] as const;
export type Fate = (typeof FATES)[number];

/** FLOW_SILENT_SECONDS. */
const SILENT_SECONDS = 300;
/** FLOW_PATIENT_CANDIDATES. */
const PATIENT = 12;

export interface FoundFlow {
  readonly index: number;
  readonly slot: FlowSlot;
  /** Undefined: not SNAT, or its slot has gone to another flow. */
  readonly reverse: Reverse | undefined;
  /** Undefined: it is gone, or its slot has another backend by now. */
  readonly backend: BackendEntry | undefined;
  readonly fate: Fate;
  /** Both ends have closed it, as far as the node sees. */
  readonly closing: boolean;
}

/** The slots that the tuple's flow may stand in, in the order in which they are searched; all of them are read. */
export function candidatesOf(trace: Trace): readonly number[] {
  const hash = hashTuple(encodeTuple(trace), trace.config.slotSeed);
  const candidates = flowCandidates(hash, trace.maps.sizeOf(trace.layout.maps.conntrack));
  for (const index of candidates) fateOf(trace, index);
  return candidates;
}

export function encodeTuple({ layout, tuple }: Pick<Trace, 'layout' | 'tuple'>): Buffer {
  return layout.tuple.encode(tuple);
}

/** Is the value of this slot the flow's with the packet's tuple? Claims are not compared. */
export function holdsTuple(trace: Pick<Trace, 'layout' | 'tuple'>, value: Buffer | undefined): boolean {
  const length = trace.layout.tuple.fields.protocol.offset + 1;
  return value?.compare(encodeTuple(trace), 0, length, 0, length) === 0;
}

/** The flow with the packet's tuple. */
export function findFlow(trace: Trace): FoundFlow | undefined {
  for (const index of candidatesOf(trace)) {
    const value = readSlot(trace, index);
    if (value === undefined) return undefined;
    if (holdsTuple(trace, value)) return describe(trace, index, value);
    // Behind one that was never used there is nothing: the flow would have been put there.
    if (value.readUInt8(trace.layout.tuple.fields.protocol.offset) === 0) return undefined;
  }
  return undefined;
}

function describe(trace: Trace, index: number, value: Buffer): FoundFlow {
  const slot = trace.layout.slot.decode(value);
  const reverse = reverseOf(trace, slot);
  const traits = { protocol: slot.tuple.protocol, action: slot.flow.action, seen: slot.flow.tcpSeen, seenInReply: reverse?.tcpSeen ?? 0 };
  return {
    index,
    slot,
    reverse,
    backend: backendOfFlow(trace, slot.flow),
    fate: fateOf(trace, index),
    closing: isClosing(traits),
  };
}

function readSlot({ maps, layout }: Trace, index: number): Buffer | undefined {
  return maps.read(layout.maps.conntrack, encodeIndex(index));
}

/** The reverse entry that is the flow's own (reverse_of). */
export function reverseOf(trace: Trace, { tuple, flow }: FlowSlot): Reverse | undefined {
  if (flow.action !== 'snat') return undefined;
  const { maps, layout } = trace;
  const value = maps.read(layout.maps.snat, encodeIndex(flow.reverse));
  if (value === undefined || !protocolIn(value, layout.reverse.fields.tuple.offset + layout.tuple.fields.protocol.offset)) return undefined;
  const reverse = layout.reverse.decode(value);
  return isReverseOf(reverse, tuple) ? reverse : undefined;
}

export function isReverseOf(reverse: Reverse, tuple: Tuple): boolean {
  return (
    reverse.clientPort === tuple.sport &&
    reverse.servicePort === tuple.dport &&
    reverse.clientAddr === tuple.saddr &&
    reverse.serviceAddr === tuple.daddr &&
    reverse.tuple.protocol === tuple.protocol
  );
}

function protocolIn(value: Buffer, at: number): boolean {
  const number = value.readUInt8(at);
  return number !== 0 && number < SLOT_YIELDED;
}

/** What the slot of this index is worth (flow_fate). */
export function fateOf(trace: Trace, index: number): Fate {
  const value = readSlot(trace, index);
  const { layout, config, now } = trace;
  if (value === undefined) return 'live';
  if (!slotInUse(layout, value, 0)) return value.readUInt8(layout.tuple.fields.protocol.offset) === SLOT_BUSY ? 'live' : 'ended';
  const slot = layout.slot.decode(value);
  const rest = elapsedTicks(now, slot.flow.lastSeen, config.ticksPerSecond);
  // Read in any case: a packet that is the flow's own needs them.
  const reverse = reverseOf(trace, slot);
  const backend = backendOfFlow(trace, slot.flow);
  if (isHalfOpen(trace, slot, rest)) return 'half';
  if (backend === undefined) return 'ended';
  const fate = worthOf(trace, slot, 0, rest);
  if (reverse === undefined || (fate === 'half' && (slot.flow.tcpSeen & TCP_SEEN.fin) === 0)) return fate;
  return worthOf(trace, slot, reverse.tcpSeen, Math.min(rest, elapsedTicks(now, reverse.lastSeen, config.ticksPerSecond)));
}

/** flow_half_open: the slot alone tells that it is. */
function isHalfOpen({ config }: Trace, { tuple, flow }: FlowSlot, rest: number): boolean {
  if (tuple.protocol === 'tcp' && flow.tcpSeen === TCP_SEEN.other) return flow.packets <= 1 && rest < config.timeoutEstablished;
  if (tuple.protocol === 'tcp') return (flow.tcpSeen & ~TCP_SEEN.syn) === 0 && rest < config.timeoutSyn;
  return flow.packets <= 1 && rest < config.timeoutUdp;
}

/** slot_fate. */
function worthOf({ config }: Trace, { tuple, flow }: FlowSlot, seenInReply: number, rest: number): Fate {
  const traits = { protocol: tuple.protocol, action: flow.action, seen: flow.tcpSeen, seenInReply };
  if (rest >= flowTimeout(traits, timeoutsOf(config))) return 'ended';
  if (flow.packets <= 1 || flowState(traits) === 'CLOSING' || flowState(traits) === 'IDLE') return 'half';
  return rest >= SILENT_SECONDS * config.ticksPerSecond ? 'silent' : 'live';
}

export interface TakenSlot {
  readonly index: number;
  /** What the slot held. */
  readonly held: Fate;
  /** The tables are full hereabouts: a flow gives way, or has given way. */
  readonly pressed: boolean;
}

/** The slot that a new flow takes (slot_take). `own`: the one that its tuple has already. Undefined: all hold live connections. */
export function takeSlot(trace: Trace, own: number | undefined): TakenSlot | undefined {
  let best: TakenSlot | undefined = own === undefined ? undefined : { index: own, held: 'ended', pressed: false };
  let bestRest = 0;
  for (const [place, index] of candidatesOf(trace).entries()) {
    if (best?.held === 'ended' || (best?.held === 'half' && place >= PATIENT)) break;
    const held = fateOf(trace, index);
    const rest = elapsedTicks(trace.now, lastSeen(trace, index), trace.config.ticksPerSecond);
    if (held === 'live' || (best !== undefined && FATES.indexOf(held) > FATES.indexOf(best.held))) continue;
    if (best === undefined || held !== best.held || rest > bestRest) [best, bestRest] = [{ index, held, pressed: false }, rest];
  }
  if (best === undefined) return undefined;
  const value = readSlot(trace, best.index);
  const yielded = value?.readUInt8(trace.layout.tuple.fields.protocol.offset) === SLOT_YIELDED;
  return { ...best, pressed: best.held !== 'ended' || yielded };
}

function lastSeen(trace: Trace, index: number): number {
  const value = readSlot(trace, index);
  return value === undefined ? 0 : trace.layout.slot.decode(value).flow.lastSeen;
}
