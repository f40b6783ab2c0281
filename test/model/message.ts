// ICMP messages of docs/packet-walk.md: which are answered, which go on, which pass.
// Imports its siblings.
// Invariant: no flow is changed.

import { answerEcho, isEchoRequest, isFromHost, isPlain } from './answers.js';
import { isVirtual } from './frontends.js';
import { vipBit } from './hash.js';
import { walkError } from './icmp-errors.js';
import { isError } from './quote.js';
import { answer, type Ending, pass, type Walk } from './walk.js';

/** An ICMP message. */
export function message(packet: Walk): Ending {
  const { headers, draft, arrival, state } = packet;
  const { daddr } = headers.tuple;
  if (headers.end - headers.transport < 8) return pass(packet, 'protocol');
  if (isError(arrival.frame, headers)) return walkError(packet);
  if (!isEchoRequest(arrival.frame, headers)) return pass(packet, 'protocol');
  const mayBeVirtual = state.vips.has(vipBit(daddr)) && !state.settings.lbAddresses[headers.family].includes(daddr);
  if (!state.settings.vipEcho || !mayBeVirtual || !isPlain(headers) || !isFromHost(arrival.frame, headers)) return pass(packet, 'protocol');
  if (!isVirtual(draft.plane, daddr)) return pass(packet, 'no_service');
  return answer(packet, 'vip_echo', answerEcho(arrival.frame, headers));
}
