// ICMP errors about packets of flows: about requests to the client, about replies to the backend, quoted as the one who gets them sent them.
// Imports the packet builders and the worlds of the tests.

import { buildFrame, destinationOptions, hopByHop, icmp, icmpv6, patchFrame } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { ERROR_KINDS, type ErrorEnds, type ErrorKind, errorFrame, quoteOf, tooBig } from '../icmp.js';
import { ipLayer } from '../packet.js';
import { backendEntry, backends, dsr, establishedFlow, establishedReverse, serviceEntry } from '../states.js';
import { type Change, OTHER_DEVICE, type Protocol, type World } from '../world.js';
import { pass } from './ways.js';

const PROTOCOLS = ['tcp', 'udp'] as const;
const ROUTER_MAC = '02:00:00:00:00:77';

interface Given {
  readonly protocol?: Protocol;
  readonly kind?: ErrorKind;
  /** Of the quoted packet. */
  readonly change?: Change;
  /** Bytes of the quoted packet that are there. */
  readonly bytes?: number;
  readonly ends?: Partial<ErrorEnds>;
  readonly outEnds?: Partial<ErrorEnds>;
  readonly more?: Partial<PacketCase>;
}

/** What both ways share: titles for each kind, protocol and length of the quote. */
function allKinds(world: World, about: (title: string, given: Given) => PacketCase): readonly PacketCase[] {
  const { family, IP_HEADER } = world;
  const kinds = Object.entries(ERROR_KINDS[family]).flatMap(([name, kind]) =>
    PROTOCOLS.map((protocol) => about(`'${name}' (${protocol.toUpperCase()})`, { kind, protocol })),
  );
  const lengths = [8, 16, 18, 20, 31].map((bytes) =>
    about(`with ${bytes} bytes behind the quoted IP header`, { bytes: IP_HEADER + bytes, change: { payload: 'of a longer segment' } }),
  );
  const header =
    family === 4
      ? about('about a packet with IPv4 options', { change: { ip: { v4: { options: Buffer.alloc(8, 1) } } } })
      : about('about a packet with extension headers', {
          change: { extensions: [hopByHop(), destinationOptions({ options: Buffer.alloc(14) })] },
        });
  const zero = family === 4 ? [about('about UDP without a checksum', { protocol: 'udp', change: { checksum: 0 } })] : [];
  return [
    ...kinds,
    ...lengths,
    header,
    ...zero,
    about('whose own header has a TTL of 2', { ends: { ttl: 2 }, outEnds: { ttl: 1 } }),
    about('of 1500 bytes', { protocol: 'udp', change: { payload: Buffer.alloc(1500 - 2 * IP_HEADER - 16, 0x5a) } }),
  ];
}

