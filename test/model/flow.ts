// "The flow" and "Refresh" of docs/packet-walk.md: whose entry a packet belongs to, and what it changes there.
// Imports its siblings.
// Invariant: an entry is found by its tuple alone, and changed in the draft alone.

import type { Draft } from './draft.js';
import type { Headers } from './headers.js';
import { askNextHop } from './next-hop.js';
import { linkOf, portOf, takePort } from './ports.js';
import { type Flow, type Slot, sameTuple, type Tuple, UDP } from './state.js';
import type { Walk } from './walk.js';
import { age, backendOf, isClosing, isReplyOf, replyOf, seenOf, tableOf, worthOfFlow, worthOfReply } from './worth.js';

/** A slot that was never used ends the search. */
export function findFlow({ plane }: Draft, places: readonly number[], tuple: Tuple): number | undefined {
  for (const place of places) {
    const { entry, freed } = plane.flows[place] as Slot<Flow>;
    if (entry !== undefined && sameTuple(entry.tuple, tuple)) return place;
    if (entry === undefined && !freed) return undefined;
  }
  return undefined;
}

export const seenIn = ({ tuple, tcpFlags }: Headers): number => (tuple.protocol === UDP ? 0 : seenOf(tcpFlags));

/** Does the packet belong to the flow that has its tuple? Step 6. */
export function continues({ headers, draft }: Walk, index: number): boolean {
  const { settings, plane, now } = draft;
  const flow = plane.flows[index]?.entry as Flow;
  if (backendOf(plane, flow) === undefined) return false;
  const isUdp = headers.tuple.protocol === UDP;
  const mayBegin = isUdp ? age(settings, now, flow.lastSeen) >= settings.timeoutUdp : (headers.tcpFlags & 0x16) === 0x02;
  if (!mayBegin) return true;
  if (worthOfFlow(settings, plane, flow, now) === 'ended') return false;
  return isUdp || !isClosing(flow, replyOf(plane, flow)?.seen ?? 0);
}

/** In the flow's entry. */
export function countPacket({ headers, draft, arrival }: Walk, index: number): Flow {
  const found = draft.plane.flows[index]?.entry as Flow;
  return draft.changeFlow(index, {
    packets: found.packets + 1,
    bytes: found.bytes + arrival.frame.length,
    lastSeen: draft.now,
    seen: found.seen | seenIn(headers),
  });
}

/** "Refresh". False: the flow has lost its port. */
export function refresh(packet: Walk, index: number): boolean {
  const { draft } = packet;
  const flow = draft.changeFlow(index, { refreshed: draft.now });
  const backend = askNextHop(packet, tableOf(draft.plane, flow), flow.backendId);
  if (flow.action !== 'snat') return true;
  const standing = draft.plane.replies[flow.reverse]?.entry;
  if (standing !== undefined && isReplyOf(standing, flow)) {
    draft.changeReply(flow.reverse, { link: linkOf(packet) });
    return true;
  }
  if (worthOfReply(draft.settings, draft.plane, flow.reverse, undefined, draft.now) !== 'ended') return false;
  const port = portOf(draft, packet.headers.family, backend, flow.snatPort, flow.snatSource, flow.tuple);
  takePort(packet, index, { ...port, place: flow.reverse });
  return true;
}
