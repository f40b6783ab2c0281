// Replies under SNAT: what leaves for the client. The reverse entry alone decides; no flow, service or backend is needed.
// Imports the packet builder and the worlds of the tests.

import { patchFrame } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { countedReverse, establishedFlow, establishedReverse, newReverse, replyTuple, SEEN } from '../states.js';
import { type Change, DEVICE, OTHER_DEVICE, type Protocol, type World } from '../world.js';
import { findPayload } from './payload.js';

export function snatReplyCases(world: World): readonly PacketCase[] {
  const { IP_HEADER, LB, reply, SETTINGS, translatedReply } = world;
  /** One reply of the established flow. `seen`: tcp_seen of the reverse entry afterwards. */
  function answer(
    title: string,
    protocol: Protocol,
    change: Change,
    more: Partial<PacketCase> & { outChange?: Change; seen?: number } = {},
  ): PacketCase {
    const { outChange, seen, ...rest } = more;
    const packet = reply(protocol, change);
    return {
      title,
      verdict: 'tx',
      reason: 'snat_reply',
      packet,
      before: { flows: [establishedFlow(world, protocol)], replies: [establishedReverse(world, protocol)] },
      out: translatedReply(protocol, outChange ?? change),
      replies: [countedReverse(world, protocol, packet.length, seen === undefined ? {} : { tcpSeen: seen })],
      ...rest,
    };
  }

  const udpZero = findPayload(world, 'udp', (payload) => translatedReply('udp', { payload }), 0);
  const tcpZero = findPayload(world, 'tcp', (payload) => translatedReply('tcp', { payload }), 0);

  return [
    answer(
      'a SYN+ACK goes to the client from the service address: addresses, ports, TTL, MACs and checksums change',
      'tcp',
      {
        flags: ['syn', 'ack'],
        options: Buffer.from('020405b4', 'hex'),
      },
      {
        before: { replies: [newReverse(world, 'tcp')] },
        replies: [newReverse(world, 'tcp', { packets: 1, bytes: world.bare('tcp') + 4, tcpSeen: SEEN.other })],
      },
    ),
    answer('a data segment goes to the client and is counted', 'tcp', { flags: ['psh', 'ack'], payload: 'HTTP/1.1 200 OK' }),
    answer('a UDP answer goes to the client and is counted', 'udp', { payload: 'an answer' }),
    answer('a UDP checksum of the answer that comes out as 0 is sent as 0xffff', 'udp', { payload: udpZero }),
    answer('a TCP checksum of the answer that comes out as 0 stays 0', 'tcp', { payload: tcpZero }),
    answer("the backend's FIN is remembered", 'tcp', { flags: ['fin', 'ack'] }, { seen: SEEN.other | SEEN.fin }),
    answer("the backend's RST is remembered", 'tcp', { flags: ['rst', 'ack'] }, { seen: SEEN.other | SEEN.rst }),
    answer("a backend's bare SYN counts as one", 'tcp', { flags: ['syn'] }, { seen: SEEN.syn | SEEN.other }),
    answer('TOS stays', 'udp', { ip: { tos: 0x2e } }),
    answer('padding behind a short reply stays', 'tcp', { padding: 6 }),
    answer('a reply of 1500 bytes goes to the client', 'udp', { payload: Buffer.alloc(1500 - IP_HEADER - 8, 0x5a) }),
    answer('a reply of TTL 2 leaves with TTL 1', 'tcp', { ip: { ttl: 2 } }, { outChange: { ip: { ttl: 1 } } }),
    answer("the frame's MAC addresses in are not looked at", 'tcp', { srcMac: '02:00:00:00:00:99' }, { outChange: {} }),
    answer('a reply needs no flow entry', 'tcp', {}, { before: { replies: [establishedReverse(world, 'tcp')] } }),
    answer(
      'a reply needs no service and no backend',
      'tcp',
      {},
      { before: { services: [], backends: [], replies: [establishedReverse(world, 'tcp')] } },
    ),
    answer(
      'a client behind another device is reached by a redirect',
      'tcp',
      {},
      {
        verdict: 'redirect',
        before: { replies: [establishedReverse(world, 'tcp', { ifindex: OTHER_DEVICE })] },
        replies: [countedReverse(world, 'tcp', world.bare('tcp'), { ifindex: OTHER_DEVICE })],
      },
    ),
    answer(
      "a reply by the client's own device goes back by it",
      'tcp',
      {},
      {
        ingress: 'device',
        before: { replies: [establishedReverse(world, 'tcp', { ifindex: DEVICE.index })] },
        replies: [countedReverse(world, 'tcp', world.bare('tcp'), { ifindex: DEVICE.index })],
      },
    ),
    answer(
      'a reply to the second LB address is translated',
      'udp',
      { ip: { dst: LB.second } },
      {
        settings: { ...SETTINGS, lbAddresses: [LB.address, LB.second, LB.third, LB.fourth] },
        before: { replies: [establishedReverse(world, 'udp', { tuple: replyTuple(world, 'udp', { daddr: LB.second }) })] },
        outChange: {},
        replies: [countedReverse(world, 'udp', world.bare('udp'), { tuple: replyTuple(world, 'udp', { daddr: LB.second }) })],
      },
    ),
    answer(
      'a reply to the fourth LB address is translated',
      'udp',
      { ip: { dst: LB.fourth } },
      {
        settings: { ...SETTINGS, lbAddresses: [LB.address, LB.second, LB.third, LB.fourth] },
        before: { replies: [establishedReverse(world, 'udp', { tuple: replyTuple(world, 'udp', { daddr: LB.fourth }) })] },
        outChange: {},
        replies: [countedReverse(world, 'udp', world.bare('udp'), { tuple: replyTuple(world, 'udp', { daddr: LB.fourth }) })],
      },
    ),
    ...[20000, 20999].map((port) =>
      answer(
        `a reply to port ${port}, an end of the SNAT range, is translated`,
        'tcp',
        { dstPort: port },
        {
          before: { replies: [establishedReverse(world, 'tcp', { tuple: replyTuple(world, 'tcp', { dport: port }) })] },
          outChange: {},
          replies: [countedReverse(world, 'tcp', world.bare('tcp'), { tuple: replyTuple(world, 'tcp', { dport: port }) })],
        },
      ),
    ),
    {
      ...answer('a reply that came in damaged leaves with a checksum that still tells so', 'udp', { payload: 'data' }),
      packet: patchFrame(reply('udp', { payload: 'data' }), world.bare('udp'), [0x21]),
      out: patchFrame(translatedReply('udp', { payload: 'data' }), world.bare('udp'), [0x21]),
      wrongChecksum: true,
    },
  ];
}
