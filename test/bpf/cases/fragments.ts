// Fragments of both families: all parts of a datagram go where the first one goes, and what could deceive is dropped.
// Imports the splitter and the worlds of the tests. Written from RFC 791, 1858, 5722, 6946, 7112 and 8200, not from the C.
// What is expected out is the datagram's own way out, split in the same places: so addresses and checksums are those of the whole.

import {
  buildFrame,
  destinationOptions,
  ethernet,
  fragment,
  icmp,
  icmpv6,
  PROTOCOL,
  patchFrame,
  routing,
} from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { ipLayer } from '../packet.js';
import { type SplitOptions, splitPacket } from '../split.js';
import type { FragmentState } from '../state.js';
import { countedFlow, countedReverse, dsr, newFlow, newReverse, SEEN, serviceEntry } from '../states.js';
import { type Change, ETHERNET_HEADER, type Protocol, type World } from '../world.js';
import { flowOf, incoming, outgoing, pass, WAYS, type Way } from './ways.js';

/** Where the tests' datagrams are cut: behind 48 and 120 bytes of payload. */
const SIZES = [48, 72];
const PAYLOAD = Buffer.from(Array.from({ length: 180 }, (_, i) => i));
const REASON: Readonly<Record<Way, string>> = {
  'snat-request': 'snat_request',
  'snat-reply': 'snat_reply',
  'dsr-ipip': 'dsr_ipip',
  'dsr-l2': 'dsr_l2',
};
const actionOf = (way: Way) => (way === 'dsr-ipip' || way === 'dsr-l2' ? dsr(way) : {});

/** The parts of one datagram as they come in, and as they leave. */
export interface Parts {
  readonly came: readonly Buffer[];
  readonly left: readonly Buffer[];
}

/** IPv4's fragments have no DF bit; IPv6's have an identification of 32 bits in a header of their own. */
const fragmentable = (change: Change): Change => ({
  payload: PAYLOAD,
  ...change,
  ip: { ...change.ip, v4: { dontFragment: false, ...change.ip?.v4 } },
});

/** The fragment in an outer header, as DSR sends it: that header is no fragment. */
function wrap(world: World, way: Way, protocol: Protocol, part: Buffer, link: number): Buffer {
  if (way !== 'dsr-ipip') return part;
  const header = ipLayer(world.family, {
    src: world.LB.address,
    dst: world.backendOf(protocol).address,
    ttl: 64,
    v4: { dontFragment: false, protocol: 4 },
    v6: { nextHeader: 41 },
  });
  const packet = buildFrame(header, part.subarray(link));
  return Buffer.concat([part.subarray(0, link), packet]);
}

export function partsOf(world: World, way: Way, protocol: Protocol, change: Change = {}, options: Partial<SplitOptions> = {}): Parts {
  const { family } = world;
  const whole = fragmentable(change);
  const how = { sizes: SIZES, ...options };
  const steered = way === 'dsr-ipip' ? 'dsr-l2' : way;
  return {
    came: splitPacket(family, incoming(world, way, protocol, whole), how),
    left: splitPacket(family, outgoing(world, steered, protocol, whole), how).map((part) =>
      wrap(world, way, protocol, part, options.link ?? ETHERNET_HEADER),
    ),
  };
}

/** The entries after `parts` of an established flow. */
function countedParts(world: World, way: Way, protocol: Protocol, parts: readonly Buffer[]): Partial<PacketCase> {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  if (way === 'snat-reply')
    return { replies: [countedReverse(world, protocol, bytes, { packets: 8 + parts.length, bytes: 8000 + bytes })] };
  return { flows: [countedFlow(world, protocol, bytes, { packets: 10 + parts.length, ...actionOf(way) })] };
}

