// Frames with VLAN tags (IEEE 802.1Q, 802.1ad): a request keeps its tags on the way to the backend; a reply gets those that the
// client's request had, whatever tags it came with.
// Imports the packet builder and the worlds of the tests. Where a case needs what only a request's frame can tell, the request is sent first.

import { buildFrame, ethernet, ETHERTYPE, hopByHop, type VlanFields } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { answerTo, tooBig } from '../icmp.js';
import { countedFlow, dsr, establishedFlow, establishedReverse, serviceEntry } from '../states.js';
import { NOT_IP } from '../under-test.js';
import { type Change, ETHERNET_HEADER, type Protocol, type World } from '../world.js';
import { begins, goesOn, pass } from './ways.js';

type Tags = readonly VlanFields[];
const ONE: Tags = [{ id: 7 }];
const TWO: Tags = [{ id: 5, tpid: ETHERTYPE.qinq }, { id: 7 }];
/** The ways to tag a frame, in words. */
const TAGS: Readonly<Record<string, Tags>> = {
  'with one tag': ONE,
  'with an 802.1ad tag alone': [{ id: 7, tpid: ETHERTYPE.qinq }],
  'with a tag that has a priority alone': [{ id: 0, priority: 5 }],
  'with every bit of the tag set': [{ id: 4095, priority: 7, dropEligible: true }],
  'with two tags': TWO,
  'with two 802.1Q tags': [{ id: 5 }, { id: 7, priority: 3 }],
};
const REQUESTS = ['snat-request', 'dsr-ipip', 'dsr-l2'] as const;
const words = (tags: Tags) => ['no tag', 'one tag', 'two tags'][tags.length];

