// What IPv6 has alone: the flow label, 16 bytes of each address, no UDP without a checksum, no checksum of its own.
// Imports the packet builder and the worlds of the tests; meaningful for the world of IPv6 alone. Written from RFC 8200, not from the C.

import { buildFrame, ethernet, icmpv6, ipv6, PROTOCOL, udp } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { establishedReverse, serviceEntry } from '../states.js';
import type { World } from '../world.js';
import { flowOf, goesOn, incoming, pass, WAYS } from './ways.js';

/** The address with one of its four 32-bit words changed in the last bit, for each word. */
function neighbours(address: string): readonly string[] {
  const words = address.split(':');
  const filled = words.flatMap((word) => (word === '' ? Array<string>(9 - words.length).fill('0') : [word]));
  return [1, 3, 5, 7].map((at) => filled.map((word, i) => (i === at ? (Number.parseInt(word, 16) ^ 1).toString(16) : word)).join(':'));
}

export function ipv6Cases(world: World): readonly PacketCase[] {
  const { BACKEND, CLIENT, LB, ONE_PORT, reply, request, VIP } = world;
  const toVip = { src: CLIENT.address, dst: VIP.address };
  const solicitation = Buffer.alloc(16, 0xfe);
  const multicast = (last: string) => ethernet({ dst: `33:33:00:00:00:${last}`, src: CLIENT.mac });
  const nth = (i: number) => `differs from it in the ${['first', 'second', 'third', 'last'][i]} 32 bits alone`;

  return [
    ...WAYS.flatMap((way) => [
      goesOn(world, way, 'udp', 'keeps its flow label, whatever stands there', { change: { ip: { v6: { flowLabel: 0xfffff } } } }),
      goesOn(world, way, 'tcp', 'without a flow label gets none', { change: { ip: { v6: { flowLabel: 0 } } } }),
      // The traffic class lies across the header's first two bytes, beside version and flow label.
      ...[0x01, 0x10, 0xff].map((tos) =>
        goesOn(world, way, 'udp', `keeps its traffic class ${tos}, and the outer header has it too`, {
          change: { ip: { tos } },
          outer: { tos },
        }),
      ),
      pass('malformed', `UDP without a checksum passes: RFC 8200 has none (${way})`, incoming(world, way, 'udp', { checksum: 0 }), {
        before: flowOf(world, way, 'udp'),
      }),
    ]),
    pass('malformed', 'UDP without a checksum begins no flow', request('udp', { payload: 'query', checksum: 0 })),

    ...neighbours(VIP.address).map((dst, i) =>
      pass('no_service', `a packet to an address passes that is no service's: it ${nth(i)}`, request('tcp', { ip: { dst } })),
    ),
    ...neighbours(LB.address).map((dst, i) =>
      pass('no_service', `a reply to an address is none that is not the LB's: it ${nth(i)}`, reply('tcp', { ip: { dst } }), {
        before: { replies: [establishedReverse(world, 'tcp')] },
      }),
    ),
    ...neighbours(BACKEND.a.address).map((src, i) =>
      pass('local', `a packet from an address is no reply that is not the backend's: it ${nth(i)}`, reply('tcp', { ip: { src } }), {
        settings: ONE_PORT,
        before: { replies: [establishedReverse(world, 'tcp')] },
      }),
    ),
    ...neighbours(CLIENT.address).map((src, i) =>
      pass(
        'no_service',
        `a packet belongs to no flow whose client differs from its own in the ${['first', 'second', 'third', 'last'][i]} 32 bits`,
        request('tcp', { ip: { src } }),
        {
          before: { services: [serviceEntry(world, 'udp')], ...flowOf(world, 'dsr-l2', 'tcp') },
        },
      ),
    ),

    pass(
      'protocol',
      'a neighbour solicitation for the LB passes',
      buildFrame(
        ethernet({ dst: '33:33:ff:00:00:01', src: CLIENT.mac }),
        ipv6({ src: CLIENT.address, dst: 'ff02::1:ff00:1', hopLimit: 255 }),
        icmpv6({ type: 135 }),
        solicitation,
      ),
    ),
    pass(
      'protocol',
      'a router advertisement passes',
      buildFrame(multicast('01'), ipv6({ src: 'fe80::1', dst: 'ff02::1', hopLimit: 255 }), icmpv6({ type: 134 }), Buffer.alloc(8)),
    ),
    pass(
      'no_service',
      'UDP to a multicast group passes',
      buildFrame(multicast('fb'), ipv6({ src: 'fe80::1', dst: 'ff02::fb' }), udp({ src: 5353, dst: 5353 })),
    ),
    pass('no_service', 'TCP between link-local addresses passes', request('tcp', { ip: { src: 'fe80::1', dst: 'fe80::2' } })),
    pass('no_service', 'UDP to a port of the SNAT range of another node passes', reply('udp', { ip: { dst: 'fe80::1' } }), {
      settings: ONE_PORT,
    }),
    pass(
      'protocol',
      "IPv4's ICMP inside IPv6 passes",
      buildFrame(ethernet({ dst: LB.mac, src: CLIENT.mac }), ipv6({ ...toVip, nextHeader: PROTOCOL.icmp }), Buffer.alloc(8)),
    ),
    pass('malformed', 'a payload length of 0 passes: a jumbogram at most (RFC 2675)', request('tcp', { ip: { v6: { payloadLength: 0 } } })),
  ];
}
