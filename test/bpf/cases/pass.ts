// Packets that are not for Fairlead: they pass to the stack unchanged, and no map but metrics changes.
// Imports the packet builder and the world of the tests. The order of the checks is part of what these cases fix.

import { buildFrame, ethernet, icmp, ipv4, ipv6, PROTOCOL, patchFrame, tcp, udp, vlan } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { backendEntry, establishedReverse, newReverse, replyTuple } from '../states.js';
import { BACKEND, CLIENT, LB, ONE_PORT, reply, request, SETTINGS, SNAT_PORT, VIP } from '../world.js';

const eth = ethernet({ dst: LB.mac, src: CLIENT.mac });
const toVip = { src: CLIENT.address, dst: VIP.address };
const syn = tcp({ src: CLIENT.port, dst: VIP.tcpPort, flags: ['syn'] });
const pass = (reason: string, title: string, packet: Buffer, more: Partial<PacketCase> = {}): PacketCase => ({
  title,
  packet,
  verdict: 'pass',
  reason,
  ...more,
});
const IP = 14;

export const passCases: readonly PacketCase[] = [
  pass(
    'not_ipv4',
    'an ARP request passes',
    buildFrame(ethernet({ dst: 'ff:ff:ff:ff:ff:ff', src: CLIENT.mac, type: 0x0806 }), Buffer.alloc(46, 1)),
  ),
  pass('not_ipv4', 'a TCP SYN over IPv6 passes', buildFrame(eth, ipv6({ src: '2001:db8::1', dst: '2001:db8::2' }), syn)),
  pass('not_ipv4', 'a request inside a VLAN passes', buildFrame(eth, vlan({ id: 7 }), ipv4(toVip), syn)),
  pass('not_ipv4', 'a request inside two VLANs passes', buildFrame(eth, vlan({ id: 7, tpid: 0x88a8 }), vlan({ id: 8 }), ipv4(toVip), syn)),
  pass(
    'not_ipv4',
    'an LLC frame, whose type is a length, passes',
    buildFrame(ethernet({ dst: LB.mac, src: CLIENT.mac, type: 60 }), Buffer.alloc(60)),
  ),

  pass('no_service', 'TCP to an address that is no service passes', request('tcp', { ip: { dst: '40.1.1.2' } })),
  pass('no_service', 'TCP to another port of the service address passes', request('tcp', { dstPort: 81 })),
  pass('no_service', 'UDP to the port of a TCP service passes', request('udp', { dstPort: VIP.tcpPort })),
  pass('no_service', 'TCP to the port of a UDP service passes', request('tcp', { dstPort: VIP.udpPort })),
  pass('no_service', 'a packet of TTL 1 that is for no service passes as such', request('tcp', { dstPort: 81, ip: { ttl: 1 } })),
  pass('no_service', 'a packet from the service address passes', request('tcp', { ip: { src: VIP.address, dst: CLIENT.address } })),
  pass('no_service', 'transit to a port of the SNAT range passes', request('udp', { ip: { dst: '9.9.9.9' }, dstPort: SNAT_PORT })),

  pass('protocol', 'an ICMP echo request to the service address passes', buildFrame(eth, ipv4(toVip), icmp({ type: 8, rest: 0x00010001 }))),
  pass('protocol', 'an IPIP packet to the service address passes', buildFrame(eth, ipv4(toVip), ipv4(toVip), syn)),
  pass('protocol', 'SCTP to the service address passes', buildFrame(eth, ipv4({ ...toVip, protocol: 132 }), Buffer.alloc(32))),
  pass(
    'protocol',
    'an ICMP message to the LB passes as another protocol',
    buildFrame(eth, ipv4({ ...toVip, dst: LB.address }), icmp({ type: 8 })),
  ),
  pass('protocol', 'IPv4 without any payload passes by its protocol', buildFrame(eth, ipv4({ ...toVip, protocol: 0 }))),

  pass('fragment', 'the first fragment of a request passes', request('udp', { ip: { moreFragments: true, dontFragment: false } })),
  pass(
    'fragment',
    'a later fragment, whose bytes look like a SYN, passes',
    buildFrame(eth, ipv4({ ...toVip, moreFragments: true, fragmentOffset: 100, protocol: PROTOCOL.tcp }), syn),
  ),
  pass('fragment', 'the last fragment passes', buildFrame(eth, ipv4({ ...toVip, fragmentOffset: 1, protocol: PROTOCOL.tcp }), syn)),
  pass(
    'fragment',
    'a fragment at the highest offset passes',
    buildFrame(eth, ipv4({ ...toVip, fragmentOffset: 0x1fff, protocol: PROTOCOL.udp }), Buffer.alloc(8)),
  ),
  pass('fragment', 'a fragment with the SNAT port of a flow is no reply', reply('tcp', { ip: { moreFragments: true } }), {
    settings: ONE_PORT,
    before: { replies: [newReverse('tcp')] },
  }),
  pass('fragment', 'a fragment of ICMP passes as a fragment', buildFrame(eth, ipv4({ ...toVip, moreFragments: true }), icmp({ type: 8 }))),

  pass('ip_options', 'a request with IP options passes', buildFrame(eth, ipv4({ ...toVip, options: Buffer.from('94040000', 'hex') }), syn)),
  pass('ip_options', 'a header with the most options passes', buildFrame(eth, ipv4({ ...toVip, options: Buffer.alloc(40, 1) }), syn)),
  pass(
    'ip_options',
    'a fragment with options passes by its options',
    buildFrame(eth, ipv4({ ...toVip, options: Buffer.alloc(4, 1), moreFragments: true }), syn),
  ),

  pass('malformed', 'version 6 under the ethertype of IPv4 passes', request('tcp', { ip: { version: 6 } })),
  pass('malformed', 'a header length below 20 passes', request('tcp', { ip: { headerLength: 4 } })),
  pass('malformed', 'a header length of 0 passes', request('tcp', { ip: { headerLength: 0 } })),
  pass(
    'malformed',
    'a header longer than the packet passes',
    buildFrame(eth, ipv4({ ...toVip, headerLength: 15 }), udp({ src: 1, dst: VIP.udpPort })),
  ),
  pass('malformed', 'a total length beyond the frame passes', request('tcp', { ip: { totalLength: 41 } })),
  pass('malformed', 'the largest total length in a small frame passes', request('tcp', { ip: { totalLength: 65535 } })),
  pass('malformed', 'a total length below the header passes', request('tcp', { ip: { totalLength: 19 } })),
  pass('malformed', 'a total length of 0 passes', request('tcp', { ip: { totalLength: 0 } })),
  pass('malformed', 'a total length that ends inside the TCP header passes', request('tcp', { ip: { totalLength: 39 } })),
  pass('malformed', 'a total length that ends inside the UDP header passes', request('udp', { ip: { totalLength: 27 } })),
  pass('malformed', 'a TCP header shorter than 20 bytes passes', patchFrame(request('tcp'), IP + 20 + 12, [0x40])),
  pass('malformed', 'a TCP header longer than the packet passes', patchFrame(request('tcp'), IP + 20 + 12, [0x60])),
  pass('malformed', 'a UDP length below its header passes', patchFrame(request('udp', { payload: 'query' }), IP + 20 + 4, [0, 7])),
  pass('malformed', 'a UDP length beyond the packet passes', patchFrame(request('udp', { payload: 'query' }), IP + 20 + 4, [0, 14])),

  pass('local', 'ssh to the LB passes', request('tcp', { ip: { dst: LB.address }, dstPort: 22, flags: ['syn'] })),
  pass('local', 'a packet to a port of the SNAT range without a flow passes', reply('tcp', { flags: ['syn', 'ack'] }), {
    settings: ONE_PORT,
  }),
  pass('local', 'a reply from a backend that the port was not taken for passes', reply('tcp', { ip: { src: BACKEND.b.address } }), {
    settings: ONE_PORT,
    before: { replies: [newReverse('tcp')] },
  }),
  pass('local', "a reply from another port of the flow's backend passes", reply('tcp', { srcPort: 22 }), {
    settings: ONE_PORT,
    before: { replies: [newReverse('tcp')] },
  }),
  pass('local', 'a UDP packet to the port of a TCP flow passes', reply('udp', { srcPort: BACKEND.a.port }), {
    settings: ONE_PORT,
    before: { replies: [newReverse('tcp')] },
  }),
  pass('local', 'a packet to a port below the SNAT range passes even if an entry stands there', reply('tcp', { dstPort: 19999 }), {
    settings: SETTINGS,
    before: { replies: [newReverse('tcp', { tuple: replyTuple('tcp', { dport: 19999 }) })] },
  }),
  pass('local', 'a packet to a port above the SNAT range passes even if an entry stands there', reply('tcp', { dstPort: 21000 }), {
    before: { replies: [newReverse('tcp', { tuple: replyTuple('tcp', { dport: 21000 }) })] },
  }),
  pass('local', "a packet to the node's second LB address passes", request('tcp', { ip: { dst: LB.second } }), {
    settings: { ...SETTINGS, lbAddresses: [LB.address, LB.second] },
  }),
  pass('no_service', 'an address that the settings do not name is not local', request('tcp', { ip: { dst: LB.second } })),

  pass(
    'ttl_expired',
    'the first packet of a flow with TTL 1 passes to the stack, which answers; no flow begins',
    request('tcp', { flags: ['syn'], ip: { ttl: 1 } }),
  ),
  pass('ttl_expired', 'a packet of TTL 0 is never forwarded', request('udp', { ip: { ttl: 0 } })),
  pass('ttl_expired', 'a DSR packet of TTL 1 passes', request('tcp', { flags: ['syn'], ip: { ttl: 1 } }), {
    before: {
      services: [{ id: 1, frontend: { address: VIP.address, port: VIP.tcpPort, protocol: 'tcp' }, action: 'dsr-ipip', table: [1] }],
    },
  }),
  pass('ttl_expired', 'a reply of TTL 1 passes and is not counted for its flow', reply('tcp', { ip: { ttl: 1 } }), {
    settings: ONE_PORT,
    before: { backends: [backendEntry('a')], replies: [establishedReverse('tcp')] },
  }),
];