/** Part `index` of an established flow's datagram comes after those before it. */
function follows(world: World, way: Way, protocol: Protocol, index: number, title: string, { came, left }: Parts): PacketCase {
  const earlier = came.slice(0, index);
  return {
    title: `${title} (${way}, ${protocol.toUpperCase()})`,
    earlier,
    packet: came[index] as Buffer,
    verdict: 'tx',
    reason: REASON[way],
    before: flowOf(world, way, protocol),
    out: left[index] as Buffer,
    ...countedParts(world, way, protocol, [...earlier, came[index] as Buffer]),
  };
}

const PARTS = ['a first fragment is a packet of its flow', 'a later fragment follows the first', 'the last fragment follows the first'];

function forwardedCases(world: World): readonly PacketCase[] {
  const both = (each: (way: Way, protocol: Protocol) => readonly PacketCase[]) =>
    WAYS.flatMap((way) => (['tcp', 'udp'] as const).flatMap((protocol) => each(way, protocol)));
  const parts = both((way, protocol) =>
    PARTS.map((title, index) => follows(world, way, protocol, index, title, partsOf(world, way, protocol))),
  );
  const tagged: Change = { tags: [{ id: 7 }] };
  const behindTag = WAYS.filter((way) => way !== 'snat-reply').map((way) => {
    return follows(world, way, 'udp', 1, 'a later fragment keeps its VLAN tag', partsOf(world, way, 'udp', tagged, { link: 18 }));
  });
  const small = WAYS.map((way) =>
    follows(world, way, 'udp', 1, 'a last fragment of 4 bytes follows', partsOf(world, way, 'udp', {}, { sizes: [180 + 8 - 4] })),
  );
  return [...parts, ...behindTag, ...small];
}

function beginningCases(world: World): readonly PacketCase[] {
  const { ONE_PORT } = world;
  const ways = ['snat-request', 'dsr-ipip', 'dsr-l2'] as const;
  const service = (way: Way, protocol: Protocol) =>
    serviceEntry(world, protocol, { action: way === 'dsr-ipip' || way === 'dsr-l2' ? way : 'snat' });
  return ways.flatMap((way) =>
    (['tcp', 'udp'] as const).flatMap((protocol) => {
      const { came, left } = partsOf(world, way, protocol, { flags: ['syn'] });
      const flow = (count: number) => {
        const bytes = came.slice(0, count).reduce((sum, part) => sum + part.length, 0);
        return newFlow(world, protocol, { ...actionOf(way), packets: count, bytes, tcpSeen: protocol === 'tcp' ? SEEN.syn : 0 });
      };
      return [1, 2].map(
        (count): PacketCase => ({
          title: `${count === 1 ? 'a first fragment begins a flow' : 'a later fragment of the first datagram of a flow is no sign of an answer'} (${way}, ${protocol.toUpperCase()})`,
          settings: ONE_PORT,
          earlier: came.slice(0, count - 1),
          packet: came[count - 1] as Buffer,
          verdict: 'tx',
          reason: REASON[way],
          before: { services: [service(way, protocol)] },
          out: left[count - 1] as Buffer,
          flows: [flow(count)],
          replies: way === 'snat-request' ? [newReverse(world, protocol)] : [],
        }),
      );
    }),
  );
}

