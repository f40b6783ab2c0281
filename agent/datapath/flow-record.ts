// One flow as read from the maps: its entry, and the reverse entry that belongs to it.
// Imports agent/model, platform/port and its siblings.
// Invariant: a reverse entry is joined only when it names the flow's own client and service; its slot may have gone to another flow.

import type { BpfMap } from '../../platform/port.js';
import type { FlowView } from '../model/views.js';
import type { BackendEntry, BackendTable } from './backend-table.js';
import type { FamilyLayout } from './families.js';
import { elapsedTicks, type FlowTimeouts, type FlowTraits, flowState, flowTimeout } from './flow-life.js';
import { encodeIndex, type Flow, type FlowSlot, type Reverse, SLOT_YIELDED, type Tuple } from './layout.js';

export interface FlowMaps {
  readonly layout: FamilyLayout;
  readonly conntrack: BpfMap;
  readonly snat: BpfMap;
}

export interface FlowRecord {
  readonly tuple: Tuple;
  readonly flow: Flow;
  /** Undefined: DSR, or the reverse entry is not there. */
  readonly reverse: Reverse | undefined;
}

/** Address and port of the slot in question, whatever its generation. */
export type BackendOf = (id: number) => BackendEntry | undefined;

/** How long a backend that was looked up is taken for true. */
const REMEMBERED_MILLISECONDS = 1000;

/** Looks each backend up once a second at most: thousands of flows share a few backends. */
export function rememberBackends(backends: BackendTable): BackendOf {
  const known = new Map<number, BackendEntry | undefined>();
  let since = performance.now();
  return (id) => {
    const now = performance.now();
    if (now - since > REMEMBERED_MILLISECONDS) {
      known.clear();
      since = now;
    }
    if (!known.has(id)) known.set(id, backends.get(id));
    return known.get(id);
  };
}

/** Whether a slot at byte `at` of `values` holds an entry: it is not empty, freed or being written. */
export function slotInUse(layout: FamilyLayout, values: Buffer, at: number): boolean {
  // An index, not readUInt8: a pass asks this of half a million slots, most of them empty.
  const protocol = values[at + layout.tuple.fields.protocol.offset] ?? 0;
  return protocol !== 0 && protocol < SLOT_YIELDED;
}

/** The reverse entry of a flow, if it is there and the flow's own. */
export function findReverse(maps: FlowMaps, { tuple, flow }: FlowSlot): Reverse | undefined {
  if (flow.action !== 'snat') return undefined;
  const value = maps.snat.lookup(encodeIndex(flow.reverse));
  if (value === undefined || !slotInUse(maps.layout, value, 0)) return undefined;
  const reverse = maps.layout.reverse.decode(value);
  const own =
    reverse.clientPort === tuple.sport &&
    reverse.servicePort === tuple.dport &&
    reverse.clientAddr === tuple.saddr &&
    reverse.serviceAddr === tuple.daddr &&
    reverse.tuple.protocol === tuple.protocol;
  return own ? reverse : undefined;
}

export function traitsOf(record: FlowRecord): FlowTraits {
  const { tuple, flow, reverse } = record;
  return { protocol: tuple.protocol, action: flow.action, seen: flow.tcpSeen, seenInReply: reverse?.tcpSeen ?? 0 };
}

/** Ticks since the flow's last packet in either direction. */
export function restTicks(record: FlowRecord, now: number, ticksPerSecond: number): number {
  const rest = elapsedTicks(now, record.flow.lastSeen, ticksPerSecond);
  return record.reverse === undefined ? rest : Math.min(rest, elapsedTicks(now, record.reverse.lastSeen, ticksPerSecond));
}

/** Whether the flow has rested longer than it may; timeouts in ticks. */
export function hasExpired(record: FlowRecord, timeouts: FlowTimeouts, now: number, ticksPerSecond: number): boolean {
  return restTicks(record, now, ticksPerSecond) >= flowTimeout(traitsOf(record), timeouts);
}

/**
 * The flow as people see it, or undefined when its backend is gone: the flow has ended then, and its slot may be taken.
 * The age is right for 2^32 ticks (49 days at 1000 a second) and begins again at 0 after them.
 */
export function toFlowView(record: FlowRecord, backendOf: BackendOf, now: number, ticksPerSecond: number): FlowView | undefined {
  const { tuple, flow, reverse } = record;
  const backend = backendOf(flow.backendId);
  if (backend === undefined || backend.generation !== flow.backendGeneration || flow.action === undefined) return undefined;
  const seconds = (ticks: number): number => Math.round((ticks / ticksPerSecond) * 1000) / 1000;
  return {
    source: tuple.saddr,
    sourcePort: tuple.sport,
    destination: tuple.daddr,
    destinationPort: tuple.dport,
    protocol: tuple.protocol,
    backend: backend.address,
    backendPort: backend.port || tuple.dport,
    mode: flow.action,
    snatPort: flow.action === 'snat' ? flow.snatPort : undefined,
    snatAddress: reverse?.tuple.daddr,
    state: flowState(traitsOf(record)),
    txPackets: flow.packets,
    txBytes: flow.bytes,
    rxPackets: reverse?.packets,
    rxBytes: reverse?.bytes,
    age: seconds(elapsedTicks(now, flow.created, ticksPerSecond)),
    idle: seconds(restTicks(record, now, ticksPerSecond)),
  };
}