export function vlanCases(world: World): readonly PacketCase[] {
  const { CLIENT, IP_HEADER, LB, ONE_PORT, reply, request, translatedReply, VIP, wrappedRequest } = world;
  const room = 1500 - IP_HEADER;
  const ofLength = (bytes: number): Change => ({ tags: TWO, payload: Buffer.alloc(bytes - IP_HEADER - 8, 0x77) });
  const underIpip = {
    services: [serviceEntry(world, 'udp', { action: 'dsr-ipip' })],
    flows: [establishedFlow(world, 'udp', dsr('dsr-ipip'))],
  };

  /** The client's request came with `asked`, the backend's reply with `answered`: it leaves with `asked`. */
  function returns(asked: Tags, answered: Tags, protocol: Protocol, more: Change = {}): PacketCase {
    return {
      title: `a reply with ${words(answered)} leaves with ${words(asked)}, as the client's request came (${protocol.toUpperCase()})`,
      settings: ONE_PORT,
      earlier: [request(protocol, { tags: asked })],
      packet: reply(protocol, { ...more, tags: answered }),
      verdict: 'tx',
      reason: 'snat_reply',
      out: translatedReply(protocol, { ...more, tags: asked }),
      entries: 'open',
    };
  }

  return [
    ...Object.entries(TAGS).flatMap(([title, tags]) => [
      ...REQUESTS.flatMap((way) =>
        (['tcp', 'udp'] as const).map((protocol) => goesOn(world, way, protocol, title, { change: { tags, payload: 'data' } })),
      ),
      // What the reverse entry of a SNAT flow keeps of the tags is its own affair: returns() shows that it does.
      ...REQUESTS.map((way) =>
        begins(world, way, 'tcp', title, { change: { tags }, more: way === 'snat-request' ? { entries: 'open' } : {} }),
      ),
      { ...returns(tags, tags, 'udp', { payload: title }), title: `a reply ${title} leaves so when the client's request came so` },
    ]),
    ...[[], ONE, TWO].flatMap((asked) => [[], ONE, TWO].map((answered) => returns(asked, answered, 'tcp', { payload: 'data' }))),
    {
      ...returns([{ id: 9, priority: 1 }], ONE, 'tcp'),
      title: "a reply leaves with the client's tag, not with its own",
    },
    {
      ...returns(TWO, [], 'tcp'),
      title: "once a second the reverse entry learns the client's present tags",
      before: {
        flows: [establishedFlow(world, 'tcp', { refreshedAgo: 3 })],
        replies: [establishedReverse(world, 'tcp')],
      },
    },
    {
      ...returns(TWO, [], 'udp', { padding: 18 }),
      title: 'padding behind a short reply stays where tags are put in',
    },
    {
      title: 'tags are not counted against the MTU, the outer header is',
      packet: request('udp', ofLength(room)),
      before: underIpip,
      verdict: 'tx',
      reason: 'dsr_ipip',
      out: wrappedRequest('udp', ofLength(room)),
      flows: [countedFlow(world, 'udp', ETHERNET_HEADER + 8 + room, dsr('dsr-ipip'))],
    },
    {
      title: 'a tagged packet one byte too long for the MTU with its outer header is answered with its tags',
      packet: request('udp', ofLength(room + 1)),
      before: underIpip,
      verdict: 'tx',
      reason: 'too_big_answered',
      out: answerTo(world, request('udp', ofLength(room + 1)), tooBig(world.family, room)),
      flows: [countedFlow(world, 'udp', ETHERNET_HEADER + 8 + room + 1, dsr('dsr-ipip'))],
    },

    pass('no_service', 'a tagged packet for no service passes', request('tcp', { tags: TWO, dstPort: 81 })),
    pass('local', 'tagged ssh to the LB passes', request('tcp', { tags: ONE, ip: { dst: LB.address }, dstPort: 22 })),
    pass('ttl_expired', 'a tagged packet of TTL 1 passes', request('tcp', { tags: TWO, ip: { ttl: 1 } })),
    pass(NOT_IP, 'a request inside three tags passes', request('tcp', { tags: [...TWO, { id: 9 }] })),
    pass(NOT_IP, 'a request inside a tag of an old vendor type passes', request('tcp', { tags: [{ id: 7, tpid: 0x9100 }] })),
    pass(NOT_IP, 'tagged ARP passes', request('tcp', { tags: [{ id: 7, type: ETHERTYPE.arp }] })),
    pass(
      'malformed',
      'a frame that ends inside its tag passes',
      buildFrame(ethernet({ dst: LB.mac, src: CLIENT.mac, type: ETHERTYPE.vlan }), Buffer.from([0, 7])),
    ),
    pass('malformed', 'a length beyond a tagged frame passes', request('tcp', { tags: TWO, ip: { length: IP_HEADER + 21 } })),
    pass('malformed', 'a frame that ends with its second tag passes', request('tcp', { tags: TWO }).subarray(0, ETHERNET_HEADER + 8)),
    ...(world.family === 6
      ? [
          goesOn(world, 'snat-request', 'tcp', 'with two tags and an extension header', {
            change: { tags: TWO, extensions: [hopByHop()] },
          }),
          pass(
            'no_service',
            'a tagged packet to a neighbour of the VIP passes',
            request('tcp', { tags: ONE, ip: { dst: world.ELSEWHERE.vip } }),
          ),
        ]
      : [
          goesOn(world, 'snat-request', 'tcp', 'with two tags and IPv4 options', {
            change: { tags: TWO, ip: { v4: { options: Buffer.alloc(40, 1) } } },
          }),
          pass(
            'no_service',
            'a tagged packet from the service passes',
            request('tcp', { tags: ONE, ip: { src: VIP.address, dst: CLIENT.address } }),
          ),
        ]),
  ];
}

/** While the data plane forwards no tagged frame. */
export function vlanPassCases(world: World): readonly PacketCase[] {
  return [
    pass(NOT_IP, 'a request inside a VLAN passes', world.request('tcp', { tags: ONE })),
    pass(NOT_IP, 'a request inside two VLANs passes', world.request('tcp', { tags: TWO })),
  ];
}
