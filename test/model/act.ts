// What a flow's action makes of a packet: the ways out of docs/packet-walk.md, and the answer to one that does not fit.
// Imports its siblings.
// Invariant: the flow is counted before.

import { answerTooBig, countAnswer, isFromHost } from './answers.js';
import { clampMss } from './mss.js';
import { dsrIpip, dsrL2, outerBytes, snatRequest } from './rewrite.js';
import { sourceOf } from './snat-source.js';
import type { Backend, Flow } from './state.js';
import { answer, drop, type Ending, forward, pass, type Walk } from './walk.js';
import { backendTable } from './worth.js';

/** Of flows of other actions than SNAT. */
export const NO_PORT = { snatPort: 0, snatSource: 0 };

/** The flow's action. `untracked`: without an entry. */
export function act(
  given: Walk,
  backendId: number,
  action: Flow['action'],
  { snatPort, snatSource }: Pick<Flow, 'snatPort' | 'snatSource'>,
  untracked: boolean,
): Ending {
  const packet = action === 'local' ? given : clampMss(given);
  const { arrival, headers, state, draft } = packet;
  const backend = draft.plane[backendTable(action)]?.[backendId] as Backend;
  const sent = { backendId, reply: false };
  if (action === 'local') return { ...pass(packet, 'local_backend'), counts: { sent } };
  if (!backend.resolved) return drop('unresolved');
  if (action === 'snat') {
    const source = sourceOf(state.settings, headers.family, backend, snatSource);
    return forward(packet, 'snat_request', snatRequest(arrival.frame, headers, backend, source, snatPort), backend.ifindex, sent);
  }
  if (action === 'dsr-l2')
    return forward(packet, untracked ? 'dsr_untracked' : 'dsr_l2', dsrL2(arrival.frame, headers, backend), backend.ifindex, sent);
  const outer = action === 'dsr-ipip6' ? 6 : headers.family;
  const room = backend.mtu - outerBytes(outer);
  if (headers.end - headers.ip > room) return tooBig(packet, room);
  return forward(packet, untracked ? 'dsr_untracked' : 'dsr_ipip', dsrIpip(arrival.frame, headers, backend, outer), backend.ifindex, sent);
}

/** The packet would have to be of `mtu` bytes. */
function tooBig(packet: Walk, mtu: number): Ending {
  const { headers, draft, arrival } = packet;
  const mayBeCut = headers.family === 4 && (arrival.frame.readUInt8(headers.ip + 6) & 0x40) === 0;
  if (headers.fragment?.offset || mayBeCut || !isFromHost(arrival.frame, headers) || !countAnswer(draft)) return drop('too_big');
  return answer(packet, 'too_big_answered', answerTooBig(arrival.frame, headers, mtu));
}
