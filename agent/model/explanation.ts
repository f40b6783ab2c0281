// What `explain` is asked and what it answers: plain data that commands print as text or JSON.
// Imports only its siblings. The JSON forms of these are a contract (docs/json.md).

import type { Verdict } from './events.js';
import type { FlowTuple, FrameView } from './frame.js';
import type { Action, Endpoint } from './service.js';

export interface FlowQuestion extends FlowTuple {
  /** Of the IP packet; undefined: as few as it can have. */
  readonly bytes?: number | undefined;
  /** Of UDP: the server id in its QUIC connection id, hex; undefined: it is not QUIC. */
  readonly quicId?: string | undefined;
}

/** In the order in which a packet comes to them (docs/packet-walk.md). */
export const EXPLAIN_STEPS = [
  'address',
  'flow',
  'service',
  'source',
  'quic',
  'affinity',
  'maglev',
  'backend',
  'next hop',
  'rate',
  'slot',
  'port',
  'action',
  'MTU',
  'reply',
] as const;
export type ExplainStepName = (typeof EXPLAIN_STEPS)[number];

export interface ExplainStep {
  readonly step: ExplainStepName;
  readonly text: string;
  /** The packet's way ends here: what follows is not reached. */
  readonly ends: boolean;
}

/** What becomes of a packet. */
export interface Outcome {
  readonly verdict: Verdict;
  /** By the name that metrics and docs/errors.md have. */
  readonly reason: string;
  /** As it leaves; undefined: it is not forwarded, or as an answer of the program's own. */
  readonly frame: FrameView | undefined;
  /** Where its flow's entry stands in the flow table afterwards; undefined: it is not forwarded, or has none. */
  readonly slot: number | undefined;
}

/** The packet that was asked about: what the client would send next. */
export interface ExplainedPacket {
  readonly kind: 'SYN' | 'ACK' | 'datagram';
  readonly device: string;
  /** Of the frame. */
  readonly bytes: number;
}

/** What the program itself did with that packet, in a copy that holds what the live maps hold about it. */
export interface Proof {
  /** 'unproved': it could not be run; `why` says so. */
  readonly result: 'proved' | 'differs' | 'unproved';
  /** Of the program: the one that `status` shows. */
  readonly digest: string;
  readonly outcome: Outcome | undefined;
  /** What it did otherwise than was said, one line each. */
  readonly differences: readonly string[];
  readonly why: string | undefined;
}

export interface ExplanationView {
  readonly flow: FlowTuple;
  readonly packet: ExplainedPacket;
  readonly steps: readonly ExplainStep[];
  readonly outcome: Outcome;
  /** Id of the service; undefined: none is concerned. */
  readonly service: number | undefined;
  readonly backend: Endpoint | undefined;
  /** What the flow does, or would do, with its packets. */
  readonly mode: Action | undefined;
  readonly proof: Proof;
}
