// IPv6 extension headers: walked up to the transport's header, and carried as they are (RFC 8200, section 4).
// Imports the packet builder and the worlds of the tests; meaningful for the world of IPv6 alone. Written from the RFC, not from the C.

import {
  buildFrame,
  destinationOptions,
  ethernet,
  fragment,
  hopByHop,
  ipv6,
  type Layer,
  PROTOCOL,
  routing,
  tcp,
} from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { establishedReverse } from '../states.js';
import { EXTENSIONS, EXTENSIONS_WALKED } from '../under-test.js';
import type { Change, World } from '../world.js';
import { begins, flowOf, goesOn, incoming, pass, WAYS } from './ways.js';

const times = (count: number, build: () => Layer) => Array.from({ length: count }, build);
/** Contents that look like the ports of a flow, at the places where a header that nobody walked would have them. */
const DECOY = Buffer.from('9c400050', 'hex');

export function ipv6ExtensionCases(world: World): readonly PacketCase[] {
  const { BACKEND, CLIENT, LB, reply, request, VIP } = world;
  const eth = ethernet({ dst: LB.mac, src: CLIENT.mac });
  const toVip = { src: CLIENT.address, dst: VIP.address };
  const syn = tcp({ src: CLIENT.port, dst: VIP.tcpPort, flags: ['syn'] });
  const arrived = routing({ segmentsLeft: 0, addresses: [BACKEND.b.address] });

  const WALKED: Readonly<Record<string, readonly Layer[]>> = {
    'with a hop-by-hop header': [hopByHop()],
    'with destination options': [destinationOptions()],
    'with destination options of 40 bytes': [destinationOptions({ options: Buffer.concat([DECOY, Buffer.alloc(34)]) })],
    'with a routing header that has come to its end': [arrived],
    'with a segment routing header that has come to its end': [
      routing({ type: 4, segmentsLeft: 0, addresses: [VIP.address, BACKEND.b.address] }),
    ],
    'in an atomic fragment (RFC 6946)': [fragment({ id: 0x9c400050 })],
    'in an atomic fragment whose reserved byte is not 0': [fragment({ reserved: 1 })],
    'with every kind of header that is walked': [hopByHop(), destinationOptions(), arrived, fragment(), destinationOptions()],
    [`with ${EXTENSIONS_WALKED} headers, the most that are walked`]: times(EXTENSIONS_WALKED, destinationOptions),
  };

  const forwarded = Object.entries(WALKED).flatMap(([words, extensions]) => [
    ...WAYS.flatMap((way) =>
      (['tcp', 'udp'] as const).map((protocol) => goesOn(world, way, protocol, words, { change: { extensions, payload: 'data' } })),
    ),
    ...(['snat-request', 'dsr-ipip', 'dsr-l2'] as const).map((way) => begins(world, way, 'tcp', words, { change: { extensions } })),
  ]);

  /** The established flow's packet on every way passes, and nothing changes. */
  const passes = (reason: string, title: string, change: Change): readonly PacketCase[] =>
    WAYS.map((way) => pass(reason, `${title} (${way})`, incoming(world, way, 'tcp', change), { before: flowOf(world, way, 'tcp') }));

  return [
    ...forwarded,
    ...passes(EXTENSIONS, 'one header more than are walked passes', { extensions: times(EXTENSIONS_WALKED + 1, destinationOptions) }),
    ...passes(EXTENSIONS, 'a packet that a routing header sends elsewhere first passes', {
      extensions: [routing({ segmentsLeft: 1, addresses: [BACKEND.b.address] })],
    }),
    ...passes('malformed', 'an extension header longer than the packet passes', { extensions: [destinationOptions({ length: 255 })] }),
    ...passes('malformed', 'an extension header that ends with the packet passes', {
      extensions: [destinationOptions({ length: 3 })],
      payload: 'four',
    }),
    ...passes('malformed', 'an extension header that ends inside the TCP header passes', {
      extensions: [destinationOptions({ length: 1 })],
    }),
    ...passes('malformed', 'a hop-by-hop header behind another header passes', { extensions: [destinationOptions(), hopByHop()] }),
    pass(
      'malformed',
      'a packet that ends inside an extension header passes',
      buildFrame(eth, ipv6({ ...toVip, nextHeader: PROTOCOL.destination }), Buffer.from([PROTOCOL.tcp, 0, 1, 2, 0, 0])),
    ),
    pass(
      'malformed',
      'a payload length that ends inside an extension header passes',
      buildFrame(eth, ipv6({ ...toVip, payloadLength: 4 }), destinationOptions(), syn),
    ),
    pass('protocol', 'extension headers in front of nothing pass', buildFrame(eth, ipv6(toVip), hopByHop(), destinationOptions())),
    pass('protocol', 'an authentication header passes', buildFrame(eth, ipv6({ ...toVip, nextHeader: 51 }), Buffer.alloc(24), syn)),
    pass('protocol', 'an encrypted packet passes', buildFrame(eth, ipv6({ ...toVip, nextHeader: 50 }), Buffer.alloc(40))),
    pass('no_service', 'a packet with extension headers for no service passes', request('tcp', { extensions: [hopByHop()], dstPort: 81 })),
    pass('local', 'ssh with extension headers passes', request('tcp', { extensions: [hopByHop()], ip: { dst: LB.address }, dstPort: 22 })),
    pass(
      'ttl_expired',
      'a reply of hop limit 1 with extension headers passes',
      reply('tcp', { extensions: [hopByHop()], ip: { ttl: 1 } }),
      {
        before: { replies: [establishedReverse(world, 'tcp')] },
      },
    ),
  ];
}
