// The next hop towards a backend: as the agent wrote it, or as the kernel's FIB answers when a flow begins.
// Imports the packet builder and the worlds of the tests. Backend a has in the FIB a MAC of its own (FIB_NEIGHBOUR), by DEVICE.

import type { PacketCase } from '../case.js';
import {
  backendEntry,
  backends,
  countedFlow,
  dsr,
  establishedFlow,
  establishedReverse,
  newFlow,
  newReverse,
  serviceEntry,
} from '../states.js';
import { type Change, DEVICE, type World } from '../world.js';

const SYN: Change = { flags: ['syn'] };
const unknown = { mac: '00:00:00:00:00:00', srcMac: '00:00:00:00:00:00', ifindex: 0, resolved: false } as const;

export function nextHopCases(world: World): readonly PacketCase[] {
  const { BACKEND, ELSEWHERE, UNSPECIFIED, FIB_NEIGHBOUR, LB, ONE_PORT, request, translatedRequest, wrappedRequest } = world;
  const known = { mac: FIB_NEIGHBOUR.mac, srcMac: DEVICE.mac, ifindex: DEVICE.index, resolved: true, askedAgo: 0 } as const;
  const begins = {
    settings: ONE_PORT,
    packet: request('tcp', SYN),
    ingress: 'device',
    flows: [newFlow(world, 'tcp')],
    replies: [newReverse(world, 'tcp', { ifindex: DEVICE.index })],
    reason: 'snat_request',
    verdict: 'tx',
  } as const;
  const dropped = { ...begins, verdict: 'drop', reason: 'unresolved', flows: [], replies: [] } as const;
  const toNeighbour = (change: Change) => translatedRequest('tcp', { ...change, dstMac: FIB_NEIGHBOUR.mac, srcMac: LB.mac });

  return [
    {
      ...begins,
      title: 'a backend whose MAC the agent does not know yet is found by the FIB, and its entry keeps the answer',
      forwarding: true,
      before: { backends: backends(world, backendEntry(world, 'a', unknown)) },
      out: toNeighbour(SYN),
      backends: [backendEntry(world, 'a', known)],
    },
    {
      ...dropped,
      title: 'a packet for a backend that neither agent nor FIB can resolve is dropped, and no flow begins',
      before: { backends: backends(world, backendEntry(world, 'a', unknown)) },
      backends: [backendEntry(world, 'a', { ...unknown, askedAgo: 0 })],
    },
    {
      ...dropped,
      title: 'a backend without a neighbour entry is unresolved although there is a route',
      forwarding: true,
      before: { backends: backends(world, backendEntry(world, 'a', { ...unknown, address: ELSEWHERE.noNeighbour })) },
      backends: [backendEntry(world, 'a', { ...unknown, address: ELSEWHERE.noNeighbour, askedAgo: 0 })],
    },
    {
      ...dropped,
      title: 'the FIB is asked once a second and backend at most',
      forwarding: true,
      before: { backends: backends(world, backendEntry(world, 'a', { ...unknown, askedAgo: 0 })) },
      backends: [backendEntry(world, 'a', { ...unknown, askedAgo: 0 })],
    },
    {
      ...begins,
      title: 'after a second the FIB is asked again',
      forwarding: true,
      before: { backends: backends(world, backendEntry(world, 'a', { ...unknown, askedAgo: 3 })) },
      out: toNeighbour(SYN),
      backends: [backendEntry(world, 'a', known)],
    },
    {
      ...begins,
      title: "the FIB's newer MAC replaces the agent's when a flow begins",
      forwarding: true,
      before: { backends: backends(world, backendEntry(world, 'a', { ifindex: DEVICE.index })) },
      out: toNeighbour(SYN),
      backends: [backendEntry(world, 'a', known)],
    },
    {
      ...begins,
      title: "where the FIB cannot answer, the agent's MAC stands",
      before: { backends: backends(world, backendEntry(world, 'a', { ifindex: DEVICE.index })) },
      out: translatedRequest('tcp', SYN),
      backends: [backendEntry(world, 'a', { ifindex: DEVICE.index, askedAgo: 0 })],
    },
    {
      ...begins,
      title: "a flow's packet has the FIB asked once a second",
      forwarding: true,
      packet: request('tcp'),
      before: {
        backends: backends(world, backendEntry(world, 'a', { ifindex: DEVICE.index, askedAgo: 3 })),
        flows: [establishedFlow(world, 'tcp', { refreshedAgo: 3 })],
        replies: [establishedReverse(world, 'tcp', { ifindex: DEVICE.index })],
      },
      out: toNeighbour({}),
      flows: [countedFlow(world, 'tcp', world.bare('tcp'))],
      replies: [establishedReverse(world, 'tcp', { ifindex: DEVICE.index })],
      backends: [backendEntry(world, 'a', known)],
    },
    {
      ...dropped,
      title: "a flow's packet to a backend that lost its next hop is dropped",
      packet: request('tcp'),
      before: { backends: backends(world, backendEntry(world, 'a', unknown)), flows: [establishedFlow(world, 'tcp')] },
      flows: [countedFlow(world, 'tcp', world.bare('tcp'))],
      backends: [backendEntry(world, 'a', unknown)],
    },
    {
      ...dropped,
      title: 'a backend without an LB address towards it stays unresolved, whatever the FIB knows',
      forwarding: true,
      before: { backends: backends(world, backendEntry(world, 'a', { ...unknown, source: UNSPECIFIED })) },
    },
    {
      ...begins,
      title: "the FIB's answer brings the MTU, so that wrapped packets fit",
      forwarding: true,
      reason: 'dsr_ipip',
      before: {
        services: [serviceEntry(world, 'tcp', { action: 'dsr-ipip' })],
        backends: backends(world, backendEntry(world, 'a', { ...unknown, mtu: 0 })),
      },
      out: wrappedRequest('tcp', SYN, {}, { address: BACKEND.a.address, mac: FIB_NEIGHBOUR.mac }),
      flows: [newFlow(world, 'tcp', dsr('dsr-ipip'))],
      replies: [],
      backends: [backendEntry(world, 'a', { ...known, mtu: 1500 })],
    },
  ];
}