function earlyCases(world: World): readonly PacketCase[] {
  const { CLIENT, ELSEWHERE, family, LB, ONE_PORT, SETTINGS, VIP } = world;
  const { came, left } = partsOf(world, 'snat-request', 'udp');
  const [first, second, last] = came as [Buffer, Buffer, Buffer];
  const early = { verdict: 'drop', reason: 'fragment_early', packet: second, before: flowOf(world, 'snat-request', 'udp') } as const;
  const other = (change: Change, options: Partial<SplitOptions> = {}) =>
    partsOf(world, 'snat-request', 'udp', change, { id: 0x42420001, ...options }).came[1] as Buffer;
  const counted = (...parts: Buffer[]) => countedParts(world, 'snat-request', 'udp', parts);
  const remembered = (seenAgo: number): FragmentState => ({
    saddr: CLIENT.address,
    daddr: VIP.address,
    protocol: 'udp',
    id: family === 4 ? 0x4242 : 0x42420001,
    sport: CLIENT.port,
    dport: VIP.udpPort,
    bytes: 48,
    tcpFlags: 0,
    seenAgo,
  });
  const echo = family === 4 ? icmp({ type: 8, rest: 1 }) : icmpv6({ type: 128, rest: 1 });
  const pings = splitPacket(
    family,
    buildFrame(ethernet({ dst: LB.mac, src: CLIENT.mac }), ipLayer(family, { src: CLIENT.address, dst: VIP.address }), echo, PAYLOAD),
    { sizes: SIZES },
  );
  const service = (action: 'snat' | 'dsr-ipip') => [serviceEntry(world, 'udp', { action })];
  const dsrParts = partsOf(world, 'dsr-ipip', 'udp');
  return [
    { ...early, title: 'a later fragment that comes first is dropped' },
    { ...early, title: 'the last fragment, alone, is dropped', packet: last },
    {
      ...early,
      title: 'a later fragment that comes first passes by the setting',
      settings: { ...SETTINGS, earlyFragments: 'pass' },
      verdict: 'pass',
      reason: 'fragment_early_pass',
    },
    {
      ...early,
      title: 'a later fragment of another identification is another datagram',
      earlier: [first],
      packet: other({ ip: { v4: { id: 1 } } }, { id: 1 }),
      ...counted(first),
    },
    {
      ...early,
      title: 'a later fragment from another address is another datagram',
      earlier: [first],
      packet: other({ ip: { src: ELSEWHERE.client } }),
      ...counted(first),
    },
    {
      ...early,
      title: 'a first fragment of 16 seconds ago is forgotten',
      before: { ...early.before, fragments: [remembered(16)] },
    },
    {
      ...early,
      title: 'a first fragment of 12 seconds ago is not',
      before: { ...early.before, fragments: [remembered(12)] },
      verdict: 'tx',
      reason: 'snat_request',
      out: left[1] as Buffer,
      ...counted(second),
    },
    {
      ...early,
      title: 'a later fragment whose SNAT flow is gone begins none',
      before: { fragments: [remembered(1)] },
    },
    {
      ...early,
      title: 'beyond the rate of new entries nothing is remembered: the later fragment comes too early',
      settings: { ...ONE_PORT, newFlowRate: 1 },
      before: { ...early.before, window: { count: 1, beganAgo: 0 } },
      earlier: [first],
      ...counted(first),
    },
    {
      title: 'a later fragment of a DSR flow without an entry goes to the backend of its hash',
      settings: { ...ONE_PORT, newFlowRate: 1 },
      before: { services: service('dsr-ipip') },
      earlier: [dsrParts.came[0] as Buffer],
      packet: dsrParts.came[1] as Buffer,
      verdict: 'tx',
      reason: 'dsr_untracked',
      out: dsrParts.left[1] as Buffer,
    },
    {
      title: 'a later fragment of a DSR flow without an entry is dropped when no backend is left',
      before: { services: [serviceEntry(world, 'udp', { action: 'dsr-ipip', table: [] })], fragments: [remembered(1)] },
      packet: second,
      verdict: 'drop',
      reason: 'no_backend',
    },

    pass(
      'fragment',
      'a later fragment to the LB, of no datagram that is known, passes',
      partsOf(world, 'snat-reply', 'udp').came[1] as Buffer,
    ),
    pass('fragment', 'it passes whatever the setting', partsOf(world, 'snat-reply', 'tcp').came[2] as Buffer, {
      settings: { ...SETTINGS, earlyFragments: 'pass' },
    }),
    pass(
      'local',
      'a first fragment to a port of the LB itself passes',
      partsOf(world, 'snat-reply', 'udp', { dstPort: 53 }).came[0] as Buffer,
    ),
    pass(
      'fragment',
      'a first fragment for nobody passes',
      partsOf(world, 'snat-request', 'udp', { ip: { dst: ELSEWHERE.vip } }).came[0] as Buffer,
    ),
    pass(
      'fragment',
      'a later fragment for nobody passes',
      partsOf(world, 'snat-request', 'udp', { ip: { dst: ELSEWHERE.vip } }).came[1] as Buffer,
    ),
    pass(
      'no_service',
      'a first fragment to a port that is no service passes',
      partsOf(world, 'snat-request', 'udp', { dstPort: 54 }).came[0] as Buffer,
    ),
    pass('no_service', 'and so does a later one', partsOf(world, 'snat-request', 'udp', { dstPort: 54 }).came[1] as Buffer, {
      earlier: [partsOf(world, 'snat-request', 'udp', { dstPort: 54 }).came[0] as Buffer],
    }),
    pass('fragment', 'the first fragment of an echo request passes', pings[0] as Buffer),
    pass('fragment', 'a later fragment of an echo request passes', pings[1] as Buffer),
    pass('ttl_expired', 'a later fragment of TTL 1 passes', partsOf(world, 'snat-request', 'udp', { ip: { ttl: 1 } }).came[1] as Buffer, {
      before: { ...early.before, fragments: [remembered(1)] },
    }),
    pass(
      'ttl_expired',
      'a later fragment of a reply with TTL 1 passes',
      partsOf(world, 'snat-reply', 'udp', { ip: { ttl: 1 } }).came[1] as Buffer,
      {
        before: flowOf(world, 'snat-reply', 'udp'),
        earlier: [partsOf(world, 'snat-reply', 'udp').came[0] as Buffer],
        ...countedParts(world, 'snat-reply', 'udp', [partsOf(world, 'snat-reply', 'udp').came[0] as Buffer]),
      },
    ),
  ];
}

