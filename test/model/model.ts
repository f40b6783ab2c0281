// The reference model of the data plane: docs/packet-walk.md as functions from a packet and a state to a verdict, a packet and a state.
// Imports its siblings; nothing of the product. Read it beside that page: each stage of the way is a file, and they have the page's order and names.
// Invariant: pure. What the page leaves to time and place (the clock, the CPU's window, the FIB) is in the arguments.
// Not covered: --ipip-source, which is at rest, and frames of several buffers.

import { act } from './act.js';
import { isIcmp } from './answers.js';
import { begin } from './begin.js';
import { Draft } from './draft.js';
import { challenge } from './challenge.js';
import { continues, countPacket, findFlow, refresh } from './flow.js';
import { flowPlaces, hashTuple, vipBit } from './hash.js';
import { readHeaders } from './headers.js';
import { message } from './message.js';
import { walkFragment } from './piecemeal.js';
import { isSnatPort } from './ports.js';
import { reply } from './reply.js';
import type { Flow, State } from './state.js';
import { type Arrival, type Ending, type Outcome, pass, type Walk } from './walk.js';
import { age } from './worth.js';

export function walkPacket(state: State, arrival: Arrival): Outcome {
  const headers = readHeaders(arrival.frame);
  if (typeof headers === 'string') return { ...pass({ arrival }, headers), state };
  const draft = new Draft(state, headers.family, arrival.now);
  const ending = walk({ arrival, headers, state, draft });
  return { ...ending, state: draft.finish() };
}

function walk(packet: Walk): Ending {
  const { fragment } = packet.headers;
  if (fragment === undefined) return walkWhole(packet);
  const ending = walkFragment(packet, fragment);
  return 'draft' in ending ? walkWhole(ending) : ending;
}

/** "Every packet", from step 4. */
function walkWhole(packet: Walk): Ending {
  const { headers, state, draft } = packet;
  const { settings } = state;
  const { tuple } = headers;
  if (isIcmp(headers)) return message(packet);
  if (settings.lbAddresses[headers.family].includes(tuple.daddr)) {
    return isSnatPort(settings, tuple.dport) ? reply(packet) : pass(packet, 'local');
  }
  if (!state.vips.has(vipBit(tuple.daddr))) return pass(packet, 'no_service');
  const places = flowPlaces(hashTuple(tuple, settings.slotSeed), draft.plane.flows.length);
  const index = findFlow(draft, places, tuple);
  const challenged = challenge(packet, index !== undefined);
  if (challenged !== undefined) return challenged;
  if (index === undefined || !continues(packet, index)) return begin(packet, places, index);
  if (headers.hops <= 1) return pass(packet, 'ttl_expired');
  const found = draft.plane.flows[index]?.entry as Flow;
  if (age(settings, draft.now, found.refreshed) >= settings.ticksPerSecond && !refresh(packet, index)) return begin(packet, places, index);
  const flow = countPacket(packet, index);
  return act(packet, flow.backendId, flow.action, flow, false);
}
