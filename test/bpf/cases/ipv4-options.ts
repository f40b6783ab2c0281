// IPv4 headers with options: the transport's header stands where the header length says, and the options are carried as they are.
// Imports the packet builder and the worlds of the tests; meaningful for the world of IPv4 alone.

import { buildFrame, ethernet, ipv4, patchFrame, tcp } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { answerTo, tooBig } from '../icmp.js';
import { backendEntry, backends, countedFlow, dsr, establishedFlow, establishedReverse, serviceEntry } from '../states.js';
import type { Change, World } from '../world.js';
import { begins, flowOf, goesOn, incoming, pass, WAYS } from './ways.js';

const withOptions = (options: Buffer): Change => ({ ip: { v4: { options } } });
/** RFC 2113. */
const ROUTER_ALERT = Buffer.from('94040000', 'hex');
/** No-operation options (RFC 791) around what looks like the ports of another flow, where a header of 20 bytes would have them. */
const DECOY = Buffer.from('9c410051' + '01010101', 'hex');
const MOST = Buffer.alloc(40, 1);
const OPTIONS: Readonly<Record<string, Buffer>> = {
  'with a router alert': ROUTER_ALERT,
  'with options that look like ports': DECOY,
  'with a timestamp option of 12 bytes': Buffer.from('440c050000000000' + '00000000', 'hex'),
  'with the most options': MOST,
};

export function ipv4OptionCases(world: World): readonly PacketCase[] {
  const { CLIENT, LB, request, VIP, wrappedRequest } = world;
  const eth = ethernet({ dst: LB.mac, src: CLIENT.mac });
  const toVip = { src: CLIENT.address, dst: VIP.address };
  /** A UDP packet with the most options that has this length. */
  const ofLength = (bytes: number): Change => ({ ...withOptions(MOST), payload: Buffer.alloc(bytes - 60 - 8, 0x77) });
  const underIpip = {
    services: [serviceEntry(world, 'udp', { action: 'dsr-ipip' })],
    backends: backends(world, backendEntry(world, 'dns')),
    flows: [establishedFlow(world, 'udp', dsr('dsr-ipip'))],
  };

  return [
    ...Object.entries(OPTIONS).flatMap(([words, options]) => [
      ...WAYS.flatMap((way) =>
        (['tcp', 'udp'] as const).map((protocol) =>
          goesOn(world, way, protocol, words, { change: { ...withOptions(options), payload: 'odd' } }),
        ),
      ),
      ...(['snat-request', 'dsr-ipip', 'dsr-l2'] as const).map((way) => begins(world, way, 'tcp', words, { change: withOptions(options) })),
    ]),
    ...WAYS.map((way) =>
      goesOn(world, way, 'udp', 'with options and no checksum keeps none', { change: { ...withOptions(DECOY), checksum: 0 } }),
    ),
    {
      title: 'a packet with options that fits the MTU exactly with its outer header is sent',
      packet: request('udp', ofLength(1480)),
      before: underIpip,
      verdict: 'tx',
      reason: 'dsr_ipip',
      out: wrappedRequest('udp', ofLength(1480)),
      flows: [countedFlow(world, 'udp', 14 + 1480, dsr('dsr-ipip'))],
    },
    {
      title: 'a packet with options one word too long for the MTU with its outer header is answered with what fits, and quoted with them',
      packet: request('udp', ofLength(1484)),
      before: underIpip,
      verdict: 'tx',
      reason: 'too_big_answered',
      out: answerTo(world, request('udp', ofLength(1484)), tooBig(4, 1480)),
      flows: [countedFlow(world, 'udp', 14 + 1484, dsr('dsr-ipip'))],
    },
    pass(
      'protocol',
      'another protocol behind options passes',
      buildFrame(eth, ipv4({ ...toVip, options: MOST, protocol: 47 }), Buffer.alloc(8)),
    ),
    pass('local', 'ssh with options passes', request('tcp', { ip: { dst: LB.address, v4: { options: DECOY } }, dstPort: 22 })),
    pass('no_service', 'a packet with options for no service passes', request('tcp', { ...withOptions(DECOY), dstPort: 81 })),
    pass('malformed', 'a header length that leaves no room for TCP passes', patchFrame(request('tcp'), 14, [0x46])),
    pass(
      'malformed',
      'a total length below a header with options passes',
      request('tcp', { ip: { length: 23, v4: { options: ROUTER_ALERT } } }),
    ),
    ...WAYS.map((way) =>
      pass(
        'ttl_expired',
        `a packet with options of TTL 1 passes (${way})`,
        incoming(world, way, 'tcp', { ip: { ttl: 1, v4: { options: MOST } } }),
        {
          before: flowOf(world, way, 'tcp'),
        },
      ),
    ),
    pass(
      'malformed',
      'a TCP header behind options that is longer than the packet passes',
      patchFrame(request('tcp', withOptions(MOST)), 14 + 60 + 12, [0x60]),
      {
        before: { flows: [establishedFlow(world, 'tcp')], replies: [establishedReverse(world, 'tcp')] },
      },
    ),
  ];
}

/** While the data plane forwards no options. */
export function ipv4OptionPassCases(world: World): readonly PacketCase[] {
  const { CLIENT, LB, VIP } = world;
  const eth = ethernet({ dst: LB.mac, src: CLIENT.mac });
  const toVip = { src: CLIENT.address, dst: VIP.address };
  const syn = tcp({ src: CLIENT.port, dst: VIP.tcpPort, flags: ['syn'] });
  return [
    pass('ip_options', 'a request with IP options passes', buildFrame(eth, ipv4({ ...toVip, options: ROUTER_ALERT }), syn)),
    pass('ip_options', 'a header with the most options passes', buildFrame(eth, ipv4({ ...toVip, options: MOST }), syn)),
    pass(
      'ip_options',
      'a fragment with options passes by its options',
      buildFrame(eth, ipv4({ ...toVip, options: Buffer.alloc(4, 1), moreFragments: true }), syn),
    ),
  ];
}
