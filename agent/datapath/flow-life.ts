// A flow's life as its entry tells it: state, how long it may rest, whether it has ended. The rules of bpf/flow-life.h, read the same way.
// Imports agent/model and layout.ts. Pure functions; times are 32-bit ticks that wrap.

import type { Action, Protocol } from '../model/service.js';
import type { FlowState } from '../model/views.js';
import { TCP_SEEN } from './layout.js';

/** How long an entry may rest, in one unit of the caller's choice (settings: seconds; flow tables: ticks). */
export interface FlowTimeouts {
  readonly syn: number;
  readonly established: number;
  readonly closing: number;
  readonly udp: number;
}

/** What decides over a flow's life. */
export interface FlowTraits {
  readonly protocol: Protocol;
  /** Undefined: an entry that the data plane did not write. */
  readonly action: Action | undefined;
  /** Bits of TCP_SEEN, client to backend. */
  readonly seen: number;
  /** The same, backend to client; 0 in DSR or without a reverse entry. */
  readonly seenInReply: number;
}

/** A stamp so little ahead of "now" is one that the data plane wrote after "now" was read. */
const AHEAD_SECONDS = 60;

/** Ticks from `then` to `now`, both modulo 2^32. 0 when `then` is up to a minute ahead: the data plane's clock is read first. */
export function elapsedTicks(now: number, then: number, ticksPerSecond: number): number {
  const elapsed = (now - then) >>> 0;
  return elapsed > 0xffffffff - AHEAD_SECONDS * ticksPerSecond ? 0 : elapsed;
}

/** Both sides have ended the connection, as far as the node can see: a RST, or FIN both ways (in DSR: the client's). */
export function isClosing(traits: FlowTraits): boolean {
  if (traits.protocol === 'udp') return false;
  if (((traits.seen | traits.seenInReply) & TCP_SEEN.rst) !== 0) return true;
  if ((traits.seen & TCP_SEEN.fin) === 0) return false;
  return traits.action !== 'snat' || (traits.seenInReply & TCP_SEEN.fin) !== 0;
}

/** IDLE while the client has sent nothing but SYNs: an answer alone establishes nothing. */
export function flowState(traits: FlowTraits): FlowState {
  if (isClosing(traits)) return 'CLOSING';
  return traits.protocol === 'tcp' && (traits.seen & TCP_SEEN.other) === 0 ? 'IDLE' : 'ACTIVE';
}

/** How long the flow may rest before it has ended, in the unit of `timeouts`. */
export function flowTimeout(traits: FlowTraits, timeouts: FlowTimeouts): number {
  if (traits.protocol === 'udp') return timeouts.udp;
  const state = flowState(traits);
  return state === 'CLOSING' ? timeouts.closing : state === 'IDLE' ? timeouts.syn : timeouts.established;
}

/**
 * The shortest that the flow may rest whatever its reverse entry says (a RST of the backend's ends a SNAT flow);
 * who counts looks closer only from there on.
 */
export function shortestTimeout({ protocol, action, seen }: Omit<FlowTraits, 'seenInReply'>, timeouts: FlowTimeouts): number {
  if (protocol === 'udp') return timeouts.udp;
  const open = (seen & TCP_SEEN.other) === 0 ? timeouts.syn : timeouts.established;
  return action === 'snat' || (seen & (TCP_SEEN.fin | TCP_SEEN.rst)) !== 0 ? Math.min(open, timeouts.closing) : open;
}
