// Backends that are the load balancer itself: their flows pass to the stack and stay there.
// Imports the worlds of the tests.

import type { PacketCase } from '../case.js';
import { backendEntry, backends, establishedFlow, establishedReverse, newFlow, serviceEntry } from '../states.js';
import type { World } from '../world.js';
import { pass } from './ways.js';

export function localBackendCases(world: World): readonly PacketCase[] {
  const { BACKEND, ONE_PORT, request } = world;
  const here = backendEntry(world, 'a', { local: true, resolved: false, mac: '00:00:00:00:00:00', ifindex: 0, mtu: 0 });
  const local = { action: 'local', snatPort: 0 } as const;
  const syn = request('tcp', { flags: ['syn'] });
  const begins = (action: 'snat' | 'dsr-ipip' | 'dsr-l2'): PacketCase =>
    pass('local_backend', `the first packet to a backend on this node passes untouched and leaves a flow (${action})`, syn, {
      before: { services: [serviceEntry(world, 'tcp', { action })], backends: backends(world, here) },
      flows: [newFlow(world, 'tcp', local)],
    });
  return [
    begins('snat'),
    begins('dsr-ipip'),
    begins('dsr-l2'),
    pass('local_backend', 'UDP to a backend on this node passes too', request('udp'), {
      before: { backends: backends(world, { ...here, id: BACKEND.dns.id, serviceId: 2 }) },
      flows: [newFlow(world, 'udp', local)],
    }),
    pass('local_backend', 'a flow to this node stays when its service sends new flows elsewhere', request('tcp'), {
      before: {
        services: [serviceEntry(world, 'tcp', { table: [BACKEND.b.id] })],
        backends: backends(world, here),
        flows: [establishedFlow(world, 'tcp', local)],
      },
      flows: [establishedFlow(world, 'tcp', { ...local, packets: 11, bytes: 1000 + world.bare('tcp'), seenAgo: 0 })],
    }),
    pass('local_backend', 'a flow to this node stays when its backend moves to another', request('tcp'), {
      before: { flows: [establishedFlow(world, 'tcp', local)] },
      flows: [establishedFlow(world, 'tcp', { ...local, packets: 11, bytes: 1000 + world.bare('tcp'), seenAgo: 0 })],
    }),
    pass('local_backend', 'a new flow to this node beyond the rate passes without an entry', syn, {
      settings: { ...ONE_PORT, newFlowRate: 2 },
      before: { backends: backends(world, here), window: { count: 2, beganAgo: 0 } },
    }),
    {
      title: 'an SNAT flow to a backend that has become this node is dropped, not sent to nobody',
      settings: ONE_PORT,
      packet: request('tcp'),
      verdict: 'drop',
      reason: 'unresolved',
      before: {
        backends: backends(world, here),
        flows: [establishedFlow(world, 'tcp')],
        replies: [establishedReverse(world, 'tcp')],
      },
      flows: [establishedFlow(world, 'tcp', { packets: 11, bytes: 1000 + world.bare('tcp'), seenAgo: 0 })],
    },
  ];
}
