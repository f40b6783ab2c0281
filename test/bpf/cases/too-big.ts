// Packets that do not fit towards the backend with their outer header: the sender is told what fits, by the LB itself or by what a router says.
// Imports the packet builders and the worlds of the tests.

import { buildFrame, patchFrame } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { FIB_CLIENT_MAC } from '../hosts.js';
import { answerTo, type ErrorEnds, type ErrorKind, errorFrame, quoteOf, tooBig } from '../icmp.js';
import { ipLayer } from '../packet.js';
import { backendEntry, backends, dsr, establishedFlow, newFlow, serviceEntry } from '../states.js';
import { type Change, OTHER_DEVICE, type Protocol, type World } from '../world.js';
import { pass } from './ways.js';

const PROTOCOLS = ['tcp', 'udp'] as const;

export function tooBigCases(world: World): readonly PacketCase[] {
  const { BACKEND, CLIENT, ELSEWHERE, family, IP_HEADER, LB, request, SETTINGS, VIP } = world;
  const room = 1500 - IP_HEADER;
  const wrapped = (protocol: Protocol, mtu = 1500) => ({
    services: [serviceEntry(world, protocol, { action: 'dsr-ipip' })],
    backends: backends(world, backendEntry(world, 'a', { mtu }), backendEntry(world, 'dns', { mtu })),
    flows: [establishedFlow(world, protocol, dsr('dsr-ipip'))],
  });
  const ofLength = (protocol: Protocol, bytes: number): Change => ({
    payload: Buffer.alloc(bytes - IP_HEADER - (protocol === 'tcp' ? 20 : 8), 0x77),
  });

  function answered(title: string, protocol: Protocol, change: Change, more: Partial<PacketCase> = {}, mtu = 1500): PacketCase {
    const packet = more.packet ?? request(protocol, change);
    return {
      title: `the sender of a packet that is too big, ${title}, is told what fits`,
      packet,
      verdict: 'tx',
      reason: 'too_big_answered',
      before: wrapped(protocol, mtu),
      out: answerTo(world, packet, tooBig(family, mtu - IP_HEADER)),
      entries: 'open',
      ...more,
    };
  }
  function dropped(title: string, change: Change, more: Partial<PacketCase> = {}): PacketCase {
    const packet = request('udp', { ...ofLength('udp', 1500), ...change });
    return { title, packet, verdict: 'drop', reason: 'too_big', before: wrapped('udp'), entries: 'open', ...more };
  }

  /** From a router between LB and backend, about a packet of the client as it left, wrapped. */
  function routersError(given: Relayed): Buffer {
    const { protocol = 'tcp', kind = tooBig(family, 1400), change = {}, bytes, ends = {}, outer = {} } = given;
    const packet = world.wrappedRequest(protocol, { ...ofLength(protocol, 1460), ...change }, outer);
    const at = { srcMac: BACKEND.a.mac, dstMac: LB.mac, src: ELSEWHERE.far, dst: LB.address };
    return errorFrame(family, { ...at, ...ends }, kind, quoteOf(packet, bytes ?? 2 * IP_HEADER + 500));
  }
  function relayed(title: string, given: Relayed = {}): PacketCase {
    const { protocol = 'tcp', kind = tooBig(family, 1400), change = {}, bytes, more } = given;
    const packet = world.steeredRequest(protocol, { ...ofLength(protocol, 1460), ...change });
    const at = { srcMac: LB.mac, dstMac: FIB_CLIENT_MAC, src: VIP.address, dst: CLIENT.address, ip: { tos: 0xc0 } };
    const told = tooBig(family, (kind.rest ?? 0) - IP_HEADER);
    return {
      title: `the client of a wrapped packet that a router calls too big, ${title}, is told what fits`,
      packet: routersError(given),
      forwarding: true,
      verdict: 'redirect',
      reason: 'too_big_relayed',
      before: wrapped(protocol),
      out: errorFrame(family, at, told, quoteOf(packet, (bytes ?? 2 * IP_HEADER + 500) - IP_HEADER)),
      ...more,
    };
  }
  const unknown = (title: string, given: Relayed, before: PacketCase['before'] = wrapped('tcp')): PacketCase =>
    pass('icmp_unknown', title, routersError(given), { forwarding: true, before });
  const unread = (title: string, given: Relayed): PacketCase =>
    pass('icmp_quote', title, routersError(given), { forwarding: true, before: wrapped('tcp') });
  const least = family === 4 ? 68 : 1240;
  const router = routersError({});

  return [
    ...PROTOCOLS.map((protocol) => answered(`of ${protocol.toUpperCase()}`, protocol, ofLength(protocol, 1500))),
    answered('one byte longer than what fits', 'tcp', ofLength('tcp', room + 1)),
    answered('for a backend behind another device', 'udp', ofLength('udp', 1500), {
      before: { ...wrapped('udp'), backends: backends(world, backendEntry(world, 'dns', { ifindex: OTHER_DEVICE })) },
    }),
    answered('of a flow that cannot have an entry', 'udp', ofLength('udp', 1500), {
      settings: { ...SETTINGS, newFlowRate: 1 },
      before: { ...wrapped('udp'), flows: [], window: { count: 1, beganAgo: 0 } },
      flows: [],
    }),
    ...[0, 1, 2, 3].map((more) =>
      answered(
        `of ${200 + more} bytes with padding behind, which is not quoted`,
        'udp',
        { ...ofLength('udp', 200 + more), padding: 30 },
        {},
        200,
      ),
    ),
    answered(
      'damaged',
      'udp',
      {},
      {
        packet: patchFrame(request('udp', ofLength('udp', 1500)), 600, [0x21]),
      },
    ),
    answered('when the second of the answers is over', 'udp', ofLength('udp', 1500), {
      before: { ...wrapped('udp'), answers: { count: SETTINGS.answerRate, beganAgo: 1.5 } },
    }),
    answered('as the last answer of this second', 'udp', ofLength('udp', 1500), {
      before: { ...wrapped('udp'), answers: { count: SETTINGS.answerRate - 1, beganAgo: 0 } },
    }),
    dropped(
      'a packet that is too big is dropped when there were as many answers in this second as may be',
      {},
      {
        before: { ...wrapped('udp'), answers: { count: SETTINGS.answerRate, beganAgo: 0 } },
      },
    ),
    dropped('a packet that is too big is dropped when nothing is to be answered', {}, { settings: { ...SETTINGS, answerRate: 0 } }),
    dropped('a packet that is too big is dropped when it came as a broadcast', { dstMac: 'ff:ff:ff:ff:ff:ff' }),
    ...(family === 4 ? ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255'] : ['::', 'ff02::1']).map((src) =>
      dropped(`a packet that is too big is dropped when it says to come from ${src}`, { ip: { src } }),
    ),
    ...(family === 4 ? [dropped('a packet that is too big and may be cut up is dropped', { ip: { v4: { dontFragment: false } } })] : []),

    ...PROTOCOLS.map((protocol) => relayed(`of ${protocol.toUpperCase()}`, { protocol })),
    relayed('of a flow without an entry', { more: { before: { ...wrapped('tcp'), flows: [] } } }),
    relayed('of a flow whose service is gone', { more: { before: { ...wrapped('tcp'), services: [] } } }),
    relayed('quoted no further than its ports', { bytes: 2 * IP_HEADER + 8 }),
    relayed('quoted to an odd length', { bytes: 2 * IP_HEADER + 33 }),
    relayed('to the smallest MTU there is', { kind: tooBig(family, least + IP_HEADER) }),
    relayed('behind a tag', { ends: { tags: [{ id: 5 }] } }),
    relayed('by the device that the error came in by', { more: { ingress: 'device', verdict: 'tx' } }),
    relayed('as the last answer of this second', {
      more: { before: { ...wrapped('tcp'), answers: { count: SETTINGS.answerRate - 1, beganAgo: 0 } } },
    }),
    {
      ...relayed('more often than may be'),
      title: "a router's error is dropped when there were as many answers in this second as may be",
      before: { ...wrapped('tcp'), answers: { count: SETTINGS.answerRate, beganAgo: 0 } },
      verdict: 'drop',
      reason: 'too_big',
    },
    pass('client_unresolved', "a router's error passes when the FIB does not answer", router, { before: wrapped('tcp') }),
    pass('malformed', "a router's error that came in damaged passes", patchFrame(router, router.length - 1, [0x21]), {
      forwarding: true,
      before: wrapped('tcp'),
    }),
    unknown("a router's error about no service passes", { change: { dstPort: 81 } }),
    unknown("a router's error about a packet under L2 passes", {}, { flows: [establishedFlow(world, 'tcp', dsr('dsr-l2'))] }),
    unknown("a router's error about a packet under SNAT passes", {}, { flows: [newFlow(world, 'tcp')] }),
    unknown("a router's error about a header of another sender passes", { outer: { src: ELSEWHERE.far } }),
    unknown("a router's error that is no 'too big' passes", {
      kind: family === 4 ? { type: 3, code: 1, rest: 1400 } : { type: 1, code: 0, rest: 1400 },
    }),
    unknown("a router's error with an MTU below the least passes", { kind: tooBig(family, least + IP_HEADER - 1) }),
    unknown("a router's error without an MTU passes", { kind: tooBig(family, 0) }),
    ...(family === 4
      ? [unknown("a router's error about a packet that may be cut up passes", { change: { ip: { v4: { dontFragment: false } } } })]
      : []),
    ...[IP_HEADER, IP_HEADER + 1, 2 * IP_HEADER - 1, 2 * IP_HEADER, 2 * IP_HEADER + 7].map((bytes) =>
      unread(`a router's error that quotes ${bytes} bytes passes`, { bytes }),
    ),
    pass(
      'icmp_quote',
      "a router's error about two outer headers passes",
      errorFrame(
        family,
        { srcMac: BACKEND.a.mac, dstMac: LB.mac, src: ELSEWHERE.far, dst: LB.address },
        tooBig(family, 1400),
        buildFrame(
          ipLayer(family, { src: LB.address, dst: BACKEND.a.address }),
          ipLayer(family, { src: LB.address, dst: BACKEND.a.address }),
          ipLayer(family, { src: CLIENT.address, dst: VIP.address }),
          Buffer.alloc(40),
        ),
      ),
      { forwarding: true, before: wrapped('tcp') },
    ),
  ];
}

interface Relayed {
  readonly protocol?: Protocol;
  readonly kind?: ErrorKind;
  readonly change?: Change;
  readonly bytes?: number;
  readonly ends?: Partial<ErrorEnds>;
  /** Fields of the quoted outer header. */
  readonly outer?: { readonly src?: string };
  readonly more?: Partial<PacketCase>;
}