function hostileCases(world: World): readonly PacketCase[] {
  const { ELSEWHERE, family, IP_HEADER } = world;
  const ipHeader = family === 4 ? IP_HEADER : IP_HEADER + 8;
  const l4 = ETHERNET_HEADER + ipHeader;
  const before = flowOf(world, 'snat-request', 'tcp');
  const split = (sizes: readonly number[], change: Change = {}) => partsOf(world, 'snat-request', 'tcp', change, { sizes }).came;
  const drop = (reason: string, title: string, packet: Buffer, more: Partial<PacketCase> = {}): PacketCase => ({
    title,
    packet,
    verdict: 'drop',
    reason,
    before,
    ...more,
  });
  const [first] = split(SIZES) as [Buffer];
  const after = countedParts(world, 'snat-request', 'tcp', [first]);
  return [
    drop('fragment_tiny', 'a first fragment of 8 bytes of TCP, without the flags, is dropped', split([8, 40])[0] as Buffer),
    drop('fragment_tiny', 'a first fragment of 16 bytes of TCP is dropped', split([16])[0] as Buffer),
    drop(
      'fragment_tiny',
      'a first fragment that ends in TCP options is dropped',
      split([24], { options: Buffer.alloc(8, 1) })[0] as Buffer,
    ),
    pass('fragment', 'a tiny first fragment for nobody passes', split([8], { ip: { dst: ELSEWHERE.vip } })[0] as Buffer),
    pass('fragment', 'a tiny first fragment to the LB passes', partsOf(world, 'snat-reply', 'tcp', {}, { sizes: [8] }).came[0] as Buffer, {
      before: flowOf(world, 'snat-reply', 'tcp'),
    }),
    drop('fragment_overlap', 'a fragment at 8 bytes, over the flags of TCP, is dropped', split([8])[1] as Buffer, {
      earlier: [first],
      ...after,
    }),
    drop('fragment_overlap', 'a fragment over the last bytes of the first is dropped', split([40, 40])[1] as Buffer, {
      earlier: [first],
      ...after,
    }),
    drop('fragment_early', 'nothing of a tiny first fragment is remembered', split([8, 40])[1] as Buffer, {
      earlier: [split([8, 40])[0] as Buffer],
    }),
    pass('malformed', 'a first fragment with a TCP header of 16 bytes passes', patchFrame(first, l4 + 12, [0x40]), { before }),
    pass(
      'malformed',
      'a first fragment with a UDP length below its header passes',
      patchFrame(partsOf(world, 'snat-request', 'udp').came[0] as Buffer, l4 + 4, [0, 7]),
      { before: flowOf(world, 'snat-request', 'udp') },
    ),
    pass('no_service', 'an identification that comes round again belongs to its last first fragment', split(SIZES)[1] as Buffer, {
      before,
      earlier: [first, split(SIZES, { dstPort: 81 })[0] as Buffer],
      ...after,
    }),
  ];
}

