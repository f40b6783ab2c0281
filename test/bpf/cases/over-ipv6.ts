// Requests to an IPv4 service whose backends have IPv6 addresses: wrapped in an outer IPv6 header (RFC 2473), by DSR alone.
// Imports the worlds of the tests.
// The backends are those of the IPv6 world, with the ids that the IPv4 world's have.

import type { PacketCase } from '../case.js';
import { splitPacket } from '../split.js';
import type { BackendEntry, FlowState, PlaneState } from '../state.js';
import { backendEntry, countedFlow, dsr, establishedFlow, newFlow, requestTuple, SEEN, serviceEntry } from '../states.js';
import { type Change, DEVICE, type IpChange, OTHER_DEVICE, type Protocol, type World, WORLDS } from '../world.js';

const SYN: Change = { flags: ['syn'], options: Buffer.from('020405b4', 'hex') };
const SIX = WORLDS[6];
const OVER = dsr('dsr-ipip6');

const backendsOver = (...changed: readonly BackendEntry[]): readonly BackendEntry[] =>
  (['a', 'b', 'dns'] as const).map((name) => changed.find(({ id }) => id === SIX.BACKEND[name].id) ?? backendEntry(SIX, name));

export function overIpv6Cases(world: World): readonly PacketCase[] {
  const { bare, ELSEWHERE, request } = world;
  const services = [serviceEntry(world, 'tcp', { action: 'dsr-ipip6' }), serviceEntry(world, 'udp', { action: 'dsr-ipip6' })];
  const backends = backendsOver();
  const wrapped = (protocol: Protocol, change: Change, outer: IpChange = {}, backend = SIX.backendOf(protocol)) =>
    world.wrappedRequest(protocol, change, outer, backend);
  const base = { verdict: 'tx', reason: 'dsr_ipip', before: { services, backends } } as const;

  function first(title: string, protocol: Protocol, change: Change, more: Partial<PacketCase> = {}): PacketCase {
    const packet = request(protocol, change);
    const flows = [newFlow(world, protocol, { ...OVER, bytes: packet.length })];
    return { ...base, title, packet, out: wrapped(protocol, change), flows, ...more };
  }

  /** `flow`: of the flow before and after the packet. */
  function next(
    title: string,
    protocol: Protocol,
    change: Change,
    more: Partial<PacketCase> = {},
    flow: Partial<FlowState> = {},
  ): PacketCase {
    const packet = request(protocol, change);
    return {
      ...base,
      title,
      packet,
      before: { ...base.before, flows: [establishedFlow(world, protocol, { ...OVER, ...flow })] },
      out: wrapped(protocol, change),
      flows: [countedFlow(world, protocol, packet.length, { ...OVER, ...flow, refreshedAgo: 0 })],
      ...more,
    };
  }

  /** A UDP packet whose IP packet has this length. */
  const ofLength = (bytes: number): Change => ({ payload: Buffer.alloc(bytes - 28, 0x77) });
  const room = 1500 - SIX.IP_HEADER;
  const established = (change: Partial<FlowState> = {}) => ({
    ...base.before,
    flows: [establishedFlow(world, 'tcp', { ...OVER, ...change })],
  });
  const unresolved = backendEntry(SIX, 'a', { resolved: false });
  const moved = backendEntry(SIX, 'a', { generation: 6 });

  const here = backendsOver(
    ...(['a', 'dns'] as const).map((name) =>
      backendEntry(SIX, name, { local: true, resolved: false, mac: '00:00:00:00:00:00', ifindex: 0, mtu: 0 }),
    ),
  );
  const local = { action: 'local', snatPort: 0 } as const;
  const onThisNode = { verdict: 'pass', reason: 'local_backend', before: { services, backends: here } } as const;
  const [, later] = splitPacket(4, request('udp', { payload: Buffer.alloc(64), ip: { v4: { dontFragment: false } } }), { sizes: [48] });
  const { protocol: _, ...ends } = requestTuple(world, 'udp');
  const datagram = { ...ends, protocol: 'udp', id: 0x4242, bytes: 48, tcpFlags: 0, seenAgo: 0 } as const;
  /** A later fragment of a datagram whose first one is known. */
  const rest = (title: string, more: Partial<PacketCase> & { before: Partial<PlaneState> }): PacketCase => ({
    title: `a later fragment ${title}`,
    packet: later as Buffer,
    verdict: 'drop',
    reason: 'no_backend',
    ...more,
    before: { services, fragments: [datagram], ...more.before },
  });
  const clamped = Buffer.from('02040578', 'hex');

  return [
    first('the MSS of a SYN is made smaller', 'tcp', SYN, {
      settings: { ...world.SETTINGS, mssClamp: 1400 },
      out: wrapped('tcp', { ...SYN, options: clamped }),
    }),
    {
      ...first('a first packet to an IPv6 address of this node passes untouched and leaves a flow', 'tcp', SYN),
      ...onThisNode,
      out: request('tcp', SYN),
      flows: [newFlow(world, 'tcp', { ...local, bytes: request('tcp', SYN).length })],
    },
    {
      ...next('a flow to an IPv6 address of this node goes on there', 'tcp', {}, {}, local),
      ...onThisNode,
      before: { ...onThisNode.before, flows: [establishedFlow(world, 'tcp', local)] },
      out: request('tcp'),
    },
    rest('to an IPv6 address of this node passes with its flow', {
      ...onThisNode,
      before: { backends: here, flows: [establishedFlow(world, 'udp', local)] },
      flows: [countedFlow(world, 'udp', (later as Buffer).length, local)],
    }),
    rest('to an IPv6 address of this node passes without a flow', { ...onThisNode, before: { backends: here } }),
    rest('of no flow is dropped when its backend is gone', { before: { backends: [backendEntry(SIX, 'a')] } }),
    first('a SYN begins a flow and leaves in an IPv6 header from the LB to the backend; inside only the TTL changes', 'tcp', SYN),
    first('a UDP packet begins a flow and leaves in an IPv6 header', 'udp', { payload: 'a query' }),
    first('the outer traffic class is the inner TOS', 'tcp', SYN, {
      packet: request('tcp', { ...SYN, ip: { tos: 0xb9 } }),
      out: wrapped('tcp', { ...SYN, ip: { tos: 0xb9 } }, { tos: 0xb9 }),
    }),
    first('a packet that may be fragmented is wrapped the same', 'tcp', SYN, {
      packet: request('tcp', { ...SYN, ip: { v4: { dontFragment: false } } }),
      out: wrapped('tcp', { ...SYN, ip: { v4: { dontFragment: false } } }),
    }),
    first("the outer source is the backend's own LB address", 'tcp', SYN, {
      before: { services, backends: backendsOver(backendEntry(SIX, 'a', { source: SIX.LB.second })) },
      out: wrapped('tcp', SYN, { src: SIX.LB.second }),
    }),
    first('a backend behind another device gets the packet by a redirect', 'tcp', SYN, {
      before: { services, backends: backendsOver(backendEntry(SIX, 'a', { ifindex: OTHER_DEVICE })) },
      verdict: 'redirect',
    }),
    first(
      'the padding of a frame is counted in neither header',
      'udp',
      { padding: 18 },
      { out: Buffer.concat([wrapped('udp', {}), Buffer.alloc(18)]) },
    ),
    first('two tags stay in front of the outer header', 'udp', { tags: [{ id: 7 }, { id: 9 }] }),
    first('IPv4 options travel inside', 'tcp', SYN, {
      packet: request('tcp', { ...SYN, ip: { v4: { options: Buffer.from('94040000', 'hex') } } }),
      out: wrapped('tcp', { ...SYN, ip: { v4: { options: Buffer.from('94040000', 'hex') } } }),
      flows: [newFlow(world, 'tcp', { ...OVER, bytes: request('tcp', SYN).length + 4 })],
    }),
    first("the FIB is asked for the backend's IPv6 address", 'tcp', SYN, {
      ingress: 'device',
      forwarding: true,
      before: { services, backends: backendsOver({ ...unresolved, ifindex: 0, mac: '00:00:00:00:00:00', srcMac: '00:00:00:00:00:00' }) },
      out: wrapped('tcp', { ...SYN, dstMac: SIX.FIB_NEIGHBOUR.mac }),
      backends: [
        backendEntry(SIX, 'a', { mac: SIX.FIB_NEIGHBOUR.mac, srcMac: DEVICE.mac, ifindex: DEVICE.index, resolved: true, askedAgo: 0 }),
      ],
    }),
    first('a first packet to a backend without a next hop is dropped', 'tcp', SYN, {
      before: { services, backends: backendsOver(unresolved) },
      verdict: 'drop',
      reason: 'unresolved',
      flows: [],
    }),
    first('a first packet is dropped when its backend is of IPv4: the service is being changed', 'tcp', SYN, {
      before: { services },
      verdict: 'drop',
      reason: 'no_backend',
      flows: [],
    }),
    first(
      'a packet of TTL 1 begins nothing and passes',
      'tcp',
      {},
      {
        packet: request('tcp', { ip: { ttl: 1 } }),
        out: request('tcp', { ip: { ttl: 1 } }),
        verdict: 'pass',
        reason: 'ttl_expired',
        flows: [],
      },
    ),
    first('beyond the rate of new flows packets are wrapped without an entry', 'tcp', SYN, {
      settings: { ...world.SETTINGS, newFlowRate: 1 },
      before: { ...base.before, window: { count: 1, beganAgo: 0 } },
      reason: 'dsr_untracked',
      flows: [],
    }),
    next('a data segment of a flow is wrapped and counted', 'tcp', { flags: ['psh', 'ack'], payload: 'GET /' }),
    next('a UDP packet of a flow is wrapped and counted', 'udp', { payload: 'x' }),
    next("once a second the flow's next hop is looked at", 'tcp', {}, {}, { refreshedAgo: 3 }),
    next(
      'a flow goes on over IPv6 when new flows get SNAT and IPv4 backends',
      'tcp',
      {},
      {
        before: { ...established(), services: [serviceEntry(world, 'tcp', { table: [7] })] },
      },
    ),
    next(
      'a flow to a backend that has lost its next hop is dropped, and counted as a packet of the flow',
      'tcp',
      {},
      {
        before: { ...established(), backends: backendsOver(unresolved) },
        verdict: 'drop',
        reason: 'unresolved',
      },
    ),
    next(
      "a flow's packet of TTL 1 passes",
      'tcp',
      {},
      {
        packet: request('tcp', { ip: { ttl: 1 } }),
        out: request('tcp', { ip: { ttl: 1 } }),
        verdict: 'pass',
        reason: 'ttl_expired',
        flows: [establishedFlow(world, 'tcp', OVER)],
      },
    ),
    next('a packet that fits the MTU exactly with the IPv6 header is sent', 'udp', ofLength(room)),
    next('a packet one byte too long with the IPv6 header is dropped, when answers are off', 'udp', ofLength(room + 1), {
      verdict: 'drop',
      reason: 'too_big',
      settings: { ...world.SETTINGS, answerRate: 0 },
    }),
    next('a wrong TCP checksum is carried inside as it came', 'tcp', { checksum: 0x1234 }, { wrongChecksum: true }),
    next(
      'a packet whose backend is gone begins a new flow',
      'tcp',
      {},
      {
        before: { ...established(), backends: backendsOver(moved) },
        flows: [newFlow(world, 'tcp', { ...OVER, backendGeneration: 6, tcpSeen: SEEN.other })],
      },
    ),
    next('a SYN on a closed flow begins a new one', 'tcp', SYN, {
      before: established({ tcpSeen: SEEN.syn | SEEN.other | SEEN.fin }),
      flows: [newFlow(world, 'tcp', { ...OVER, bytes: request('tcp', SYN).length })],
    }),
    next(
      'a datagram after a long rest begins a new flow',
      'udp',
      {},
      {
        before: { ...base.before, flows: [establishedFlow(world, 'udp', { ...OVER, seenAgo: 62 })] },
        flows: [newFlow(world, 'udp', OVER)],
      },
    ),
    {
      ...base,
      title: 'the flows of two clients stand beside each other',
      packet: request('tcp', { ...SYN, ip: { src: ELSEWHERE.client } }),
      before: established(),
      out: wrapped('tcp', { ...SYN, ip: { src: ELSEWHERE.client } }),
      flows: [
        establishedFlow(world, 'tcp', OVER),
        newFlow(world, 'tcp', {
          ...OVER,
          tuple: { ...newFlow(world, 'tcp').tuple, saddr: ELSEWHERE.client },
          bytes: bare('tcp') + 4,
        }),
      ],
    },
  ];
}
