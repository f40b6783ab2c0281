// Packets that are not for Fairlead: they pass to the stack unchanged, and no map but metrics changes.
// Imports the packet builder and the worlds of the tests. The order of the checks is part of what these cases fix.
// What a family has alone (fragments, options, extension headers) stands in a file of its own.

import { buildFrame, ethernet, icmp, icmpv6, PROTOCOL, patchFrame, tcp } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { ipLayer } from '../packet.js';
import { backendEntry, establishedReverse, newReverse, replyTuple, serviceEntry } from '../states.js';
import { NOT_IP } from '../under-test.js';
import { SNAT_PORT, type World } from '../world.js';
import { pass } from './ways.js';

export function passCases(world: World): readonly PacketCase[] {
  const { BACKEND, CLIENT, ELSEWHERE, family, IP_HEADER, LB, ONE_PORT, reply, request, SETTINGS, TRANSPORT, VIP } = world;
  const eth = ethernet({ dst: LB.mac, src: CLIENT.mac });
  const ip = (change: { dst?: string; protocol?: number } = {}) => ipLayer(family, { src: CLIENT.address, dst: VIP.address, ...change });
  const echo = family === 4 ? icmp({ type: 8, rest: 0x00010001 }) : icmpv6({ type: 128, rest: 0x00010001 });
  const replying = { settings: ONE_PORT, before: { replies: [newReverse(world, 'tcp')] } };
  return [
    pass(
      NOT_IP,
      'an ARP request passes',
      buildFrame(ethernet({ dst: 'ff:ff:ff:ff:ff:ff', src: CLIENT.mac, type: 0x0806 }), Buffer.alloc(46, 1)),
    ),
    pass(
      NOT_IP,
      'an LLC frame, whose type is a length, passes',
      buildFrame(ethernet({ dst: LB.mac, src: CLIENT.mac, type: 60 }), Buffer.alloc(60)),
    ),

    pass('no_service', 'TCP to an address that is no service passes', request('tcp', { ip: { dst: ELSEWHERE.vip } })),
    pass('no_service', 'TCP to another port of the service address passes', request('tcp', { dstPort: 81 })),
    pass('no_service', 'UDP to the port of a TCP service passes', request('udp', { dstPort: VIP.tcpPort })),
    pass('no_service', 'TCP to the port of a UDP service passes', request('tcp', { dstPort: VIP.udpPort })),
    pass('no_service', 'a packet of TTL 1 that is for no service passes as such', request('tcp', { dstPort: 81, ip: { ttl: 1 } })),
    pass('no_service', 'a packet from the service address passes', request('tcp', { ip: { src: VIP.address, dst: CLIENT.address } })),
    pass('no_service', 'transit to a port of the SNAT range passes', request('udp', { ip: { dst: ELSEWHERE.far }, dstPort: SNAT_PORT })),

    pass('protocol', 'a wrapped packet to the service address passes', buildFrame(eth, ip(), ip(), tcp({ src: 1, dst: VIP.tcpPort }))),
    pass('protocol', 'SCTP to the service address passes', buildFrame(eth, ip({ protocol: 132 }), Buffer.alloc(32))),
    pass('protocol', 'an echo request to the LB passes as another protocol', buildFrame(eth, ip({ dst: LB.address }), echo)),
    pass('protocol', 'a packet without any payload passes by its protocol', buildFrame(eth, ip({ protocol: PROTOCOL.noNextHeader }))),

    pass('malformed', "the other family's version under the ethertype passes", request('tcp', { ip: { version: family === 4 ? 6 : 4 } })),
    pass('malformed', 'a length beyond the frame passes', request('tcp', { ip: { length: IP_HEADER + 21 } })),
    pass('malformed', 'the largest length in a small frame passes', request('tcp', { ip: { length: 65535 } })),
    pass('malformed', 'a length of the IP header alone passes', request('tcp', { ip: { length: IP_HEADER } })),
    pass('malformed', 'a length that ends inside the TCP header passes', request('tcp', { ip: { length: IP_HEADER + 19 } })),
    pass('malformed', 'a length that ends inside the UDP header passes', request('udp', { ip: { length: IP_HEADER + 7 } })),
    pass('malformed', 'a TCP header shorter than 20 bytes passes', patchFrame(request('tcp'), TRANSPORT + 12, [0x40])),
    pass('malformed', 'a TCP header longer than the packet passes', patchFrame(request('tcp'), TRANSPORT + 12, [0x60])),
    pass('malformed', 'a UDP length below its header passes', patchFrame(request('udp', { payload: 'query' }), TRANSPORT + 4, [0, 7])),
    pass('malformed', 'a UDP length beyond the packet passes', patchFrame(request('udp', { payload: 'query' }), TRANSPORT + 4, [0, 14])),

    pass('local', 'ssh to the LB passes', request('tcp', { ip: { dst: LB.address }, dstPort: 22, flags: ['syn'] })),
    pass('local', 'a packet to a port of the SNAT range without a flow passes', reply('tcp', { flags: ['syn', 'ack'] }), {
      settings: ONE_PORT,
    }),
    pass(
      'local',
      'a reply from a backend that the port was not taken for passes',
      reply('tcp', { ip: { src: BACKEND.b.address } }),
      replying,
    ),
    pass('local', "a reply from another port of the flow's backend passes", reply('tcp', { srcPort: 22 }), replying),
    pass('local', 'a UDP packet to the port of a TCP flow passes', reply('udp', { srcPort: BACKEND.a.port }), replying),
    pass('local', 'a packet to a port below the SNAT range passes even if an entry stands there', reply('tcp', { dstPort: 19999 }), {
      settings: SETTINGS,
      before: { replies: [newReverse(world, 'tcp', { tuple: replyTuple(world, 'tcp', { dport: 19999 }) })] },
    }),
    pass('local', 'a packet to a port above the SNAT range passes even if an entry stands there', reply('tcp', { dstPort: 21000 }), {
      before: { replies: [newReverse(world, 'tcp', { tuple: replyTuple(world, 'tcp', { dport: 21000 }) })] },
    }),
    pass('local', "a packet to the node's second LB address passes", request('tcp', { ip: { dst: LB.second } }), {
      settings: { ...SETTINGS, lbAddresses: [LB.address, LB.second, LB.third, LB.fourth] },
    }),
    pass('no_service', 'an address that the settings do not name is not local', request('tcp', { ip: { dst: LB.second } })),

    pass(
      'ttl_expired',
      'the first packet of a flow with TTL 1 passes to the stack, which answers; no flow begins',
      request('tcp', { flags: ['syn'], ip: { ttl: 1 } }),
    ),
    pass('ttl_expired', 'a packet of TTL 0 is never forwarded', request('udp', { ip: { ttl: 0 } })),
    pass('ttl_expired', 'a DSR packet of TTL 1 passes', request('tcp', { flags: ['syn'], ip: { ttl: 1 } }), {
      before: { services: [serviceEntry(world, 'tcp', { action: 'dsr-ipip' })] },
    }),
    pass('ttl_expired', 'a reply of TTL 1 passes and is not counted for its flow', reply('tcp', { ip: { ttl: 1 } }), {
      settings: ONE_PORT,
      before: { backends: [backendEntry(world, 'a')], replies: [establishedReverse(world, 'tcp')] },
    }),
  ];
}
