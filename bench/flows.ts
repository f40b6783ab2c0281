// Brings flows into a scene by sending what a client sends, and gives the frames that they go on with.
// Imports agent/model/errors.ts and its siblings.
// Invariant: flow entries are written by the program itself; a reply is made of the request that the program sent.

import { FairleadError } from '../agent/model/errors.js';
import { buildReplyV4, TCP_ACK, TCP_SYN } from './frames.js';
import { type FrameSet, MANY_FLOWS } from './paths.js';
import type { Scene } from './scene.js';
import { buildClientFrame } from './traffic.js';
import type { FrameRange, Wrapper } from './wrapper.js';

/** Sends one frame through the scene's program and returns what it sent. Throws FL_E_SYSTEM when it did not. */
function forward(scene: Scene, frame: Buffer): Buffer {
  const { verdict, packet } = scene.program.testRun(frame);
  if (verdict === 'tx') return packet;
  throw new FairleadError('FL_E_SYSTEM', `a flow could not be begun: the program answered ${verdict}, not tx`, {
    hint: 'the packet tests in test/bpf say more',
  });
}

/** Begins one flow (SYN, then ACK) and returns the frame that the backend answers with. */
function beginFlow(scene: Scene, set: 'snat' | 'ipip' | 'l2', flow: number): Buffer {
  const sent = forward(scene, buildClientFrame(set, flow, TCP_SYN));
  forward(scene, buildClientFrame(set, flow, TCP_ACK));
  return sent;
}

/**
 * Frames of MANY_FLOWS established flows in the wrapper, by set. 'snat' gives 'reply' with it: both are directions of one flow.
 * Sets that belong to no service need no flow.
 */
export async function establishFlows(
  scene: Scene,
  wrapper: Wrapper,
  sets: ReadonlySet<FrameSet>,
): Promise<ReadonlyMap<FrameSet, FrameRange>> {
  const ranges = new Map<FrameSet, FrameRange>();
  const flows = Array.from({ length: MANY_FLOWS }, (_, flow) => flow);
  if (sets.has('snat') || sets.has('reply')) {
    const replies = flows.map((flow) => buildReplyV4(beginFlow(scene, 'snat', flow), TCP_ACK));
    // The backend's first answer makes the connection established in both directions.
    for (const reply of replies) forward(scene, reply);
    ranges.set('reply', await wrapper.addFrames(replies));
  }
  for (const set of ['ipip', 'l2'] as const) {
    if (sets.has(set)) for (const flow of flows) beginFlow(scene, set, flow);
  }
  for (const set of ['snat', 'ipip', 'l2', 'local', 'transit'] as const) {
    if (sets.has(set)) ranges.set(set, await wrapper.addFrames(flows.map((flow) => buildClientFrame(set, flow, TCP_ACK))));
  }
  return ranges;
}
