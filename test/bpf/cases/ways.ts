// The ways on which a packet is forwarded, each as a case of one packet: for what must hold on all of them.
// Imports the worlds of the tests. The same change stands in what goes in and in what comes out, the TTL apart.

import type { PacketCase } from '../case.js';
import {
  countedFlow,
  countedReverse,
  dsr,
  establishedFlow,
  establishedReverse,
  newFlow,
  newReverse,
  SEEN,
  serviceEntry,
} from '../states.js';
import type { Change, IpChange, Protocol, World } from '../world.js';

export type Way = 'snat-request' | 'snat-reply' | 'dsr-ipip' | 'dsr-l2';
export const WAYS: readonly Way[] = ['snat-request', 'snat-reply', 'dsr-ipip', 'dsr-l2'];
const REASON = { 'snat-request': 'snat_request', 'snat-reply': 'snat_reply', 'dsr-ipip': 'dsr_ipip', 'dsr-l2': 'dsr_l2' } as const;
const WORDS: Readonly<Record<Way, string>> = {
  'snat-request': 'a request under SNAT',
  'snat-reply': 'a reply under SNAT',
  'dsr-ipip': 'a request under DSR by IPIP',
  'dsr-l2': 'a request under DSR by L2',
};

/** How a packet is changed on all ways, and fields of the outer header where one way has such a header. */
export interface Given {
  readonly change: Change;
  readonly outer?: IpChange;
  readonly more?: Partial<PacketCase>;
}

/** A packet to the stack, unchanged. */
export const pass = (reason: string, title: string, packet: Buffer, more: Partial<PacketCase> = {}): PacketCase => ({
  title,
  packet,
  verdict: 'pass',
  reason,
  ...more,
});

/** The packet that comes in. */
export function incoming(world: World, way: Way, protocol: Protocol, change: Change): Buffer {
  return way === 'snat-reply' ? world.reply(protocol, change) : world.request(protocol, change);
}

/** The packet as it leaves. */
export function outgoing(world: World, way: Way, protocol: Protocol, change: Change, outer: IpChange = {}): Buffer {
  if (way === 'snat-request') return world.translatedRequest(protocol, change);
  if (way === 'snat-reply') return world.translatedReply(protocol, change);
  return way === 'dsr-ipip' ? world.wrappedRequest(protocol, change, outer) : world.steeredRequest(protocol, change);
}

/** State in which the established flow of this protocol goes this way. */
export function flowOf(world: World, way: Way, protocol: Protocol) {
  if (way === 'snat-request' || way === 'snat-reply') {
    return { flows: [establishedFlow(world, protocol)], replies: [establishedReverse(world, protocol)] };
  }
  return { flows: [establishedFlow(world, protocol, dsr(way))] };
}

/** A packet of an established flow is forwarded and counted. `title` follows the way: 'keeps its flow label'. */
export function goesOn(world: World, way: Way, protocol: Protocol, title: string, { change, outer, more }: Given): PacketCase {
  const packet = incoming(world, way, protocol, change);
  const action = way === 'dsr-ipip' || way === 'dsr-l2' ? dsr(way) : {};
  const after =
    way === 'snat-reply'
      ? { replies: [countedReverse(world, protocol, packet.length)] }
      : { flows: [countedFlow(world, protocol, packet.length, action)] };
  return {
    title: `${WORDS[way]} ${title} (${protocol.toUpperCase()})`,
    packet,
    verdict: 'tx',
    reason: REASON[way],
    before: flowOf(world, way, protocol),
    out: outgoing(world, way, protocol, change, outer),
    ...after,
    ...more,
  };
}

/** The first packet of a flow is forwarded and leaves its entries; a reply begins nothing. */
export function begins(world: World, way: Exclude<Way, 'snat-reply'>, protocol: Protocol, title: string, given: Given): PacketCase {
  const change: Change = protocol === 'tcp' ? { flags: ['syn'], ...given.change } : given.change;
  const packet = incoming(world, way, protocol, change);
  const action = way === 'snat-request' ? {} : dsr(way);
  const services = [serviceEntry(world, protocol, { action: way === 'snat-request' ? 'snat' : way })];
  return {
    title: `${WORDS[way]} that begins a flow ${title} (${protocol.toUpperCase()})`,
    settings: world.ONE_PORT,
    packet,
    verdict: 'tx',
    reason: REASON[way],
    before: { services },
    out: outgoing(world, way, protocol, change, given.outer),
    flows: [newFlow(world, protocol, { ...action, bytes: packet.length, tcpSeen: protocol === 'tcp' ? SEEN.syn : 0 })],
    replies: way === 'snat-request' ? [newReverse(world, protocol)] : [],
    ...given.more,
  };
}
