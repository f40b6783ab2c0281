// Brings flows into a scene by sending what a client sends, and gives the frames that they go on with.
// Imports agent/model/errors.ts and its siblings.
// Invariant: flow entries are written by the program itself; a reply is made of the request that the program sent.

import { FairleadError } from '../agent/model/errors.js';
import { buildReply, TCP_ACK, TCP_SYN } from './frames.js';
import { type FrameSet, MANY_FLOWS } from './paths.js';
import type { Scene } from './scene.js';
import { buildClientFrame } from './traffic.js';
import type { FrameRange, Wrapper } from './wrapper.js';

/** Sends one frame through the scene's program and returns what it sent. Throws FL_E_SYSTEM when it did not. */
function forward(scene: Scene, frame: Buffer): Buffer {
  const { verdict, packet } = scene.send(frame);
  if (verdict === 'tx') return packet;
  const counted = [...scene.countReasons()].filter(([, count]) => count > 0).map(([reason, count]) => `${count} ${reason}`);
  throw new FairleadError('FL_E_SYSTEM', `a flow could not be begun: the program answered ${verdict}, not tx (${counted.join(', ')})`, {
    hint: 'the packet tests in test/bpf say more',
  });
}

/** Begins one flow (SYN, then ACK) and returns the frame that the backend answers with. */
function beginFlow(scene: Scene, set: 'snat' | 'ipip' | 'l2', flow: number): Buffer {
  const sent = forward(scene, buildClientFrame(scene.family, set, flow, TCP_SYN));
  forward(scene, buildClientFrame(scene.family, set, flow, TCP_ACK));
  return sent;
}

const FLOWS: readonly number[] = Array.from({ length: MANY_FLOWS }, (_, flow) => flow);

/** Begins MANY_FLOWS flows for each set that belongs to a service; returns the SNAT flows' replies, the same in every scene. */
export function establishFlows(scene: Scene, sets: ReadonlySet<FrameSet>): readonly Buffer[] {
  let replies: readonly Buffer[] = [];
  if (sets.has('snat') || sets.has('reply')) {
    replies = FLOWS.map((flow) => {
      const reply = buildReply(beginFlow(scene, 'snat', flow), TCP_ACK);
      // At once: until the backend has answered, a flow may lose its port to another.
      forward(scene, reply);
      return reply;
    });
  }
  for (const set of ['ipip', 'l2'] as const) {
    if (sets.has(set)) for (const flow of FLOWS) beginFlow(scene, set, flow);
  }
  return replies;
}

/** Puts the frames of established flows into the wrapper, by set. `replies`: of establishFlows. */
export async function addFlowFrames(
  wrapper: Wrapper,
  sets: ReadonlySet<FrameSet>,
  replies: readonly Buffer[],
): Promise<ReadonlyMap<FrameSet, FrameRange>> {
  const ranges = new Map<FrameSet, FrameRange>();
  if (replies.length > 0) ranges.set('reply', await wrapper.addFrames(replies));
  for (const set of ['snat', 'ipip', 'l2', 'local', 'transit'] as const) {
    if (sets.has(set)) ranges.set(set, await wrapper.addFrames(FLOWS.map((flow) => buildClientFrame(wrapper.family, set, flow, TCP_ACK))));
  }
  return ranges;
}
