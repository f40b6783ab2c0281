// SNAT from several addresses (--snat-address): a new flow takes any pair of address and port, and keeps its address for life.
// Imports the worlds of the tests.
// A range of one port and two addresses make two pairs: one taken, the other is certain.

import type { PacketCase } from '../case.js';
import type { FlowState, ReverseState } from '../state.js';
import {
  countedFlow,
  countedReverse,
  establishedFlow,
  establishedReverse,
  newFlow,
  newReverse,
  replyTuple,
  requestTuple,
  SEEN,
} from '../states.js';
import type { Change, World } from '../world.js';

const SYN: Change = { flags: ['syn'] };

export function snatSourceCases(world: World): readonly PacketCase[] {
  const { ELSEWHERE, family, LB, ONE_PORT, reply, request, translatedReply, translatedRequest } = world;
  /** The family's first index in snat_sources, in which the addresses of each family stand together. */
  const first = family === 4 ? 1 : 5;
  const indexOf: Readonly<Record<string, number>> = { [LB.second]: first, [LB.third]: first + 1 };
  const snatSources = { [first]: LB.second, [first + 1]: LB.third };
  const settings = { ...ONE_PORT, lbAddresses: [LB.address, LB.second, LB.third], snatAddresses: [LB.second, LB.third] };
  const pairs = [
    [LB.second, LB.third],
    [LB.third, LB.second],
  ] as const;

  const flowFrom = (source: string, change: Partial<FlowState> = {}) => ({ snatSource: indexOf[source] ?? 0, ...change });
  const reverseTo = (source: string, change: Partial<ReverseState> = {}) => ({
    tuple: replyTuple(world, 'tcp', { daddr: source }),
    ...change,
  });
  /** Another client's flow at this address. */
  const other = (source: string) => ({
    flow: establishedFlow(world, 'tcp', flowFrom(source, { tuple: requestTuple(world, 'tcp', { saddr: ELSEWHERE.client, sport: 41000 }) })),
    reverse: establishedReverse(world, 'tcp', reverseTo(source, { clientAddr: ELSEWHERE.client, clientPort: 41000 })),
  });
  const base = {
    settings,
    verdict: 'tx',
    reason: 'snat_request',
    packet: request('tcp', SYN),
  } as const;
  const from = (source: string, change: Change = {}): Change => ({ ...change, ip: { src: source } });

  return pairs
    .flatMap(([taken, free]): PacketCase[] => {
      const others = other(taken);
      const before = { snatSources, flows: [others.flow], replies: [others.reverse] };
      return [
        {
          ...base,
          title: `of two addresses with one port, ${taken} taken, a new flow gets ${free}`,
          before,
          out: translatedRequest('tcp', from(free, SYN)),
          flows: [others.flow, newFlow(world, 'tcp', flowFrom(free))],
          replies: [others.reverse, newReverse(world, 'tcp', reverseTo(free))],
        },
        {
          ...base,
          title: `a flow of ${free} keeps its address`,
          before: {
            snatSources,
            flows: [establishedFlow(world, 'tcp', flowFrom(free))],
            replies: [establishedReverse(world, 'tcp', reverseTo(free))],
          },
          packet: request('tcp'),
          out: translatedRequest('tcp', from(free)),
          flows: [countedFlow(world, 'tcp', world.bare('tcp'), flowFrom(free))],
        },
        {
          ...base,
          title: `a reply to ${free} reaches the client`,
          reason: 'snat_reply',
          before: {
            snatSources,
            flows: [establishedFlow(world, 'tcp', flowFrom(free))],
            replies: [establishedReverse(world, 'tcp', reverseTo(free))],
          },
          packet: reply('tcp', { ip: { dst: free } }),
          out: translatedReply('tcp'),
          replies: [countedReverse(world, 'tcp', world.bare('tcp'), reverseTo(free))],
        },
        {
          ...base,
          title: `a flow of ${free} that lost its entry finds address and port again`,
          before: { ...before, replies: [others.reverse, establishedReverse(world, 'tcp', reverseTo(free))] },
          packet: request('tcp'),
          out: translatedRequest('tcp', from(free)),
          flows: [others.flow, newFlow(world, 'tcp', flowFrom(free, { tcpSeen: SEEN.other }))],
          replies: [others.reverse, newReverse(world, 'tcp', reverseTo(free))],
        },
        {
          ...base,
          title: `a reverse entry of ${free} that is gone is put back under this address`,
          before: { ...before, flows: [others.flow, establishedFlow(world, 'tcp', flowFrom(free, { refreshedAgo: 3 }))] },
          packet: request('tcp'),
          out: translatedRequest('tcp', from(free)),
          flows: [others.flow, countedFlow(world, 'tcp', world.bare('tcp'), flowFrom(free))],
          replies: [others.reverse, newReverse(world, 'tcp', reverseTo(free))],
        },
        {
          ...base,
          title: `a flow is dropped when both pairs are of flows that live, ${taken} first`,
          before: {
            snatSources,
            flows: [others.flow, establishedFlow(world, 'tcp', flowFrom(free, { tuple: requestTuple(world, 'tcp', { sport: 42000 }) }))],
            replies: [others.reverse, establishedReverse(world, 'tcp', reverseTo(free, { clientPort: 42000 }))],
          },
          out: request('tcp', SYN),
          verdict: 'drop',
          reason: 'snat_ports',
        },
      ];
    })
    .concat([
      {
        ...base,
        title: 'a flow from before there were several addresses keeps the LB address',
        before: { snatSources, flows: [establishedFlow(world, 'tcp')], replies: [establishedReverse(world, 'tcp')] },
        packet: request('tcp'),
        out: translatedRequest('tcp'),
        flows: [countedFlow(world, 'tcp', world.bare('tcp'))],
      },
      {
        ...base,
        title: 'a SNAT address of the other family changes nothing',
        settings: { ...ONE_PORT, snatAddresses: [family === 4 ? '3fff:30::9' : '30.1.1.9'] },
        out: translatedRequest('tcp', SYN),
        flows: [newFlow(world, 'tcp')],
        replies: [newReverse(world, 'tcp')],
      },
    ]);
}
