// What cannot be served: no backend, too many new flows.
// Imports the packet builder and the worlds of the tests.

import type { PacketCase } from '../case.js';
import { answerTo, tooBig } from '../icmp.js';
import {
  backendEntry,
  countedFlow,
  defaultState,
  dsr,
  establishedFlow,
  establishedReverse,
  newFlow,
  newReverse,
  serviceEntry,
} from '../states.js';
import { type Change, ETHERNET_HEADER, type World } from '../world.js';

const SYN: Change = { flags: ['syn'] };
const full = { count: 2, beganAgo: 0 };

export function limitCases(world: World): readonly PacketCase[] {
  const { BACKEND, IP_HEADER, ONE_PORT, request, SETTINGS, steeredRequest, translatedRequest, wrappedRequest } = world;
  const drop = { verdict: 'drop', packet: request('tcp', SYN) } as const;
  /** Two new flows a second and CPU. */
  const TWO = { ...ONE_PORT, newFlowRate: 2 };
  return [
    {
      ...drop,
      title: 'a service without a backend that takes new flows drops',
      reason: 'no_backend',
      before: { services: [serviceEntry(world, 'tcp', { table: [] })] },
    },
    {
      ...drop,
      title: 'a service without a backend drops although its table still names one',
      reason: 'no_backend',
      before: { services: [serviceEntry(world, 'tcp', { backendCount: 0 })] },
    },
    {
      ...drop,
      title: 'a service whose Maglev table is not there drops',
      reason: 'no_backend',
      before: { services: [serviceEntry(world, 'tcp', { id: 999 })] },
    },
    {
      ...drop,
      title: 'a service whose table leads to a free slot drops',
      reason: 'no_backend',
      before: { services: [serviceEntry(world, 'tcp', { table: [7] })] },
    },
    {
      ...drop,
      title: 'a service whose table leads beyond the backends drops',
      reason: 'no_backend',
      before: { services: [serviceEntry(world, 'tcp', { table: [1_000_000] })] },
    },
    {
      ...drop,
      title: 'a flow of a service that has lost all its backends is dropped',
      packet: request('tcp'),
      reason: 'no_backend',
      before: { services: [serviceEntry(world, 'tcp', { table: [] })], backends: [], flows: [establishedFlow(world, 'tcp')] },
    },
    {
      title: 'the last new flow that the rate allows is served',
      settings: TWO,
      packet: request('tcp', SYN),
      verdict: 'tx',
      reason: 'snat_request',
      before: { window: { count: 1, beganAgo: 0 } },
      out: translatedRequest('tcp', SYN),
      flows: [newFlow(world, 'tcp')],
      replies: [newReverse(world, 'tcp')],
    },
    {
      ...drop,
      title: 'a new SNAT flow beyond the rate is dropped, and nothing is made for it',
      settings: TWO,
      reason: 'new_flow_rate',
      before: { window: full },
    },
    {
      title: 'a new second allows new flows again',
      settings: TWO,
      packet: request('tcp', SYN),
      verdict: 'tx',
      reason: 'snat_request',
      before: { window: { count: 2, beganAgo: 2 } },
      out: translatedRequest('tcp', SYN),
      flows: [newFlow(world, 'tcp')],
      replies: [newReverse(world, 'tcp')],
    },
    {
      title: 'the rate does not touch flows that exist',
      settings: TWO,
      packet: request('tcp'),
      verdict: 'tx',
      reason: 'snat_request',
      before: { window: full, flows: [establishedFlow(world, 'tcp')], replies: [establishedReverse(world, 'tcp')] },
      out: translatedRequest('tcp'),
      flows: [countedFlow(world, 'tcp', world.bare('tcp'))],
    },
    {
      title: 'without a bound no rate is too high',
      settings: ONE_PORT,
      packet: request('tcp', SYN),
      verdict: 'tx',
      reason: 'snat_request',
      before: { window: { count: 0xffffffff, beganAgo: 0 } },
      out: translatedRequest('tcp', SYN),
      flows: [newFlow(world, 'tcp')],
      replies: [newReverse(world, 'tcp')],
    },
    {
      title: 'a DSR packet beyond the rate is wrapped by Maglev alone, without an entry',
      settings: TWO,
      packet: request('tcp', SYN),
      verdict: 'tx',
      reason: 'dsr_untracked',
      before: { services: [serviceEntry(world, 'tcp', { action: 'dsr-ipip' })], window: full },
      out: wrappedRequest('tcp', SYN),
    },
    {
      title: 'a DSR frame beyond the rate is steered by Maglev alone, without an entry',
      settings: TWO,
      packet: request('udp', { payload: 'q' }),
      verdict: 'tx',
      reason: 'dsr_untracked',
      before: { services: [serviceEntry(world, 'udp', { action: 'dsr-l2' })], window: full },
      out: steeredRequest('udp', { payload: 'q' }),
    },
    {
      title: 'a DSR packet that is too big for the MTU is answered when its flow begins, too',
      packet: request('udp', { payload: Buffer.alloc(1500 - IP_HEADER - 8) }),
      verdict: 'tx',
      reason: 'too_big_answered',
      out: answerTo(world, request('udp', { payload: Buffer.alloc(1500 - IP_HEADER - 8) }), tooBig(world.family, 1500 - IP_HEADER)),
      before: { services: [serviceEntry(world, 'udp', { action: 'dsr-ipip' })] },
      flows: [newFlow(world, 'udp', { ...dsr('dsr-ipip'), bytes: ETHERNET_HEADER + 1500 })],
    },
    {
      title: 'a slot of the table that leads to backend b sends the flow there',
      settings: SETTINGS,
      packet: request('tcp', SYN),
      verdict: 'tx',
      reason: 'dsr_ipip',
      before: {
        ...defaultState(world),
        services: [serviceEntry(world, 'tcp', { action: 'dsr-ipip', table: [BACKEND.b.id] })],
        backends: [backendEntry(world, 'b')],
      },
      out: wrappedRequest('tcp', SYN, {}, BACKEND.b),
      flows: [newFlow(world, 'tcp', { ...dsr('dsr-ipip'), backendId: BACKEND.b.id })],
    },
  ];
}
