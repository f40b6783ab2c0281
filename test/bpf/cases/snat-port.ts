// Which SNAT port a flow gets: its preferred one, its own from before, another one, or one that an ended flow left.
// Imports the packet builder and the worlds of the tests.
// A range of one port makes the port certain; of two ports, one taken, whichever is preferred.

import type { PacketCase } from '../case.js';
import type { FlowState, ReverseState } from '../state.js';
import {
  countedFlow,
  dsr,
  establishedFlow,
  establishedReverse,
  newFlow,
  newReverse,
  replyTuple,
  requestTuple,
  SEEN,
  serviceEntry,
} from '../states.js';
import { type Change, SNAT_PORT, type World } from '../world.js';

const SYN: Change = { flags: ['syn'] };
const both = SEEN.syn | SEEN.other;
const HOUR = 3600;

export function snatPortCases(world: World): readonly PacketCase[] {
  const { BACKEND, ELSEWHERE, ONE_PORT, request, SETTINGS, translatedRequest, wrappedRequest } = world;
  const base = {
    settings: ONE_PORT,
    verdict: 'tx',
    reason: 'snat_request',
    packet: request('tcp', SYN),
    out: translatedRequest('tcp', SYN),
  } as const;
  /** Another client's reverse entry at a port towards backend a, and its flow. */
  const othersReverse = (port: number, change: Partial<ReverseState> = {}) =>
    establishedReverse(world, 'tcp', {
      tuple: replyTuple(world, 'tcp', { dport: port }),
      clientAddr: ELSEWHERE.client,
      clientPort: 41000,
      ...change,
    });
  const othersFlow = (port: number, change: Partial<FlowState> = {}) =>
    establishedFlow(world, 'tcp', {
      tuple: requestTuple(world, 'tcp', { saddr: ELSEWHERE.client, sport: 41000 }),
      snatPort: port,
      ...change,
    });

  /** The range's one port is another flow's. */
  function taken(
    title: string,
    flow: Partial<FlowState> | undefined,
    reverse: Partial<ReverseState>,
    outcome: 'refused' | 'taken over',
  ): PacketCase {
    const flows = flow === undefined ? [] : [othersFlow(SNAT_PORT, flow)];
    const before = { flows, replies: [othersReverse(SNAT_PORT, reverse)] };
    if (outcome === 'refused') return { ...base, title, before, verdict: 'drop', reason: 'snat_ports' };
    return { ...base, title, before, flows: [newFlow(world, 'tcp')], replies: [newReverse(world, 'tcp')] };
  }

  /** Two ports, `occupied` of another flow: the flow gets the free one. */
  function steps(occupied: number, free: number): PacketCase {
    const other = { flows: [othersFlow(occupied)], replies: [othersReverse(occupied)] };
    return {
      ...base,
      title: `of two ports, ${occupied} taken by a flow that lives, a new flow gets ${free}`,
      settings: { ...SETTINGS, snatRange: [SNAT_PORT, SNAT_PORT + 1] },
      before: other,
      out: translatedRequest('tcp', { ...SYN, srcPort: free }),
      flows: [...other.flows, newFlow(world, 'tcp', { snatPort: free })],
      replies: [...other.replies, newReverse(world, 'tcp', { tuple: replyTuple(world, 'tcp', { dport: free }) })],
    };
  }

  /** Two ports, one another's and one this flow's own from before its entry was lost. */
  function finds(occupied: number, own: number): PacketCase {
    const mine = { tuple: replyTuple(world, 'tcp', { dport: own }) };
    return {
      ...base,
      title: `a flow that lost its entry finds its own port ${own} again`,
      settings: { ...SETTINGS, snatRange: [SNAT_PORT, SNAT_PORT + 1] },
      before: { flows: [othersFlow(occupied)], replies: [othersReverse(occupied), establishedReverse(world, 'tcp', mine)] },
      packet: request('tcp'),
      out: translatedRequest('tcp', { srcPort: own }),
      flows: [othersFlow(occupied), newFlow(world, 'tcp', { snatPort: own, tcpSeen: SEEN.other })],
      replies: [othersReverse(occupied), newReverse(world, 'tcp', mine)],
    };
  }

  const underDsr = { services: [serviceEntry(world, 'tcp', { action: 'dsr-ipip' })] };
  const asDsr = { reason: 'dsr_ipip', flows: [newFlow(world, 'tcp', { ...dsr('dsr-ipip'), tcpSeen: SEEN.other })] } as const;

  return [
    steps(SNAT_PORT, SNAT_PORT + 1),
    steps(SNAT_PORT + 1, SNAT_PORT),
    finds(SNAT_PORT, SNAT_PORT + 1),
    finds(SNAT_PORT + 1, SNAT_PORT),
    taken('a flow is dropped when the only port is of a flow that lives', {}, {}, 'refused'),
    taken('the port of a reverse entry that has no flow any more is taken over', undefined, {}, 'taken over'),
    taken('a flow whose client is silent keeps its port while the backend sends', { seenAgo: 7 * HOUR }, {}, 'refused'),
    taken('a flow whose backend is silent keeps its port while the client sends', {}, { seenAgo: 7 * HOUR }, 'refused'),
    taken('a flow that closed a moment ago keeps its port', { tcpSeen: both | SEEN.fin }, { tcpSeen: SEEN.other | SEEN.fin }, 'refused'),
    taken('a half closed flow keeps its port', { tcpSeen: both | SEEN.fin, seenAgo: 30 }, { seenAgo: 30 }, 'refused'),
    taken(
      'the port of a flow that closed ten seconds ago is taken over, and its entry goes',
      { tcpSeen: both | SEEN.fin, seenAgo: 12 },
      { tcpSeen: SEEN.other | SEEN.fin, seenAgo: 12 },
      'taken over',
    ),
    taken(
      'the port of a flow that was reset ten seconds ago is taken over',
      { seenAgo: 12 },
      { tcpSeen: SEEN.other | SEEN.rst, seenAgo: 12 },
      'taken over',
    ),
    taken(
      'the port of a flow that nobody answered for a minute is taken over',
      { tcpSeen: SEEN.syn, seenAgo: 62 },
      { tcpSeen: 0, packets: 0, bytes: 0, seenAgo: 62 },
      'taken over',
    ),
    taken(
      'a flow that began a minute ago and was never answered keeps its port while its client asks again',
      { tcpSeen: SEEN.syn, seenAgo: 3 },
      { tcpSeen: 0, packets: 0, bytes: 0, seenAgo: 62 },
      'refused',
    ),
    taken(
      'a flow that has not been answered yet keeps its port',
      { tcpSeen: SEEN.syn, seenAgo: 30 },
      { tcpSeen: 0, packets: 0, bytes: 0, seenAgo: 30 },
      'refused',
    ),
    taken('the port of a flow silent for six hours is taken over', { seenAgo: 6 * HOUR + 2 }, { seenAgo: 6 * HOUR + 2 }, 'taken over'),
    taken('the port of an expired flow without an entry is taken over', undefined, { seenAgo: 6 * HOUR + 2 }, 'taken over'),
    {
      ...base,
      title: 'the port of a UDP flow silent for a minute is taken over',
      before: { replies: [establishedReverse(world, 'udp', { clientPort: 41000, seenAgo: 62 })] },
      packet: request('udp'),
      out: translatedRequest('udp'),
      flows: [newFlow(world, 'udp')],
      replies: [newReverse(world, 'udp')],
    },
    {
      ...base,
      title: 'the same port serves flows to two backends at once',
      before: {
        replies: [othersReverse(SNAT_PORT, { tuple: replyTuple(world, 'tcp', { saddr: BACKEND.b.address, sport: BACKEND.b.port }) })],
      },
      flows: [newFlow(world, 'tcp')],
      replies: [
        othersReverse(SNAT_PORT, { tuple: replyTuple(world, 'tcp', { saddr: BACKEND.b.address, sport: BACKEND.b.port }) }),
        newReverse(world, 'tcp'),
      ],
    },
    {
      ...base,
      title: "a SYN on the flow's own port from before begins its counters anew",
      before: { replies: [establishedReverse(world, 'tcp')] },
      flows: [newFlow(world, 'tcp')],
      replies: [newReverse(world, 'tcp')],
    },
    {
      ...base,
      title: "a closed flow that begins anew leaves the port alone that is another flow's by now",
      before: {
        flows: [establishedFlow(world, 'tcp', { tcpSeen: both | SEEN.rst }), othersFlow(SNAT_PORT)],
        replies: [othersReverse(SNAT_PORT)],
      },
      flows: [othersFlow(SNAT_PORT)],
      verdict: 'drop',
      reason: 'snat_ports',
    },
    {
      ...base,
      title: "what another flow's backend sent does not end a flow that has lost its port",
      before: { flows: [establishedFlow(world, 'tcp')], replies: [othersReverse(SNAT_PORT, { tcpSeen: SEEN.other | SEEN.rst })] },
      flows: [countedFlow(world, 'tcp', world.bare('tcp'))],
    },
    {
      ...base,
      title: 'a flow that has lost its port to another begins again, and is dropped when no other is free',
      packet: request('tcp'),
      before: { flows: [establishedFlow(world, 'tcp', { refreshedAgo: 3 }), othersFlow(SNAT_PORT)], replies: [othersReverse(SNAT_PORT)] },
      verdict: 'drop',
      reason: 'snat_ports',
      flows: [othersFlow(SNAT_PORT)],
    },
    {
      ...base,
      ...asDsr,
      title: 'under DSR a segment without an entry is DSR when the reverse entry at its port is of another client',
      before: { ...underDsr, replies: [othersReverse(SNAT_PORT)] },
      packet: request('tcp'),
      out: wrappedRequest('tcp'),
    },
    {
      ...base,
      title: 'under DSR a SYN is DSR even if a reverse entry of its tuple stands there',
      reason: 'dsr_ipip',
      before: { ...underDsr, replies: [establishedReverse(world, 'tcp')] },
      out: wrappedRequest('tcp', SYN),
      flows: [newFlow(world, 'tcp', dsr('dsr-ipip'))],
    },
  ];
}
