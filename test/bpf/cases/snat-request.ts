// Requests under SNAT: what leaves for the backend, and what the flow leaves in the maps.
// Imports the packet builder and the worlds of the tests.

import { patchFrame } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import {
  backendEntry,
  backends,
  countedFlow,
  establishedFlow,
  establishedReverse,
  newFlow,
  newReverse,
  requestTuple,
  SEEN,
  serviceEntry,
} from '../states.js';
import { type Change, DEVICE, OTHER_DEVICE, type Protocol, type World } from '../world.js';
import { findPayload } from './payload.js';

const SYN: Change = { flags: ['syn'], options: Buffer.from('020405b40402080a46741876000000000103030a', 'hex') };

export function snatRequestCases(world: World): readonly PacketCase[] {
  const { IP_HEADER, LB, ONE_PORT, request, translatedRequest, VIP } = world;
  const base = { settings: ONE_PORT, verdict: 'tx', reason: 'snat_request' } as const;

  /** The first packet of a flow, the same change in what goes in and what comes out. */
  function first(title: string, protocol: Protocol, change: Change, outChange: Change = change): PacketCase {
    const packet = request(protocol, change);
    return {
      ...base,
      title,
      packet,
      out: translatedRequest(protocol, outChange),
      flows: [newFlow(world, protocol, { bytes: packet.length, tcpSeen: protocol === 'tcp' ? SEEN.syn : 0 })],
      replies: [newReverse(world, protocol)],
    };
  }

  /** A packet of an established flow. */
  function next(
    title: string,
    protocol: Protocol,
    change: Change,
    more: Partial<PacketCase> & { outChange?: Change; seen?: number } = {},
  ): PacketCase {
    const { outChange, seen, ...rest } = more;
    const packet = request(protocol, change);
    return {
      ...base,
      title,
      packet,
      before: { flows: [establishedFlow(world, protocol)], replies: [establishedReverse(world, protocol)] },
      out: translatedRequest(protocol, outChange ?? change),
      flows: [countedFlow(world, protocol, packet.length, seen === undefined ? {} : { tcpSeen: seen })],
      ...rest,
    };
  }

  const udpZero = findPayload(world, 'udp', (payload) => translatedRequest('udp', { payload }), 0);
  const tcpZero = findPayload(world, 'tcp', (payload) => translatedRequest('tcp', { payload }), 0);

  return [
    first('a SYN begins a flow: backend and LB address, port, TTL, MACs and both checksums change, TCP options do not', 'tcp', SYN),
    first('a SYN with ECN set up begins a flow', 'tcp', { flags: ['syn', 'ece', 'cwr'] }),
    first('a UDP packet begins a flow', 'udp', { payload: 'a query of odd length' }),
    first('a SYN with data (TCP Fast Open) is carried whole', 'tcp', { ...SYN, payload: 'GET / HTTP/1.1\r\n\r\n' }),
    first('a UDP checksum that comes out as 0 is sent as 0xffff', 'udp', { payload: udpZero }),
    first('TOS stays', 'udp', { ip: { tos: 0xb9 } }),
    first('a packet of TTL 2 leaves with TTL 1', 'tcp', { flags: ['syn'], ip: { ttl: 2 } }, { flags: ['syn'], ip: { ttl: 1 } }),
    first('a packet of TTL 255 leaves with TTL 254', 'tcp', { flags: ['syn'], ip: { ttl: 255 } }, { flags: ['syn'], ip: { ttl: 254 } }),
    first('padding behind a short packet stays and is no part of it', 'tcp', { flags: ['syn'], padding: 6 }),
    first('a packet of 1500 bytes is carried whole', 'udp', { payload: Buffer.alloc(1500 - IP_HEADER - 8, 0xa5) }),
    {
      ...first('an ACK without a flow begins one that has gone beyond its SYN', 'tcp', {}),
      flows: [newFlow(world, 'tcp', { tcpSeen: SEEN.other })],
    },
    {
      ...first('the backend behind another device is reached by a redirect', 'tcp', SYN),
      before: { backends: backends(world, backendEntry(world, 'a', { ifindex: OTHER_DEVICE })) },
      verdict: 'redirect',
    },
    {
      ...first('a packet that came by the device that leads to the backend goes back by it', 'tcp', SYN),
      ingress: 'device',
      before: { backends: backends(world, backendEntry(world, 'a', { ifindex: DEVICE.index })) },
      replies: [newReverse(world, 'tcp', { ifindex: DEVICE.index })],
    },
    {
      ...first("the source is the backend's own LB address", 'tcp', { flags: ['syn'] }, { flags: ['syn'], ip: { src: LB.second } }),
      before: { backends: backends(world, backendEntry(world, 'a', { source: LB.second })) },
      replies: [newReverse(world, 'tcp', { tuple: { ...newReverse(world, 'tcp').tuple, daddr: LB.second } })],
    },
    {
      ...first('the frame leaves with the MAC address of the device that leads to the backend', 'tcp', { flags: ['syn'] }),
      out: translatedRequest('tcp', { flags: ['syn'], srcMac: '02:00:00:00:00:99' }),
      before: { backends: backends(world, backendEntry(world, 'a', { srcMac: '02:00:00:00:00:99', ifindex: OTHER_DEVICE })) },
      verdict: 'redirect',
    },

    next('a data segment of an established flow is carried and counted', 'tcp', { flags: ['psh', 'ack'], payload: 'GET / HTTP/1.1' }),
    next('a UDP packet of a flow is carried and counted', 'udp', { payload: 'x' }),
    next('a TCP checksum that comes out as 0 stays 0', 'tcp', { payload: tcpZero }),
    next('a FIN is remembered', 'tcp', { flags: ['fin', 'ack'] }, { seen: SEEN.syn | SEEN.other | SEEN.fin }),
    next('a RST is remembered', 'tcp', { flags: ['rst'] }, { seen: SEEN.syn | SEEN.other | SEEN.rst }),
    next('a repeated SYN changes no state', 'tcp', SYN),
    next(
      'the first ACK takes a flow beyond its SYN',
      'tcp',
      {},
      {
        before: { flows: [establishedFlow(world, 'tcp', { tcpSeen: SEEN.syn })], replies: [establishedReverse(world, 'tcp')] },
      },
    ),
    next(
      'a SYN with ACK counts as going beyond the SYN',
      'tcp',
      { flags: ['syn', 'ack'] },
      {
        before: { flows: [establishedFlow(world, 'tcp', { tcpSeen: SEEN.syn })], replies: [establishedReverse(world, 'tcp')] },
      },
    ),
    next('a segment without any flag is carried', 'tcp', { flags: [] }),
    next(
      "a flow's packet of TTL 1 passes and is not counted for the flow",
      'tcp',
      { ip: { ttl: 1 } },
      {
        verdict: 'pass',
        reason: 'ttl_expired',
        out: request('tcp', { ip: { ttl: 1 } }),
        flows: [establishedFlow(world, 'tcp')],
      },
    ),
    next(
      'a flow without a service goes on: only new flows look for one',
      'tcp',
      {},
      {
        before: { services: [], flows: [establishedFlow(world, 'tcp')], replies: [establishedReverse(world, 'tcp')] },
      },
    ),
    next(
      "the flow's own port is used, whatever the range is now",
      'tcp',
      {},
      {
        before: { flows: [establishedFlow(world, 'tcp', { snatPort: 33333 })] },
        replies: [],
        outChange: { srcPort: 33333 },
        flows: [countedFlow(world, 'tcp', world.bare('tcp'), { snatPort: 33333 })],
      },
    ),
    next(
      "a changed MAC of the backend holds for the flow's next packet",
      'tcp',
      {},
      {
        before: {
          backends: backends(world, backendEntry(world, 'a', { mac: '02:00:00:00:0a:0a' })),
          flows: [establishedFlow(world, 'tcp')],
          replies: [establishedReverse(world, 'tcp')],
        },
        outChange: { dstMac: '02:00:00:00:0a:0a' },
      },
    ),
    {
      ...next('a packet that came in damaged leaves with a checksum that still tells so', 'tcp', { payload: 'data' }),
      packet: patchFrame(request('tcp', { payload: 'data' }), world.bare('tcp'), [0x21]),
      out: patchFrame(translatedRequest('tcp', { payload: 'data' }), world.bare('tcp'), [0x21]),
      wrongChecksum: true,
    },

    {
      ...next('a missing reverse entry is put back once a second', 'tcp', {}),
      before: { flows: [establishedFlow(world, 'tcp', { refreshedAgo: 3 })] },
      flows: [countedFlow(world, 'tcp', world.bare('tcp'), { refreshedAgo: 0 })],
      replies: [newReverse(world, 'tcp')],
    },
    {
      ...next('within the second a missing reverse entry is not looked for', 'tcp', {}),
      before: { flows: [establishedFlow(world, 'tcp', { refreshedAgo: 0 })] },
      replies: [],
    },
    {
      ...next(
        "once a second the reverse entry learns the client's present MAC address and device",
        'tcp',
        { srcMac: '02:00:00:00:01:99' },
        { outChange: {} },
      ),
      before: {
        flows: [establishedFlow(world, 'tcp', { refreshedAgo: 3 })],
        replies: [establishedReverse(world, 'tcp', { ifindex: OTHER_DEVICE })],
      },
      flows: [countedFlow(world, 'tcp', world.bare('tcp'), { refreshedAgo: 0 })],
      replies: [establishedReverse(world, 'tcp', { clientMac: '02:00:00:00:01:99' })],
    },
    {
      ...first(
        "of a TCP and a UDP service on one port, the one of the packet's protocol is found",
        'udp',
        { payload: 'q', dstPort: VIP.tcpPort },
        { payload: 'q' },
      ),
      before: {
        services: [
          serviceEntry(world, 'tcp'),
          serviceEntry(world, 'udp', { frontend: { address: VIP.address, port: VIP.tcpPort, protocol: 'udp' } }),
        ],
      },
      flows: [newFlow(world, 'udp', { tuple: requestTuple(world, 'udp', { dport: VIP.tcpPort }), bytes: world.bare('udp') + 1 })],
      replies: [newReverse(world, 'udp', { servicePort: VIP.tcpPort })],
    },
  ];
}
