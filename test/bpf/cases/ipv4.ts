// What IPv4 has alone: the header's checksum, identification and DF bit, UDP without a checksum.
// Imports the packet builder and the worlds of the tests; meaningful for the world of IPv4 alone.

import { buildFrame, ethernet, ipv4, ipv6, PROTOCOL, patchFrame, tcp, udp } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { FAMILIES_UNDER_TEST, NOT_IP } from '../under-test.js';
import { ETHERNET_HEADER, type World } from '../world.js';
import { begins, goesOn, incoming, outgoing, pass, WAYS, type Way } from './ways.js';

const CHECKSUM = ETHERNET_HEADER + 10;

/** The frame with 0x0100 added (one's complement) to the IP checksum that stands at `at`. */
function damageChecksum(frame: Buffer, at: number): Buffer {
  const sum = frame.readUInt16BE(at) + 0x0100;
  return patchFrame(frame, at, [((sum & 0xffff) + (sum >> 16)) >> 8, ((sum & 0xffff) + (sum >> 16)) & 0xff]);
}

export function ipv4Cases(world: World): readonly PacketCase[] {
  const { CLIENT, LB, request, VIP } = world;
  const eth = ethernet({ dst: LB.mac, src: CLIENT.mac });
  const toVip = { src: CLIENT.address, dst: VIP.address };
  const syn = tcp({ src: CLIENT.port, dst: VIP.tcpPort, flags: ['syn'] });

  /** A header checksum that came in wrong is neither hidden nor mended: the receiver must see it (RFC 1624 keeps the error). */
  const damaged = (way: Way): PacketCase => ({
    ...goesOn(world, way, 'udp', 'keeps the error of a wrong header checksum', { change: {} }),
    packet: damageChecksum(incoming(world, way, 'udp', {}), CHECKSUM),
    out: damageChecksum(outgoing(world, way, 'udp', {}), way === 'dsr-ipip' ? CHECKSUM + 20 : CHECKSUM),
    wrongChecksum: true,
  });

  return [
    ...WAYS.flatMap((way) => [
      goesOn(world, way, 'udp', 'keeps its identification and a missing DF bit, outside too', {
        change: { ip: { v4: { id: 0xffff, dontFragment: false } } },
        outer: { v4: { dontFragment: false } },
      }),
      goesOn(world, way, 'udp', 'without a checksum keeps none', { change: { payload: 'odd', checksum: 0 } }),
      damaged(way),
    ]),
    ...(['snat-request', 'dsr-l2'] as const).map((way) =>
      begins(world, way, 'udp', 'without a checksum keeps none', { change: { payload: 'query', checksum: 0 } }),
    ),
    ...(FAMILIES_UNDER_TEST.includes(6)
      ? []
      : [pass(NOT_IP, 'a TCP SYN over IPv6 passes', buildFrame(eth, ipv6({ src: '2001:db8::1', dst: '2001:db8::2' }), syn))]),

    pass('protocol', 'a packet of protocol 0 passes', buildFrame(eth, ipv4({ ...toVip, protocol: 0 }))),
    pass('protocol', "IPv6's ICMP inside IPv4 passes", buildFrame(eth, ipv4({ ...toVip, protocol: PROTOCOL.icmpv6 }), Buffer.alloc(8))),
    pass('malformed', 'a header length below 20 passes', request('tcp', { ip: { v4: { headerLength: 4 } } })),
    pass('malformed', 'a header length of 0 passes', request('tcp', { ip: { v4: { headerLength: 0 } } })),
    pass(
      'malformed',
      'a header longer than the packet passes',
      buildFrame(eth, ipv4({ ...toVip, headerLength: 15 }), udp({ src: 1, dst: VIP.udpPort })),
    ),
    pass('malformed', 'a total length below the header passes', request('tcp', { ip: { length: 19 } })),
    pass('malformed', 'a total length of 0 passes', request('tcp', { ip: { length: 0 } })),
  ];
}
