// Replies under SNAT: what leaves for the client. The reverse entry alone decides; no flow, service or backend is needed.
// Imports the packet builder and the world of the tests.

import { addressBytes } from '../../support/packet/address.js';
import { patchFrame, PROTOCOL } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { countedReverse, establishedFlow, establishedReverse, newReverse, replyTuple, SEEN } from '../states.js';
import { type Change, CLIENT, DEVICE, LB, OTHER_DEVICE, reply, SETTINGS, translatedReply, VIP } from '../world.js';
import { findPayload } from './payload.js';

type Protocol = 'tcp' | 'udp';

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
    before: { flows: [establishedFlow(protocol)], replies: [establishedReverse(protocol)] },
    out: translatedReply(protocol, outChange ?? change),
    replies: [countedReverse(protocol, packet.length, seen === undefined ? {} : { tcpSeen: seen })],
    ...rest,
  };
}

const ends = { src: addressBytes(VIP.address), dst: addressBytes(CLIENT.address) };
const udpZero = findPayload((payload) => translatedReply('udp', { payload }), PROTOCOL.udp, ends, 0);
const tcpZero = findPayload((payload) => translatedReply('tcp', { payload }), PROTOCOL.tcp, ends, 0);

export const snatReplyCases: readonly PacketCase[] = [
  answer(
    'a SYN+ACK goes to the client from the service address: addresses, ports, TTL, MACs and checksums change',
    'tcp',
    {
      flags: ['syn', 'ack'],
      options: Buffer.from('020405b4', 'hex'),
    },
    { before: { replies: [newReverse('tcp')] }, replies: [newReverse('tcp', { packets: 1, bytes: 58, tcpSeen: SEEN.other })] },
  ),
  answer('a data segment goes to the client and is counted', 'tcp', { flags: ['psh', 'ack'], payload: 'HTTP/1.1 200 OK' }),
  answer('a UDP answer goes to the client and is counted', 'udp', { payload: 'an answer' }),
  answer('a UDP answer without a checksum keeps none', 'udp', { payload: 'answer', checksum: 0 }),
  answer('a UDP checksum of the answer that comes out as 0 is sent as 0xffff', 'udp', { payload: udpZero }),
  answer('a TCP checksum of the answer that comes out as 0 stays 0', 'tcp', { payload: tcpZero }),
  answer("the backend's FIN is remembered", 'tcp', { flags: ['fin', 'ack'] }, { seen: SEEN.other | SEEN.fin }),
  answer("the backend's RST is remembered", 'tcp', { flags: ['rst', 'ack'] }, { seen: SEEN.other | SEEN.rst }),
  answer("a backend's bare SYN counts as one", 'tcp', { flags: ['syn'] }, { seen: SEEN.syn | SEEN.other }),
  answer('TOS, identification and DF stay', 'udp', { ip: { tos: 0x2e, id: 1, dontFragment: false } }),
  answer('padding behind a short reply stays', 'tcp', { padding: 6 }),
  answer('a reply of 1500 bytes goes to the client', 'udp', { payload: Buffer.alloc(1472, 0x5a) }),
  answer('a reply of TTL 2 leaves with TTL 1', 'tcp', { ip: { ttl: 2 } }, { outChange: { ip: { ttl: 1 } } }),
  answer("the frame's MAC addresses in are not looked at", 'tcp', { srcMac: '02:00:00:00:00:99' }, { outChange: {} }),
  answer('a reply needs no flow entry', 'tcp', {}, { before: { replies: [establishedReverse('tcp')] } }),
  answer(
    'a reply needs no service and no backend',
    'tcp',
    {},
    { before: { services: [], backends: [], replies: [establishedReverse('tcp')] } },
  ),
  answer(
    'a client behind another device is reached by a redirect',
    'tcp',
    {},
    {
      verdict: 'redirect',
      before: { replies: [establishedReverse('tcp', { ifindex: OTHER_DEVICE })] },
      replies: [countedReverse('tcp', 54, { ifindex: OTHER_DEVICE })],
    },
  ),
  answer(
    "a reply by the client's own device goes back by it",
    'tcp',
    {},
    {
      ingress: 'device',
      before: { replies: [establishedReverse('tcp', { ifindex: DEVICE.index })] },
      replies: [countedReverse('tcp', 54, { ifindex: DEVICE.index })],
    },
  ),
  answer(
    'a reply to the second LB address is translated',
    'udp',
    { ip: { dst: LB.second } },
    {
      settings: { ...SETTINGS, lbAddresses: [LB.address, LB.second] },
      before: { replies: [establishedReverse('udp', { tuple: replyTuple('udp', { daddr: LB.second }) })] },
      outChange: {},
      replies: [countedReverse('udp', 42, { tuple: replyTuple('udp', { daddr: LB.second }) })],
    },
  ),
  answer(
    'a reply to the fourth LB address is translated',
    'udp',
    { ip: { dst: '30.1.1.4' } },
    {
      settings: { ...SETTINGS, lbAddresses: [LB.address, LB.second, '30.1.1.3', '30.1.1.4'] },
      before: { replies: [establishedReverse('udp', { tuple: replyTuple('udp', { daddr: '30.1.1.4' }) })] },
      outChange: {},
      replies: [countedReverse('udp', 42, { tuple: replyTuple('udp', { daddr: '30.1.1.4' }) })],
    },
  ),
  ...[20000, 20999].map((port) =>
    answer(
      `a reply to port ${port}, an end of the SNAT range, is translated`,
      'tcp',
      { dstPort: port },
      {
        before: { replies: [establishedReverse('tcp', { tuple: replyTuple('tcp', { dport: port }) })] },
        outChange: {},
        replies: [countedReverse('tcp', 54, { tuple: replyTuple('tcp', { dport: port }) })],
      },
    ),
  ),
  {
    ...answer('a reply that came in damaged leaves with a checksum that still tells so', 'udp', { payload: 'data' }),
    packet: patchFrame(reply('udp', { payload: 'data' }), 42, [0x21]),
    out: patchFrame(translatedReply('udp', { payload: 'data' }), 42, [0x21]),
    wrongChecksum: true,
  },
];
