// Events of the data plane as people ask for them and read them: which packets, and what is told of each.
// Imports its siblings only. The JSON form of EventView is a contract (docs/json.md).

import type { ReasonKind } from './reasons.js';

/** In the order of enum fl_event_kind (bpf/layout.h), from 1. */
export const EVENT_KINDS = ['new-flow', 'drop', 'sample'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** In the order of enum fl_verdict, from 1. */
export const VERDICTS = ['pass', 'drop', 'tx', 'redirect'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Bytes of a packet that an event holds at most (FL_EVENT_BYTES). */
export const MAX_SNAP = 256;

export interface Prefix {
  /** Canonical text; no bit behind the prefix is set. */
  readonly address: string;
  readonly length: number;
}

/** Which packets become events; what is undefined does not matter. */
export interface EventFilter {
  readonly kinds: readonly EventKind[];
  /** One packet of so many becomes a sample, on each CPU. */
  readonly sample: number;
  /** Events a second and CPU; 0: no bound. */
  readonly rate: number;
  /** Bytes of packet that are wanted, 0 to MAX_SNAP. */
  readonly snap: number;
  readonly service: number | undefined;
  /** Of source or destination, as the packet came in. */
  readonly prefix: Prefix | undefined;
  /** Name of a reason. */
  readonly reason: string | undefined;
}

/** One packet. Addresses and ports are those that it came in with; undefined where it has none. */
export interface EventView {
  /** Seconds since 1970, to the microsecond. */
  readonly time: number;
  readonly kind: EventKind;
  readonly reason: string;
  readonly verdict: Verdict;
  /** Device that it came in by; undefined when that is gone. */
  readonly device: string | undefined;
  readonly source: string | undefined;
  readonly sourcePort: number | undefined;
  readonly destination: string | undefined;
  readonly destinationPort: number | undefined;
  /** 'tcp', 'udp', 'icmp', ... or the IP protocol's number; undefined: not IP. */
  readonly protocol: string | undefined;
  /** Undefined: of no service, or of none that the packet's own header shows. */
  readonly service: number | undefined;
  /** Of the flow that the packet belongs to. */
  readonly backend: string | undefined;
  readonly backendPort: number | undefined;
  /** Of the whole frame. */
  readonly bytes: number;
}

export interface PacketEvent {
  readonly view: EventView;
  /** The frame's first bytes, as it came in. */
  readonly packet: Uint8Array;
}

/** Events that were left out. */
export interface EventLosses {
  /** Because there were more than the rate allows. */
  readonly limited: number;
  /** Because nobody took them as fast as they came. */
  readonly lost: number;
}

/** The kinds that make sense when a person names none: what a reason can be seen by, else what is worth a look. */
export function usualKinds(reasonKind: ReasonKind | undefined): readonly EventKind[] {
  if (reasonKind === undefined) return ['new-flow', 'drop'];
  return reasonKind === 'drop' ? ['drop'] : ['sample'];
}
