// When a packet belongs to the flow of its tuple, and when it begins a new one; what a flow keeps when the world changes.
// Imports the packet builder and the worlds of the tests.
// Where a new flow must be told from the old one, the service's table leads to backend b by now, the old flow to a.

import type { PacketCase } from '../case.js';
import type { BackendEntry, FlowState, PlaneState, ReverseState } from '../state.js';
import {
  backendEntry,
  backends,
  countedFlow,
  dsr,
  establishedFlow,
  establishedReverse,
  newFlow,
  newReverse,
  replyTuple,
  SEEN,
  serviceEntry,
} from '../states.js';
import type { Change, World } from '../world.js';

const HOUR = 3600;
const both = SEEN.syn | SEEN.other;
const SYN: Change = { flags: ['syn'] };

export function flowLifeCases(world: World): readonly PacketCase[] {
  const { BACKEND, ELSEWHERE, ONE_PORT, request, steeredRequest, translatedRequest, wrappedRequest } = world;
  const toB = (action: 'snat' | 'dsr-ipip' | 'dsr-l2' = 'snat') => [serviceEntry(world, 'tcp', { action, table: [BACKEND.b.id] })];
  const onB = { backendId: BACKEND.b.id };
  const reverseOfB = (change: Partial<ReverseState> = {}) =>
    newReverse(world, 'tcp', { tuple: replyTuple(world, 'tcp', { saddr: BACKEND.b.address, sport: BACKEND.b.port }), ...change });
  const base = { settings: ONE_PORT, verdict: 'tx', reason: 'snat_request' } as const;

  /** The TCP flow to a goes on. */
  function keeps(
    title: string,
    change: Change,
    flow: Partial<FlowState>,
    reverse: Partial<ReverseState>,
    more: Partial<PlaneState> = {},
    seen = 0,
  ): PacketCase {
    const before = establishedFlow(world, 'tcp', flow);
    return {
      ...base,
      title,
      before: { services: toB(), flows: [before], replies: [establishedReverse(world, 'tcp', reverse)], ...more },
      packet: request('tcp', change),
      out: translatedRequest('tcp', change),
      flows: [countedFlow(world, 'tcp', world.bare('tcp'), { ...flow, tcpSeen: before.tcpSeen | seen, seenAgo: 0 })],
    };
  }

  /** The TCP flow to a has ended: a new one to b begins, and a's port is free again. */
  function restarts(
    title: string,
    change: Change,
    flow: Partial<FlowState>,
    reverse: Partial<ReverseState> | undefined,
    more: Partial<PacketCase> = {},
  ): PacketCase {
    return {
      ...base,
      title,
      before: {
        services: toB(),
        flows: [establishedFlow(world, 'tcp', flow)],
        replies: reverse === undefined ? [] : [establishedReverse(world, 'tcp', reverse)],
      },
      packet: request('tcp', change),
      out: translatedRequest('tcp', change, BACKEND.b),
      flows: [newFlow(world, 'tcp', onB)],
      replies: [reverseOfB()],
      ...more,
    };
  }

  /** The flow to a keeps on although its backend takes no new one. */
  function drains(state: BackendEntry['state']): PacketCase {
    return keeps(
      `a backend that is ${state} keeps its flows`,
      {},
      {},
      {},
      {
        services: [serviceEntry(world, 'tcp', { table: [] })],
        backends: backends(world, backendEntry(world, 'a', { state })),
      },
    );
  }

  /** UDP: the flow to the DNS backend, its last packets so many seconds ago. */
  function udpFlow(title: string, flowAgo: number, replyAgo: number, outcome: 'goes on' | 'begins anew'): PacketCase {
    const flow = establishedFlow(world, 'udp', { seenAgo: flowAgo, createdAgo: 500 });
    const reverse = establishedReverse(world, 'udp', { seenAgo: replyAgo });
    const anew = outcome === 'begins anew';
    return {
      ...base,
      title,
      before: { flows: [flow], replies: [reverse] },
      packet: request('udp'),
      out: translatedRequest('udp'),
      flows: [anew ? newFlow(world, 'udp') : countedFlow(world, 'udp', world.bare('udp'), { createdAgo: 500 })],
      replies: [anew ? newReverse(world, 'udp') : reverse],
    };
  }

  return [
    restarts('a SYN after FIN from both sides begins a new flow', SYN, { tcpSeen: both | SEEN.fin }, { tcpSeen: SEEN.other | SEEN.fin }),
    restarts("a SYN after the client's RST begins a new flow", SYN, { tcpSeen: both | SEEN.rst }, {}),
    restarts("a SYN after the backend's RST begins a new flow", SYN, {}, { tcpSeen: SEEN.other | SEEN.rst }),
    restarts('a SYN after six hours of silence begins a new flow', SYN, { seenAgo: 6 * HOUR + 2 }, { seenAgo: 6 * HOUR + 2 }),
    restarts(
      'a SYN a minute after a SYN that nobody answered begins a new flow',
      SYN,
      { seenAgo: 62, tcpSeen: SEEN.syn },
      { seenAgo: 62, tcpSeen: 0 },
    ),
    restarts('a SYN after six hours begins a new flow when the reverse entry is gone', SYN, { seenAgo: 6 * HOUR + 2 }, undefined),
    keeps("a SYN after the client's FIN alone keeps the flow: the backend may still send", SYN, { tcpSeen: both | SEEN.fin }, {}),
    keeps("a SYN after the backend's FIN alone keeps the flow", SYN, {}, { tcpSeen: SEEN.other | SEEN.fin }),
    keeps('a SYN on an established flow keeps it', SYN, { seenAgo: 5 * HOUR }, { seenAgo: 5 * HOUR }),
    keeps('a SYN repeated within the minute keeps the flow', SYN, { seenAgo: 50, tcpSeen: SEEN.syn }, { seenAgo: 50, tcpSeen: 0 }),
    keeps("the backend's packets keep a flow alive in which the client is silent", SYN, { seenAgo: 7 * HOUR }, { seenAgo: 10 }),
    keeps(
      'a SYN+ACK on a closing flow begins nothing',
      { flags: ['syn', 'ack'] },
      { tcpSeen: both | SEEN.fin },
      { tcpSeen: SEEN.other | SEEN.fin },
    ),
    keeps(
      'a last ACK on a closing flow is still carried',
      {},
      { tcpSeen: both | SEEN.fin, seenAgo: 60 },
      { tcpSeen: SEEN.other | SEEN.fin, seenAgo: 60 },
    ),
    keeps('a segment after six hours of silence goes on with its flow', {}, { seenAgo: 7 * HOUR }, { seenAgo: 7 * HOUR }),
    udpFlow('a UDP packet within the minute goes on with its flow', 50, 50, 'goes on'),
    udpFlow('a UDP packet after a minute of silence begins a new flow', 62, 62, 'begins anew'),
    udpFlow("the backend's answers keep a UDP flow alive", 62, 10, 'goes on'),
    {
      ...restarts(
        "under DSR the client's FIN alone lets a SYN begin a new flow",
        SYN,
        { ...dsr('dsr-l2'), tcpSeen: both | SEEN.fin },
        undefined,
      ),
      reason: 'dsr_l2',
      before: { services: toB('dsr-l2'), flows: [establishedFlow(world, 'tcp', { ...dsr('dsr-l2'), tcpSeen: both | SEEN.fin })] },
      out: steeredRequest('tcp', SYN, BACKEND.b.mac),
      flows: [newFlow(world, 'tcp', { ...onB, ...dsr('dsr-l2') })],
      replies: [],
    },

    keeps('a service switched to DSR leaves its SNAT flows SNAT', {}, {}, {}, { services: toB('dsr-ipip') }),
    {
      ...keeps('a service switched to SNAT leaves its DSR flows DSR', {}, dsr('dsr-ipip'), {}, { replies: [] }),
      reason: 'dsr_ipip',
      out: wrappedRequest('tcp'),
    },
    {
      ...restarts('a new flow of a service switched to DSR is DSR', SYN, {}, undefined),
      reason: 'dsr_ipip',
      before: { services: toB('dsr-ipip') },
      out: wrappedRequest('tcp', SYN, {}, BACKEND.b),
      flows: [newFlow(world, 'tcp', { ...onB, ...dsr('dsr-ipip') })],
      replies: [],
    },
    {
      ...restarts(
        'a closed SNAT flow of a service switched to DSR begins anew as DSR and gives its port back',
        SYN,
        { tcpSeen: both | SEEN.rst },
        {},
      ),
      reason: 'dsr_l2',
      before: {
        services: toB('dsr-l2'),
        flows: [establishedFlow(world, 'tcp', { tcpSeen: both | SEEN.rst })],
        replies: [establishedReverse(world, 'tcp')],
      },
      out: steeredRequest('tcp', SYN, BACKEND.b.mac),
      flows: [newFlow(world, 'tcp', { ...onB, ...dsr('dsr-l2') })],
      replies: [],
    },

    drains('terminating'),
    drains('quarantined'),
    drains('maintenance'),
    {
      ...restarts("a flow whose backend's slot has another backend by now begins anew", {}, {}, undefined),
      before: {
        services: toB(),
        backends: backends(world, backendEntry(world, 'a', { generation: 6, address: ELSEWHERE.backend })),
        flows: [establishedFlow(world, 'tcp')],
      },
      flows: [newFlow(world, 'tcp', { ...onB, tcpSeen: SEEN.other })],
    },
    {
      ...restarts('a flow whose slot was given to a new generation of the same backend begins anew with it', {}, {}, undefined),
      before: { backends: backends(world, backendEntry(world, 'a', { generation: 6 })), flows: [establishedFlow(world, 'tcp')] },
      out: translatedRequest('tcp'),
      flows: [newFlow(world, 'tcp', { backendGeneration: 6, tcpSeen: SEEN.other })],
      replies: [newReverse(world, 'tcp')],
    },
    {
      ...restarts('a flow whose backend is gone begins anew with another', {}, {}, undefined),
      before: { services: toB(), backends: [backendEntry(world, 'b')], flows: [establishedFlow(world, 'tcp')] },
      flows: [newFlow(world, 'tcp', { ...onB, tcpSeen: SEEN.other })],
    },
    {
      ...restarts('a flow whose slot is free, its generation kept, begins anew with another backend', {}, {}, undefined),
      before: {
        services: toB(),
        backends: [backendEntry(world, 'a', { state: undefined }), backendEntry(world, 'b')],
        flows: [establishedFlow(world, 'tcp')],
      },
      flows: [newFlow(world, 'tcp', { ...onB, tcpSeen: SEEN.other })],
    },
    {
      ...restarts('a flow whose backend is gone passes when there is no service any more', {}, {}, undefined),
      verdict: 'pass',
      reason: 'no_service',
      before: { services: [], backends: [], flows: [establishedFlow(world, 'tcp')] },
      out: request('tcp'),
      flows: [establishedFlow(world, 'tcp')],
      replies: [],
    },
  ];
}