/** What one family has alone. */
function aloneCases(world: World): readonly PacketCase[] {
  const { BACKEND, family, IP_HEADER, request } = world;
  const udp = (index: number, title: string, change: Change, options: Partial<SplitOptions> = {}) =>
    WAYS.map((way) => follows(world, way, 'udp', index, title, partsOf(world, way, 'udp', change, options)));
  if (family === 4) {
    const [first] = partsOf(world, 'snat-request', 'udp').came as [Buffer];
    const options = { ip: { v4: { options: Buffer.from([7, 4, 5, 0]) } } };
    return [
      ...udp(0, 'a first fragment without a checksum keeps none', { checksum: 0 }),
      ...udp(0, 'a first fragment with IP options is a packet of its flow', options),
      ...udp(1, 'a later fragment with IP options follows', options),
      {
        title: 'a later fragment of another protocol is another datagram',
        before: flowOf(world, 'snat-request', 'udp'),
        earlier: [first],
        packet: partsOf(world, 'snat-request', 'tcp').came[1] as Buffer,
        verdict: 'drop',
        reason: 'fragment_early',
        ...countedParts(world, 'snat-request', 'udp', [first]),
      },
    ];
  }
  const front = { extensions: [routing({ segmentsLeft: 0, addresses: [BACKEND.b.address] })] };
  const [first] = splitPacket(6, request('tcp', { payload: PAYLOAD }), { sizes: SIZES }) as [Buffer];
  return [
    ...udp(0, 'a first fragment behind another header is a packet of its flow', front, { perFragment: 24 }),
    ...udp(1, 'a later fragment behind another header follows', front, { perFragment: 24 }),
    ...udp(0, 'a first fragment with destination options is a packet of its flow', { extensions: [destinationOptions()] }),
    ...udp(1, 'a later fragment, whose bytes are no options, follows', { extensions: [destinationOptions()] }),
    ...udp(2, 'a later fragment follows whatever next header it names', {}, { laterNext: PROTOCOL.destination }),
    pass(
      'fragment',
      'a later fragment that comes first and names another next header passes',
      partsOf(
        world,
        'snat-request',
        'udp',
        {},
        {
          laterNext: PROTOCOL.destination,
        },
      ).came[1] as Buffer,
    ),
    pass(
      'ip_headers',
      'a fragment of a fragment passes',
      request('tcp', { payload: PAYLOAD, extensions: [fragment({ more: true }), fragment({ more: true })] }),
    ),
    pass(
      'malformed',
      'a first fragment that ends inside its extension headers passes (RFC 7112)',
      splitPacket(6, request('tcp', { extensions: [destinationOptions({ options: Buffer.alloc(14) })] }), { sizes: [8] })[0] as Buffer,
    ),
    pass(
      'malformed',
      'a first fragment that ends inside the IPv6 headers of its frame passes',
      first.subarray(0, ETHERNET_HEADER + IP_HEADER + 6),
    ),
  ];
}

export function fragmentCases(world: World): readonly PacketCase[] {
  return [...forwardedCases(world), ...beginningCases(world), ...earlyCases(world), ...hostileCases(world), ...aloneCases(world)];
}
