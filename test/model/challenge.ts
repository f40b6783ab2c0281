// SYN challenges, from "What the program answers itself" of docs/packet-walk.md.
// Imports its siblings.
// Invariant: the numbers are the kernel's; the model takes each from the answer that has it, and knows by it which resets are proofs.

import { answeredAckAt, answerSegment, isFromHost } from './answers.js';
import type { Draft } from './draft.js';
import { findService } from './frontends.js';
import { hashTuple } from './hash.js';
import type { State, Tuple } from './state.js';
import { answer, drop, type Ending, type Walk } from './walk.js';
import { age } from './worth.js';

const [SYN, RST, ACK] = [0x02, 0x04, 0x10];
const ALWAYS = 2;
/** Of a proof. */
const SECONDS = 600;
/** The kernel's numbers tell one of four segment sizes; challenges always have the first. */
const SIZES = 4;

const pairOf = ({ saddr, daddr, sport, dport }: Tuple): string => `${saddr} ${daddr} ${sport} ${dport}`;

/** Where an address's proof stands, and how it is known again. */
function proofOf({ settings }: Draft, saddr: string): { readonly slot: number; readonly hash: number } {
  const { low, high } = hashTuple({ saddr, daddr: '0'.repeat(saddr.length), sport: 0, dport: 0, protocol: 0 }, settings.slotSeed);
  return { slot: high >>> 16, hash: (low | 1) >>> 0 };
}

/** Has this second seen half of the new flows that it may have? */
function isPressed({ settings: { newFlowRate, ticksPerSecond }, window, now }: Draft): boolean {
  return (now - window.began) >>> 0 < ticksPerSecond && window.count >= newFlowRate - Math.floor(newFlowRate / 2);
}

/** Of a TCP segment to a virtual address; undefined: it goes on. */
export function challenge(packet: Walk, hasEntry: boolean): Ending | undefined {
  const { headers, draft, arrival } = packet;
  const { tuple, tcpFlags } = headers;
  const { synChallenge = 0 } = draft.settings;
  if (synChallenge === 0 || !isFromHost(arrival.frame, headers) || findService(draft.plane, tuple) === undefined) return undefined;
  const { slot, hash } = proofOf(draft, tuple.saddr);
  if (tcpFlags & RST) {
    const made = draft.cookies.get(pairOf(tuple))?.number;
    const seq = arrival.frame.readUInt32BE(headers.transport + 4);
    if (made === undefined || (seq - made) >>> 0 >= SIZES) return undefined;
    draft.noteProofs({ proven: new Map([...draft.proven, [slot, { hash, when: draft.now }]]) });
    return drop('syn_proven');
  }
  if (hasEntry || (tcpFlags & (SYN | ACK)) !== SYN) return undefined;
  const proof = draft.proven.get(slot);
  if (proof?.hash === hash && age(draft.settings, draft.now, proof.when) < SECONDS * draft.settings.ticksPerSecond) return undefined;
  return synChallenge === ALWAYS || isPressed(draft) ? ask(packet) : undefined;
}

function ask(packet: Walk): Ending {
  const { headers, draft, arrival } = packet;
  const at = answeredAckAt(headers);
  const { answered } = arrival;
  const number = answered !== undefined && answered.length >= at + 4 ? answered.readUInt32BE(at) : 0;
  draft.noteProofs({ cookies: new Map([...draft.cookies, [pairOf(headers.tuple), { tuple: headers.tuple, number }]]) });
  return answer(packet, 'syn_challenged', answerSegment(arrival.frame, headers, [0, number], ACK));
}

/** All proofs as old as they may be, or a tick more or less. */
export function ageProofs(state: State, offset: number, now: number): State {
  const when = (now - SECONDS * state.settings.ticksPerSecond + offset) >>> 0;
  return { ...state, proven: new Map([...(state.proven ?? [])].map(([slot, proof]) => [slot, { ...proof, when }])) };
}
