// "Fragments" of docs/packet-walk.md: the way of a packet that is not whole.
// Imports its siblings.
// Invariant: only a first fragment begins a flow.

import { act, NO_PORT } from './act.js';
import { chooseBackend, countNewFlow, noService } from './begin.js';
import { countPacket, findFlow } from './flow.js';
import { datagramOf, firstOf, isPort, isTiny, recall, remember, withPorts } from './fragments.js';
import { findService } from './frontends.js';
import { flowPlaces, hashTuple, vipBit } from './hash.js';
import { type Fragment, readFirst } from './headers.js';
import { isSnatPort } from './ports.js';
import { reply } from './reply.js';
import type { Flow } from './state.js';
import { drop, type Ending, pass, type Walk } from './walk.js';
import { backendOf, backendTable } from './worth.js';

/** A fragment. A first one goes on as a whole packet: as what is returned. */
export function walkFragment(packet: Walk, fragment: Fragment): Ending | Walk {
  const { headers, state, draft, arrival } = packet;
  const { settings } = state;
  const toLb = settings.lbAddresses[headers.family].includes(headers.tuple.daddr);
  if (!toLb && !state.vips.has(vipBit(headers.tuple.daddr))) return pass(packet, 'fragment');
  const datagram = datagramOf(headers, fragment);
  if (fragment.offset === 0) {
    if (!isPort(headers)) return pass(packet, 'fragment');
    if (isTiny(arrival.frame, headers)) return toLb ? pass(packet, 'fragment') : drop('fragment_tiny');
    const first = firstOf(arrival.frame, headers, fragment, draft.now);
    const counts = !toLb || isSnatPort(settings, first.dport);
    if (counts && countNewFlow(draft)) remember(draft, datagram, first);
    const whole = readFirst(arrival.frame, headers);
    return typeof whole === 'string' ? pass(packet, whole) : { ...packet, headers: whole };
  }
  const first = recall(draft, datagram);
  if (first === undefined) {
    if (toLb || !isPort(headers)) return pass(packet, 'fragment');
    return settings.earlyFragmentsPass ? pass(packet, 'fragment_early_pass') : drop('fragment_early');
  }
  if (fragment.offset < first.bytes) return drop('fragment_overlap');
  const later = { ...packet, headers: withPorts(headers, first) };
  return toLb ? reply(later) : walkLater(later);
}

/** A later fragment to a virtual address: its flow's way, or that of a flow without an entry. */
function walkLater(packet: Walk): Ending {
  const { headers, draft } = packet;
  const { tuple } = headers;
  const { settings, plane } = draft;
  if (headers.hops <= 1) return pass(packet, 'ttl_expired');
  const index = findFlow(draft, flowPlaces(hashTuple(tuple, settings.slotSeed), plane.flows.length), tuple);
  const own = index === undefined ? undefined : (plane.flows[index]?.entry as Flow);
  if (index !== undefined && own !== undefined && backendOf(plane, own) !== undefined) {
    const flow = countPacket(packet, index);
    return act(packet, flow.backendId, flow.action, flow, false);
  }
  const service = findService(plane, tuple);
  if (service === undefined) return noService(packet);
  const backendId = chooseBackend(service, hashTuple(tuple, settings.hashSeed).low % settings.maglevSize) ?? 0;
  const backend = plane[backendTable(service.action)]?.[backendId];
  const serves = backend !== undefined && backend.state !== 'free';
  const action = serves && backend.local ? 'local' : service.action;
  if (action === 'snat') return drop('fragment_early');
  return serves ? act(packet, backendId, action, NO_PORT, true) : drop('no_backend');
}
