// "SNAT, reply" of docs/packet-walk.md.
// Imports its siblings.
// Invariant: the flow itself is not looked at.

import { seenIn } from './flow.js';
import { replyPlace } from './hash.js';
import { clampMss } from './mss.js';
import { relink, snatReply } from './rewrite.js';
import { type Reverse, type Slot, sameTuple } from './state.js';
import { type Ending, forward, pass, type Walk } from './walk.js';

/** "SNAT, reply". */
export function reply(packet: Walk): Ending {
  const { headers, draft, arrival } = packet;
  const place = replyPlace(headers.tuple, draft.settings, draft.plane.replies.length);
  const reverse = (draft.plane.replies[place] as Slot<Reverse>).entry;
  if (reverse === undefined || !sameTuple(reverse.tuple, headers.tuple)) return pass(packet, 'local');
  if (headers.hops <= 1) return pass(packet, 'ttl_expired');
  draft.changeReply(place, {
    packets: reverse.packets + 1,
    bytes: reverse.bytes + arrival.frame.length,
    lastSeen: draft.now,
    seen: reverse.seen | seenIn(headers),
  });
  const ends = { source: reverse.service, destination: reverse.client, sport: reverse.servicePort, dport: reverse.clientPort };
  return sendToClient(packet, reverse, snatReply(clampMss(packet).arrival.frame, headers, ends), 'snat_reply');
}

/** By the link that the client's packets come by. */
export function sendToClient(packet: Walk, { link, backendId }: Reverse, frame: Buffer, reason: string): Ending {
  const { arrival, headers, state } = packet;
  const device = state.devices[link.device];
  const known = device !== undefined && device.ifindex !== 0;
  const ownMac = known ? device.mac : arrival.frame.toString('hex', 0, 6);
  const egress = known ? device.ifindex : arrival.ingress;
  return forward(packet, reason, relink(frame, headers, ownMac, link), egress, { backendId, reply: true });
}
