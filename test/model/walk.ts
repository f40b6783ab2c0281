// One packet on its way, and what the parts of the walk say of it: what the stages of the model share.
// Imports the state's types, draft.ts and headers.ts.
// Invariant: an ending says nothing about the state, which stands in the draft.

import type { Draft } from './draft.js';
import type { Headers } from './headers.js';
import type { Service, State } from './state.js';

export interface Arrival {
  readonly frame: Buffer;
  readonly ingress: number;
  readonly now: number;
  /** What the program has answered, from which the number of a challenge is taken: the kernel makes it, by a key of its own. */
  readonly answered?: Buffer;
}
export interface Outcome {
  readonly verdict: 'pass' | 'drop' | 'tx' | 'redirect';
  readonly reason: string;
  /** Undefined: dropped. */
  readonly frame: Buffer | undefined;
  /** The device that it leaves by. */
  readonly egress: number | undefined;
  /** Whose counters grow by this packet. */
  readonly counts?: Counts;
  readonly state: State;
}

export interface Counts {
  /** The backend that it goes to, or whose client. */
  readonly sent?: { readonly backendId: number; readonly reply: boolean };
  /** The backend that a flow was begun to. */
  readonly began?: number;
  /** The service that has refused to begin a flow. */
  readonly refusedBy?: number;
  /** Why, where the packet's own reason is that it was answered. */
  readonly refusedFor?: string;
}

/** What a part of the walk says; the state stands in the draft. */
export type Ending = Omit<Outcome, 'state'>;

export const drop = (reason: string): Ending => ({ verdict: 'drop', reason, frame: undefined, egress: undefined });
export const refuse = (service: Service, reason: string): Ending => ({ ...drop(reason), counts: { refusedBy: service.id } });

/** One packet on its way. */
export interface Walk {
  readonly arrival: Arrival;
  readonly headers: Headers;
  readonly state: State;
  readonly draft: Draft;
}

export const pass = ({ arrival }: { readonly arrival: Arrival }, reason: string): Ending => ({
  verdict: 'pass',
  reason,
  frame: arrival.frame,
  egress: undefined,
});
export const forward = ({ arrival }: Walk, reason: string, frame: Buffer, egress: number, sent: NonNullable<Counts['sent']>): Ending => ({
  verdict: egress === arrival.ingress ? 'tx' : 'redirect',
  reason,
  frame,
  egress,
  counts: { sent },
});

/** An answer, back by the link that the packet came by. */
export const answer = ({ arrival }: Walk, reason: string, frame: Buffer): Ending => ({
  verdict: 'tx',
  reason,
  frame,
  egress: arrival.ingress,
});
