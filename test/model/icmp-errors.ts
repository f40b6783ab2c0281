// "ICMP errors" of docs/packet-walk.md: to whoever has sent the packet that an error quotes, quoted as that one has sent it.
// Imports its siblings.
// Invariant: no entry is changed: an error is no packet of a flow.

import { answerTooBig, countAnswer, isHost } from './answers.js';
import { findFlow } from './flow.js';
import { findService } from './frontends.js';
import { flowPlaces, hashTuple, replyPlace, vipBit } from './hash.js';
import type { Headers } from './headers.js';
import { isWrapping, type Quote, quotedAt, quotedSource, readQuote, unwrappedAt } from './quote.js';
import { sendToClient } from './reply.js';
import { dsrIpip, dsrL2, outerBytes, toBackend, translateError } from './rewrite.js';
import { sourceOf } from './snat-source.js';
import { type Flow, sameTuple, type Tuple } from './state.js';
import { messageSum } from './sums.js';
import { drop, type Ending, forward, pass, type Walk } from './walk.js';
import { backendOf } from './worth.js';

/** The smallest MTU that a wrapped packet may be told: of any link of the family, less an outer header over IPv6. */
const LEAST_MTU = { 4: 68, 6: 1240 } as const;
/** Of a message whose checksum is looked at. */
const MOST_BYTES = 1240;

export function walkError(packet: Walk): Ending {
  const { headers, state, arrival } = packet;
  const { family, tuple } = headers;
  if (state.settings.lbAddresses[family].includes(tuple.daddr))
    return isWrapping(arrival.frame, headers, quotedAt(headers)) ? aboutWrapped(packet) : aboutRequest(packet);
  return state.vips.has(vipBit(tuple.daddr)) ? aboutReply(packet) : pass(packet, 'protocol');
}

/** The quote of an error to the one who has sent what it quotes. */
function quoteOf(packet: Walk): Quote | Ending {
  const { arrival, headers } = packet;
  const quote = readQuote(arrival.frame, headers, quotedAt(headers));
  if (quote === undefined) return pass(packet, 'icmp_quote');
  if (quote.tuple.saddr !== headers.tuple.daddr) return pass(packet, 'icmp_unknown');
  return headers.hops <= 1 ? pass(packet, 'ttl_expired') : quote;
}

/** Of packets that go the other way. */
const turned = ({ saddr, daddr, sport, dport, protocol }: Tuple): Tuple => ({
  saddr: daddr,
  daddr: saddr,
  sport: dport,
  dport: sport,
  protocol,
});

function aboutRequest(packet: Walk): Ending {
  const { arrival, headers, draft } = packet;
  const quote = quoteOf(packet);
  if ('verdict' in quote) return quote;
  const replies = turned(quote.tuple);
  const reverse = draft.plane.replies[replyPlace(replies, draft.settings, draft.plane.replies.length)]?.entry;
  if (reverse === undefined || !sameTuple(reverse.tuple, replies)) return pass(packet, 'icmp_unknown');
  const ends = { source: reverse.client, destination: reverse.service, sport: reverse.clientPort, dport: reverse.servicePort };
  const isBackends = headers.tuple.saddr === reverse.tuple.saddr;
  const frame = translateError(arrival.frame, headers, quote, ends, isBackends ? reverse.service : undefined);
  return sendToClient(packet, reverse, frame, 'icmp_to_client');
}

/** The flow that a client's packet of this tuple has. */
function flowOf({ draft }: Walk, tuple: Tuple): Flow | undefined {
  const { plane, settings } = draft;
  const index = findFlow(draft, flowPlaces(hashTuple(tuple, settings.slotSeed), plane.flows.length), tuple);
  return index === undefined ? undefined : plane.flows[index]?.entry;
}

function aboutReply(packet: Walk): Ending {
  const { arrival, headers, draft } = packet;
  const quote = quoteOf(packet);
  if ('verdict' in quote) return quote;
  const requests = turned(quote.tuple);
  const flow = flowOf(packet, requests);
  const backend = flow && backendOf(draft.plane, flow);
  if (flow === undefined || backend === undefined || flow.action === 'dsr-ipip6') return pass(packet, 'icmp_unknown');
  const sent = { backendId: flow.backendId, reply: false };
  if (flow.action === 'local') return { ...pass(packet, 'local_backend'), counts: { sent } };
  if (!backend.resolved) return drop('unresolved');
  const send = (frame: Buffer) => forward(packet, 'icmp_to_backend', frame, backend.ifindex, sent);
  if (flow.action === 'dsr-l2') return send(dsrL2(arrival.frame, headers, backend));
  if (flow.action === 'dsr-ipip') {
    const isTooBig = headers.end - headers.ip + outerBytes(headers.family) > backend.mtu;
    return isTooBig ? drop('too_big') : send(dsrIpip(arrival.frame, { ...headers, tuple: requests }, backend));
  }
  const source = sourceOf(draft.settings, headers.family, backend, flow.snatSource);
  const ends = { source: backend.address, destination: source, sport: backend.port || requests.dport, dport: flow.snatPort };
  return send(toBackend(translateError(arrival.frame, headers, quote, ends, source), backend));
}

/** The MTU that an error tells; 0: none. */
function mtuOf(frame: Buffer, { family, transport }: Headers): number {
  const [type, code] = [frame.readUInt8(transport), frame.readUInt8(transport + 1)];
  if (family === 4) return type === 3 && code === 4 ? frame.readUInt16BE(transport + 6) : 0;
  return type === 2 ? frame.readUInt32BE(transport + 4) : 0;
}

/** Would this node wrap such packets? */
function wraps(packet: Walk, tuple: Tuple): boolean {
  return (flowOf(packet, tuple) ?? findService(packet.draft.plane, tuple))?.action === 'dsr-ipip';
}

function aboutWrapped(packet: Walk): Ending {
  const { arrival, headers, draft, state } = packet;
  const { frame } = arrival;
  const { family, transport, end } = headers;
  const outer = quotedAt(headers);
  const inner = unwrappedAt(family, outer);
  if (end < inner + outerBytes(family)) return pass(packet, 'icmp_quote');
  const mtu = mtuOf(frame, headers) - outerBytes(family);
  if (mtu < LEAST_MTU[family] || quotedSource(frame, family, outer) !== headers.tuple.daddr) return pass(packet, 'icmp_unknown');
  if (end - transport > MOST_BYTES || messageSum(frame, headers) !== 0) return pass(packet, 'malformed');
  const quote = readQuote(frame, headers, inner);
  if (quote === undefined) return pass(packet, 'icmp_quote');
  const mayBeCut = family === 4 && (frame.readUInt8(inner + 6) & 0x40) === 0;
  if (!wraps(packet, quote.tuple) || mayBeCut) return pass(packet, 'icmp_unknown');
  const client = quote.tuple.saddr;
  if (!isHost(family, client) || !countAnswer(draft)) return drop('too_big');
  const hop = state.fib.get(client);
  if (hop === undefined) return pass(packet, 'client_unresolved');
  // As if the client's packet had just come by the way that leads to it.
  const link = Buffer.concat([Buffer.from(hop.srcMac + hop.dstMac, 'hex'), frame.subarray(headers.ip - 2, headers.ip)]);
  const clients = Buffer.concat([link, frame.subarray(inner, end)]);
  const told = answerTooBig(clients, { ...headers, ip: link.length, end: clients.length, tuple: quote.tuple }, mtu);
  const verdict = hop.ifindex === arrival.ingress ? 'tx' : 'redirect';
  return { verdict, reason: 'too_big_relayed', frame: told, egress: hop.ifindex };
}