export function icmpErrorCases(world: World): readonly PacketCase[] {
  const { BACKEND, CLIENT, ELSEWHERE, family, IP_HEADER, LB, VIP } = world;
  const unreachable = ERROR_KINDS[family]['port unreachable'] as ErrorKind;
  const flow = (protocol: Protocol) => ({ flows: [establishedFlow(world, protocol)], replies: [establishedReverse(world, protocol)] });
  /** As quoted: with the TTL that it had on the way. */
  const onTheWay = (change: Change): Change => ({ ...change, ip: { ttl: 60, ...change.ip } });

  /** From a router between LB and backend, about a translated request. */
  function incomingError(given: Given): Buffer {
    const { protocol = 'tcp', kind = unreachable, change = {}, bytes, ends } = given;
    const at = { srcMac: ROUTER_MAC, dstMac: LB.mac, src: ELSEWHERE.far, dst: LB.address };
    return errorFrame(family, { ...at, ...ends }, kind, quoteOf(world.translatedRequest(protocol, onTheWay(change)), bytes));
  }
  function aboutRequest(title: string, given: Given = {}): PacketCase {
    const { protocol = 'tcp', kind = unreachable, change = {}, bytes, ends, outEnds, more } = given;
    const at = { srcMac: LB.mac, dstMac: CLIENT.mac, src: ELSEWHERE.far, ttl: 63 };
    return {
      title: `an error about a request, ${title}, goes to the client and quotes what it sent`,
      packet: incomingError(given),
      verdict: 'tx',
      reason: 'icmp_to_client',
      before: flow(protocol),
      out: errorFrame(
        family,
        { ...at, ...ends, ...at, dst: CLIENT.address, ...outEnds },
        kind,
        quoteOf(world.request(protocol, onTheWay(change)), bytes),
      ),
      ...more,
    };
  }

  /** From a router between client and LB, about a translated reply. */
  function errorAboutReply(given: Given): Buffer {
    const { protocol = 'tcp', kind = unreachable, change = {}, bytes, ends } = given;
    const at = { srcMac: CLIENT.mac, dstMac: LB.mac, src: ELSEWHERE.far, dst: VIP.address };
    return errorFrame(family, { ...at, ...ends }, kind, quoteOf(world.translatedReply(protocol, onTheWay(change)), bytes));
  }
  function aboutReply(title: string, given: Given = {}): PacketCase {
    const { protocol = 'tcp', kind = unreachable, change = {}, bytes, ends, outEnds, more } = given;
    const at = { srcMac: LB.mac, dstMac: world.backendOf(protocol).mac, src: LB.address, ttl: 63 };
    return {
      title: `an error about a reply, ${title}, goes to the backend and quotes what it sent`,
      packet: errorAboutReply(given),
      verdict: 'tx',
      reason: 'icmp_to_backend',
      before: flow(protocol),
      out: errorFrame(
        family,
        { ...ends, ...at, dst: world.backendOf(protocol).address, ...outEnds },
        kind,
        quoteOf(world.reply(protocol, onTheWay(change)), bytes),
      ),
      ...more,
    };
  }

  /** The same under DSR: the error is carried as it came, its TTL apart. */
  function steered(title: string, way: 'dsr-ipip' | 'dsr-l2', given: Given & { readonly flow?: false } = {}): PacketCase {
    const { protocol = 'tcp', kind = unreachable, change = {}, bytes, ends, more } = given;
    const quote = quoteOf(world.translatedReply(protocol, onTheWay(change)), bytes);
    const backend = world.backendOf(protocol);
    const outer = way === 'dsr-ipip' ? { outer: { src: LB.address, dst: backend.address } } : {};
    const at = { srcMac: LB.mac, dstMac: backend.mac, src: ELSEWHERE.far, dst: VIP.address, ttl: 63, ...outer };
    return {
      title: `an error about a reply under ${way}, ${title}, goes to the backend as it is`,
      packet: errorAboutReply(given),
      verdict: 'tx',
      reason: 'icmp_to_backend',
      before: {
        services: [serviceEntry(world, protocol, { action: way })],
        flows: given.flow === false ? [] : [establishedFlow(world, protocol, dsr(way))],
      },
      out: errorFrame(family, { ...ends, ...at }, kind, quote),
      ...more,
    };
  }

  const damaged = { payload: 'data' };
  const flip = (frame: Buffer) => patchFrame(frame, frame.length - 1, [0x21]);
  const unknown = (title: string, packet: Buffer, before: PacketCase['before'] = flow('tcp')) =>
    pass('icmp_unknown', title, packet, before === undefined ? {} : { before });
  const unread = (title: string, packet: Buffer) => pass('icmp_quote', title, packet, { before: flow('tcp') });
  const about = (quote: Buffer, ends: Partial<ErrorEnds> = {}) =>
    errorFrame(family, { srcMac: ROUTER_MAC, dstMac: LB.mac, src: ELSEWHERE.far, dst: LB.address, ...ends }, unreachable, quote);
  const echo = family === 4 ? icmp({ type: 8 }) : icmpv6({ type: 128 });
  const echoReply = family === 4 ? icmp({ type: 0 }) : icmpv6({ type: 129 });
  const from = (src: string, dst: string) => ipLayer(family, { src, dst });
  const whole = world.translatedRequest('tcp', { payload: 'data' });

  return [
    ...allKinds(world, aboutRequest),
    aboutRequest('from the backend itself, which stays hidden', { ends: { src: BACKEND.a.address }, outEnds: { src: VIP.address } }),
    aboutRequest('to a client behind another device', {
      more: {
        verdict: 'redirect',
        before: { flows: [establishedFlow(world, 'tcp')], replies: [establishedReverse(world, 'tcp', { ifindex: OTHER_DEVICE })] },
      },
    }),
    aboutRequest("to a client behind two tags, itself with one of the backend's", {
      ends: { tags: [{ id: 9 }] },
      outEnds: { tags: [{ id: 5, tpid: 0x88a8 }, { id: 7 }] },
      more: {
        before: {
          flows: [establishedFlow(world, 'tcp')],
          replies: [establishedReverse(world, 'tcp', { tags: 2, serviceTag: true, vlan: [5, 7] })],
        },
      },
    }),
    {
      ...aboutRequest('with padding behind a short quote, which stays', { bytes: IP_HEADER + 8 }),
      packet: Buffer.concat([incomingError({ bytes: IP_HEADER + 8 }), Buffer.alloc(20, 0x5a)]),
      out: Buffer.concat([aboutRequest('', { bytes: IP_HEADER + 8 }).out as Buffer, Buffer.alloc(20, 0x5a)]),
    },
    aboutRequest('whose flow entry is gone', { more: { before: { replies: [establishedReverse(world, 'tcp')] } } }),
    {
      ...aboutRequest('damaged on the way, as damaged', { change: damaged }),
      packet: flip(incomingError({ change: damaged })),
      out: flip(aboutRequest('', { change: damaged }).out as Buffer),
      wrongChecksum: true,
    },

    ...allKinds(world, aboutReply),
    aboutReply('from the client itself', { ends: { src: CLIENT.address } }),
    aboutReply('to a backend behind another device', {
      more: {
        verdict: 'redirect',
        before: { ...flow('tcp'), backends: backends(world, backendEntry(world, 'a', { ifindex: OTHER_DEVICE })) },
      },
    }),
    {
      ...aboutReply('of a backend that gets packets on the port that the client used', {
        more: { before: { ...flow('tcp'), backends: backends(world, backendEntry(world, 'a', { port: 0 })) } },
      }),
      out: errorFrame(
        family,
        { srcMac: LB.mac, dstMac: BACKEND.a.mac, src: LB.address, dst: BACKEND.a.address, ttl: 63 },
        unreachable,
        quoteOf(world.reply('tcp', onTheWay({ srcPort: VIP.tcpPort }))),
      ),
    },
    ...[true, false].map((resolved) =>
      pass(
        'local_backend',
        `an error about a reply of this node itself passes (next hop ${resolved ? 'known' : 'unknown'})`,
        errorAboutReply({}),
        {
          before: {
            flows: [establishedFlow(world, 'tcp', { action: 'local', snatPort: 0 })],
            backends: backends(world, backendEntry(world, 'a', { local: true, resolved })),
          },
        },
      ),
    ),
    pass('icmp_unknown', 'an error about a reply of a flow whose backend is gone passes', errorAboutReply({}), {
      before: { ...flow('tcp'), backends: backends(world, backendEntry(world, 'a', { generation: 6 })) },
    }),
    {
      ...aboutReply('to a backend whose MAC address is unknown'),
      verdict: 'drop',
      reason: 'unresolved',
      before: { ...flow('tcp'), backends: backends(world, backendEntry(world, 'a', { resolved: false })) },
      out: undefined as never,
    },
    unknown('an error about a reply of no flow passes under SNAT', errorAboutReply({}), {}),

    ...(['dsr-ipip', 'dsr-l2'] as const).flatMap((way) => [
      ...PROTOCOLS.map((protocol) => steered(`about ${protocol.toUpperCase()}`, way, { protocol })),
      steered("'too big'", way, { kind: tooBig(family, 1400) }),
      steered('with a tag', way, { ends: { tags: [{ id: 9 }] } }),
    ]),
    {
      ...steered('too long for the MTU with the outer header', 'dsr-ipip', {
        change: { payload: Buffer.alloc(1500 - 2 * IP_HEADER - 28) },
      }),
      title: 'an error that is too long for the MTU with the outer header is dropped: no error is about an error',
      verdict: 'drop',
      reason: 'too_big',
      out: undefined as never,
    },

    unknown('an error about a request of no flow passes', incomingError({}), {}),
    unknown("an error about another flow's port passes", incomingError({ change: { srcPort: 20501 } })),
    unknown(
      'an error that was sent to another LB address than the quoted one passes',
      incomingError({ change: { ip: { src: VIP.address } } }),
    ),
    pass(
      'icmp_unknown',
      'an error about a flow, sent to another LB address than the quoted one, passes',
      incomingError({ ends: { dst: LB.second } }),
      {
        settings: { ...world.SETTINGS, lbAddresses: [LB.address, LB.second, LB.third, LB.fourth] },
        before: flow('tcp'),
      },
    ),
    unknown('an error to the service about a packet of another sender passes', errorAboutReply({ change: { ip: { src: ELSEWHERE.far } } })),
    pass('ttl_expired', 'an error of TTL 1 about a request passes', incomingError({ ends: { ttl: 1 } }), { before: flow('tcp') }),
    pass('ttl_expired', 'an error of TTL 1 about a reply passes', errorAboutReply({ ends: { ttl: 1 } }), { before: flow('tcp') }),
    pass('protocol', 'an error to an address that is neither passes', incomingError({ ends: { dst: ELSEWHERE.far } }), {
      before: flow('tcp'),
    }),
    pass(
      'protocol',
      'an echo reply to the LB passes',
      buildFrame(about(Buffer.alloc(0)).subarray(0, 14), from(CLIENT.address, LB.address), echoReply),
    ),
    ...[0, 1, IP_HEADER - 1, IP_HEADER, IP_HEADER + 7].map((bytes) =>
      unread(`an error that quotes ${bytes} bytes passes`, incomingError({ bytes })),
    ),
    unread('an error that quotes an echo request passes', about(buildFrame(from(LB.address, BACKEND.a.address), echo))),
    unread('an error that quotes an error passes', about(quoteOf(about(quoteOf(whole), { src: LB.address, dst: BACKEND.a.address })))),
    unread("an error that quotes the other family's version passes", about(patchFrame(quoteOf(whole), 0, [family === 4 ? 0x65 : 0x45]))),
    unread('an error that quotes zeros passes', about(Buffer.alloc(64))),
    unread('an error that quotes ones passes', about(Buffer.alloc(64, 0xff))),
    ...(family === 4
      ? [
          unread('an error that quotes a later fragment passes', incomingError({ change: { ip: { v4: { fragmentOffset: 8 } } } })),
          unread('an error that quotes a header of less than 20 bytes passes', about(patchFrame(quoteOf(whole), 0, [0x44]))),
          unread('an error that quotes a header longer than the quote passes', about(patchFrame(quoteOf(whole), 0, [0x4f]))),
        ]
      : [
          unread(
            'an error that quotes extension headers without an end passes',
            incomingError({ change: { extensions: [destinationOptions({ options: Buffer.alloc(14) })] }, bytes: 56 }),
          ),
        ]),
    pass(
      'protocol',
      'an error without its 8 bytes passes',
      errorFrame(
        family,
        { srcMac: ROUTER_MAC, dstMac: LB.mac, src: ELSEWHERE.far, dst: LB.address, ip: { length: IP_HEADER + 7 } },
        unreachable,
        Buffer.alloc(40),
      ),
    ),
  ];
}
