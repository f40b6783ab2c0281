// Requests under DSR: wrapped in an outer IP header (RFC 2003, RFC 2473), or with other MAC addresses alone. The reply never comes by here.
// Imports the packet builder and the worlds of the tests.

import { patchFrame } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { answerTo, tooBig } from '../icmp.js';
import { backendEntry, backends, countedFlow, dsr, establishedFlow, newFlow, SEEN, serviceEntry } from '../states.js';
import { type Change, DEVICE, OTHER_DEVICE, type Protocol, type World } from '../world.js';

type Dispatch = 'dsr-ipip' | 'dsr-l2';
const REASON = { 'dsr-ipip': 'dsr_ipip', 'dsr-l2': 'dsr_l2' } as const;
const SYN: Change = { flags: ['syn'], options: Buffer.from('020405b4', 'hex') };

export function dsrCases(world: World): readonly PacketCase[] {
  const { IP_HEADER, LB, request, steeredRequest, wrappedRequest } = world;
  /** A UDP packet whose IP packet has this length. */
  const ofLength = (bytes: number): Change => ({ payload: Buffer.alloc(bytes - IP_HEADER - 8, 0x77) });
  /** The outer header is of the inner one's family. */
  const room = 1500 - IP_HEADER;
  const services = (action: Dispatch) => [serviceEntry(world, 'tcp', { action }), serviceEntry(world, 'udp', { action })];
  const leave = (action: Dispatch) =>
    action === 'dsr-ipip' ? wrappedRequest : (protocol: Protocol, change: Change) => steeredRequest(protocol, change);

  function first(title: string, action: Dispatch, protocol: Protocol, change: Change, more: Partial<PacketCase> = {}): PacketCase {
    const packet = request(protocol, change);
    return {
      title,
      verdict: 'tx',
      reason: REASON[action],
      packet,
      before: { services: services(action) },
      out: leave(action)(protocol, change),
      flows: [newFlow(world, protocol, { ...dsr(action), bytes: packet.length })],
      ...more,
    };
  }

  function next(
    title: string,
    action: Dispatch,
    protocol: Protocol,
    change: Change,
    more: Partial<PacketCase> & { seen?: number } = {},
  ): PacketCase {
    const { seen, ...rest } = more;
    const packet = request(protocol, change);
    return {
      title,
      verdict: 'tx',
      reason: REASON[action],
      packet,
      before: { services: services(action), flows: [establishedFlow(world, protocol, dsr(action))] },
      out: leave(action)(protocol, change),
      flows: [countedFlow(world, protocol, packet.length, { ...dsr(action), ...(seen === undefined ? {} : { tcpSeen: seen }) })],
      ...rest,
    };
  }

  const withMtu = (action: Dispatch, mtu: number) => ({
    services: services(action),
    backends: backends(world, backendEntry(world, 'dns', { mtu })),
    flows: [establishedFlow(world, 'udp', dsr(action))],
  });

  return [
    first(
      'a SYN begins a flow and leaves wrapped: outer header from the LB to the backend, TTL 64; inside only the TTL changes',
      'dsr-ipip',
      'tcp',
      SYN,
    ),
    first('a UDP packet begins a flow and leaves wrapped', 'dsr-ipip', 'udp', { payload: 'a query' }),
    first('the outer TOS is the inner one', 'dsr-ipip', 'tcp', SYN, {
      packet: request('tcp', { ...SYN, ip: { tos: 0xb9 } }),
      out: wrappedRequest('tcp', { ...SYN, ip: { tos: 0xb9 } }, { tos: 0xb9 }),
    }),
    first(
      'padding of the frame is counted in neither header',
      'dsr-ipip',
      'udp',
      { padding: 18 },
      {
        out: Buffer.concat([wrappedRequest('udp'), Buffer.alloc(18)]),
      },
    ),
    first("the outer source is the backend's own LB address", 'dsr-ipip', 'tcp', SYN, {
      before: { services: services('dsr-ipip'), backends: backends(world, backendEntry(world, 'a', { source: LB.second })) },
      out: wrappedRequest('tcp', SYN, { src: LB.second }),
    }),
    first('a backend behind another device gets the wrapped packet by a redirect', 'dsr-ipip', 'tcp', SYN, {
      before: { services: services('dsr-ipip'), backends: backends(world, backendEntry(world, 'a', { ifindex: OTHER_DEVICE })) },
      verdict: 'redirect',
    }),
    first('a wrapped packet goes back by the device that it came from', 'dsr-ipip', 'tcp', SYN, {
      ingress: 'device',
      before: { services: services('dsr-ipip'), backends: backends(world, backendEntry(world, 'a', { ifindex: DEVICE.index })) },
    }),
    first(
      'an ACK without a flow begins one',
      'dsr-ipip',
      'tcp',
      {},
      { flows: [newFlow(world, 'tcp', { ...dsr('dsr-ipip'), tcpSeen: SEEN.other })] },
    ),
    first('a packet of TTL 2 has the inner TTL 1, the outer 64', 'dsr-ipip', 'tcp', SYN, {
      packet: request('tcp', { ...SYN, ip: { ttl: 2 } }),
      out: wrappedRequest('tcp', { ...SYN, ip: { ttl: 1 } }),
    }),
    next('a data segment of a flow leaves wrapped and is counted', 'dsr-ipip', 'tcp', { flags: ['psh', 'ack'], payload: 'GET /' }),
    next('a UDP packet of a flow leaves wrapped and is counted', 'dsr-ipip', 'udp', { payload: 'x' }),
    next("the client's FIN is remembered", 'dsr-ipip', 'tcp', { flags: ['fin', 'ack'] }, { seen: SEEN.syn | SEEN.other | SEEN.fin }),
    next('a wrong TCP checksum is carried inside as it came', 'dsr-ipip', 'tcp', { checksum: 0x1234 }, { wrongChecksum: true }),
    next(
      "a flow's packet of TTL 1 passes",
      'dsr-ipip',
      'tcp',
      {},
      {
        packet: request('tcp', { ip: { ttl: 1 } }),
        out: request('tcp', { ip: { ttl: 1 } }),
        verdict: 'pass',
        reason: 'ttl_expired',
        flows: [establishedFlow(world, 'tcp', dsr('dsr-ipip'))],
      },
    ),
    next('a packet that fits the MTU exactly with its outer header is sent', 'dsr-ipip', 'udp', ofLength(room)),
    next('a packet one byte too long for the MTU with its outer header is answered with what fits', 'dsr-ipip', 'udp', ofLength(room + 1), {
      reason: 'too_big_answered',
      out: answerTo(world, request('udp', ofLength(room + 1)), tooBig(world.family, room)),
    }),
    next('a packet of 1500 bytes is sent where the MTU leaves room for the outer header', 'dsr-ipip', 'udp', ofLength(1500), {
      before: withMtu('dsr-ipip', 1500 + IP_HEADER),
    }),
    next(
      'the MTU counts the packet, not the padding behind it',
      'dsr-ipip',
      'udp',
      { payload: Buffer.alloc(20), padding: 40 },
      {
        before: withMtu('dsr-ipip', 2 * IP_HEADER + 8 + 20),
        out: Buffer.concat([wrappedRequest('udp', { payload: Buffer.alloc(20) }), Buffer.alloc(40)]),
      },
    ),
    next("a dispatch to L2 needs no room beyond the packet's own length", 'dsr-l2', 'udp', ofLength(1500)),

    first('a SYN begins a flow and leaves with other MAC addresses and TTL alone', 'dsr-l2', 'tcp', SYN),
    first('a UDP packet begins a flow and leaves with other MAC addresses', 'dsr-l2', 'udp', { payload: 'a query' }),
    first('a backend on the link of another device gets the frame by a redirect', 'dsr-l2', 'tcp', SYN, {
      before: { services: services('dsr-l2'), backends: backends(world, backendEntry(world, 'a', { ifindex: OTHER_DEVICE })) },
      verdict: 'redirect',
    }),
    next('a segment of a flow leaves with other MAC addresses and is counted', 'dsr-l2', 'tcp', { payload: 'data', padding: 2 }),
    next('a UDP packet of a flow leaves with other MAC addresses', 'dsr-l2', 'udp', { payload: 'x' }),
    next("the client's RST is remembered", 'dsr-l2', 'tcp', { flags: ['rst'] }, { seen: SEEN.syn | SEEN.other | SEEN.rst }),
    {
      ...next('a damaged payload is carried as it came', 'dsr-l2', 'tcp', { payload: 'data' }),
      packet: patchFrame(request('tcp', { payload: 'data' }), world.bare('tcp'), [0x21]),
      out: patchFrame(steeredRequest('tcp', { payload: 'data' }), world.bare('tcp'), [0x21]),
      wrongChecksum: true,
    },
  ];
}
