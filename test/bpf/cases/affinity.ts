// Session affinity: to which backend the new flow of a client goes that had one before.
// Imports the packet builder and the worlds of the tests.
// The service's table leads to backend b; where affinity decides, the client's last flow went to a.

import type { PacketCase } from '../case.js';
import type { AffinityState } from '../policy-state.js';
import { backendEntry, backends, dsr, establishedFlow, newFlow, newReverse, replyTuple, serviceEntry } from '../states.js';
import type { BackendEntry } from '../state.js';
import type { Change, World } from '../world.js';

const SYN: Change = { flags: ['syn'] };

export function affinityCases(world: World): readonly PacketCase[] {
  const { BACKEND, CLIENT, ELSEWHERE, ONE_PORT, request, steeredRequest, translatedRequest } = world;
  const service = (change: object = {}) => [
    serviceEntry(world, 'tcp', { table: [BACKEND.b.id], policy: { affinitySeconds: 600 }, ...change }),
  ];
  const note = (change: Partial<AffinityState> = {}): AffinityState => ({
    address: CLIENT.address,
    serviceId: 1,
    backendId: BACKEND.a.id,
    backendGeneration: 5,
    usedAgo: 30,
    ...change,
  });
  const noteOfB = note({ backendId: BACKEND.b.id, usedAgo: 0 });
  const onB = { backendId: BACKEND.b.id };
  const reverseOfB = newReverse(world, 'tcp', { tuple: replyTuple(world, 'tcp', { saddr: BACKEND.b.address, sport: BACKEND.b.port }) });
  const base = { settings: ONE_PORT, packet: request('tcp', SYN), verdict: 'tx', reason: 'snat_request' } as const;

  /** The new flow goes to a, where the client's last one went, and renews that. */
  const follows = (title: string, before: Partial<AffinityState> = {}, more: Partial<PacketCase> = {}): PacketCase => ({
    ...base,
    title,
    before: { services: service(), affinity: [note(before)] },
    out: translatedRequest('tcp', SYN),
    flows: [newFlow(world, 'tcp')],
    replies: [newReverse(world, 'tcp')],
    affinity: [note({ ...before, usedAgo: 0 })],
    ...more,
  });
  /** The new flow goes where the table leads, and the next ones follow it. */
  const chosenAnew = (title: string, before: readonly AffinityState[], more: Partial<PacketCase> = {}): PacketCase => ({
    ...base,
    title,
    before: { services: service(), affinity: before },
    out: translatedRequest('tcp', SYN, BACKEND.b),
    flows: [newFlow(world, 'tcp', onB)],
    replies: [reverseOfB],
    affinity: [noteOfB],
    ...more,
  });
  const withA = (title: string, change: Partial<BackendEntry>): PacketCase =>
    chosenAnew(title, [note()], {
      before: { services: service(), affinity: [note()], backends: backends(world, backendEntry(world, 'a', change)) },
    });
  const others = [note({ address: ELSEWHERE.client }), note({ serviceId: 2 })];
  const dsrService = service({ action: 'dsr-l2' });

  return [
    follows("a client's new flow goes to the backend of its last one"),
    follows('affinity lasts as long as the service says', { usedAgo: 590 }),
    chosenAnew('a client that comes after the time of affinity goes where the table leads', [note({ usedAgo: 605 })]),
    chosenAnew("a client's first flow goes where the table leads, and is noted", []),
    chosenAnew("another client's or another service's affinity does not count", others, { affinity: [...others, noteOfB] }),
    withA('a client whose backend is terminating goes where the table leads', { state: 'terminating' }),
    withA('a client whose backend is quarantined goes where the table leads', { state: 'quarantined' }),
    withA('a client whose backend is in maintenance goes where the table leads', { state: 'maintenance' }),
    withA('a client whose backend has weight 0 goes where the table leads', { weight: 0 }),
    withA("a client whose backend's slot has another backend goes where the table leads", { generation: 6 }),
    withA("a client whose backend's slot is free goes where the table leads", { state: undefined }),
    {
      ...chosenAnew('without affinity the table alone decides, and nothing is noted', [note()]),
      before: { services: service({ policy: {} }), affinity: [note()] },
      affinity: [note()],
    },
    {
      ...follows("a client's new UDP flow goes to the backend of its last one"),
      packet: request('udp'),
      before: {
        services: [serviceEntry(world, 'udp', { table: [BACKEND.b.id], policy: { affinitySeconds: 60 } })],
        affinity: [note({ serviceId: 2, backendId: BACKEND.dns.id })],
      },
      out: translatedRequest('udp'),
      flows: [newFlow(world, 'udp')],
      replies: [newReverse(world, 'udp')],
      affinity: [note({ serviceId: 2, backendId: BACKEND.dns.id, usedAgo: 0 })],
    },
    {
      ...follows('affinity holds under DSR'),
      before: { services: dsrService, affinity: [note()] },
      reason: 'dsr_l2',
      out: steeredRequest('tcp', SYN),
      flows: [newFlow(world, 'tcp', dsr('dsr-l2'))],
      replies: [],
    },
    {
      ...follows('a DSR flow without an entry follows the affinity, and does not renew it'),
      settings: { ...ONE_PORT, newFlowRate: 1 },
      before: { services: dsrService, affinity: [note()], window: { count: 1, beganAgo: 0 } },
      reason: 'dsr_untracked',
      out: steeredRequest('tcp', SYN),
      flows: [],
      replies: [],
      affinity: [note()],
    },
    {
      ...chosenAnew('a flow that has begun is not asked: affinity to another backend leaves it where it is', [note()]),
      before: { services: dsrService, affinity: [note()], flows: [establishedFlow(world, 'tcp', { ...onB, ...dsr('dsr-l2') })] },
      packet: request('tcp'),
      reason: 'dsr_l2',
      out: steeredRequest('tcp', {}, BACKEND.b.mac),
      flows: [establishedFlow(world, 'tcp', { ...onB, ...dsr('dsr-l2'), packets: 11, bytes: 1000 + world.bare('tcp'), seenAgo: 0 })],
      replies: [],
      affinity: [note()],
    },
    {
      ...follows('a client is not sent to a backend without a next hop in place of its own: its flow is dropped'),
      before: { services: service(), affinity: [note()], backends: backends(world, backendEntry(world, 'a', { resolved: false })) },
      verdict: 'drop',
      reason: 'unresolved',
      flows: [],
      replies: [],
      affinity: [note()],
    },
    {
      ...base,
      title: 'a denied client renews no affinity',
      before: {
        services: service({ policy: { affinitySeconds: 600, ranges: true, allowedAlone: true } }),
        affinity: [note()],
      },
      verdict: 'drop',
      reason: 'source_denied',
      affinity: [note()],
    },
  ];
}
