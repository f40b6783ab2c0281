// Frontends of every port, of port ranges, of prefixes: which service a first packet belongs to, and on which port its backend gets it.
// Imports the worlds of the tests. The order among frontends is docs/packet-walk.md's, "First packet of a flow".

import type { Frontend } from '../../../agent/model/service.js';
import type { PacketCase } from '../case.js';
import type { Family } from '../hosts.js';
import type { ServiceState } from '../state.js';
import {
  backendEntry,
  backends,
  countedFlow,
  dsr,
  establishedFlow,
  establishedReverse,
  newFlow,
  newReverse,
  replyTuple,
} from '../states.js';
import { requestTuple, serviceEntry } from '../states.js';
import type { Change, World } from '../world.js';
import { pass } from './ways.js';

/** Prefixes around the world's VIP; IPv6's longer one has fewer addresses than are listed one by one, its shorter one more. */
const PREFIXES: Readonly<
  Record<Family, { readonly base: string; readonly long: number; readonly short: number; readonly beyond: string }>
> = {
  4: { base: '40.1.1.0', long: 30, short: 24, beyond: '40.1.1.4' },
  6: { base: '3fff:40:a:b:c:d:e:0', long: 126, short: 112, beyond: '3fff:40:a:b:c:d:e:4' },
};
const EVERY = { port: 0, lastPort: 65535 } as const;
const RANGE = { port: 8000, lastPort: 8999 } as const;

export function frontendCases(world: World): readonly PacketCase[] {
  const { BACKEND, ELSEWHERE, family, ONE_PORT, reply, request, steeredRequest, translatedReply, translatedRequest, VIP } = world;
  const { base, long, short, beyond } = PREFIXES[family];
  const prefix = (prefixLength: number, ports: Partial<Frontend>): Partial<Frontend> => ({ address: base, prefixLength, ...ports });
  /** Service 1 has backend a, service 2 backend b: where a packet goes tells whose it was. */
  const service = (id: 1 | 2, frontend: Partial<Frontend>, change: Partial<ServiceState> = {}): ServiceState =>
    serviceEntry(world, 'tcp', {
      id,
      frontend: { address: VIP.address, port: VIP.tcpPort, protocol: 'tcp', ...frontend },
      table: [id === 1 ? BACKEND.a.id : BACKEND.b.id],
      ...change,
    });
  const samePort = backends(world, backendEntry(world, 'a', { port: 0 }), backendEntry(world, 'b', { port: 0 }));

  /** The first packet to this address and port goes to the service of this id, to its backend's own port. */
  function goesTo(
    id: 1 | 2,
    title: string,
    to: { readonly ip?: string; readonly port: number },
    ...services: readonly ServiceState[]
  ): PacketCase {
    const dst = to.ip ?? VIP.address;
    const change: Change = { flags: ['syn'], dstPort: to.port, ip: { dst } };
    const backend = id === 1 ? BACKEND.a : BACKEND.b;
    const tuple = requestTuple(world, 'tcp', { daddr: dst, dport: to.port });
    return {
      title,
      settings: ONE_PORT,
      packet: request('tcp', change),
      verdict: 'tx',
      reason: 'snat_request',
      before: { services },
      out: translatedRequest('tcp', { flags: ['syn'] }, backend),
      flows: [newFlow(world, 'tcp', { tuple, serviceId: id, backendId: backend.id })],
      replies: [
        newReverse(world, 'tcp', {
          tuple: replyTuple(world, 'tcp', { saddr: backend.address, sport: backend.port }),
          serviceAddr: dst,
          servicePort: to.port,
        }),
      ],
    };
  }
  const stranger = (title: string, to: { readonly ip?: string; readonly port: number }, ...services: readonly ServiceState[]): PacketCase =>
    pass('no_service', title, request('tcp', { flags: ['syn'], dstPort: to.port, ip: { dst: to.ip ?? VIP.address } }), {
      before: { services },
    });

  const anyTuple = requestTuple(world, 'tcp', { dport: 8123 });
  const anyReplies = { tuple: replyTuple(world, 'tcp', { sport: 8123 }), servicePort: 8123 };
  const drops = { ...ONE_PORT, vipUnknownPort: 'drop' } as const;
  const unknown = (title: string, packet: Buffer, ...services: readonly ServiceState[]): PacketCase => ({
    title,
    settings: drops,
    packet,
    verdict: 'drop',
    reason: 'no_port',
    before: { services },
  });

  return [
    {
      title: 'a frontend of every port takes any, and a backend without a port of its own gets it on that',
      settings: ONE_PORT,
      packet: request('tcp', { flags: ['syn'], dstPort: 8123 }),
      verdict: 'tx',
      reason: 'snat_request',
      before: { services: [service(1, EVERY)], backends: samePort },
      out: translatedRequest('tcp', { flags: ['syn'], dstPort: 8123 }),
      flows: [newFlow(world, 'tcp', { tuple: anyTuple })],
      replies: [newReverse(world, 'tcp', anyReplies)],
    },
    {
      title: 'the established flow to a backend without a port of its own keeps the port, service or not',
      settings: ONE_PORT,
      packet: request('tcp', { dstPort: 8123 }),
      verdict: 'tx',
      reason: 'snat_request',
      before: {
        services: [],
        backends: samePort,
        flows: [establishedFlow(world, 'tcp', { tuple: anyTuple })],
        replies: [establishedReverse(world, 'tcp', anyReplies)],
      },
      out: translatedRequest('tcp', { dstPort: 8123 }),
      flows: [countedFlow(world, 'tcp', world.bare('tcp'), { tuple: anyTuple })],
    },
    {
      title: 'a reverse entry that is gone comes back under the port that the client used',
      settings: ONE_PORT,
      packet: request('tcp', { dstPort: 8123 }),
      verdict: 'tx',
      reason: 'snat_request',
      before: { backends: samePort, flows: [establishedFlow(world, 'tcp', { tuple: anyTuple, refreshedAgo: 5 })] },
      out: translatedRequest('tcp', { dstPort: 8123 }),
      entries: 'open',
    },
    {
      title: 'the reply from that port goes to the client',
      settings: ONE_PORT,
      packet: reply('tcp', { srcPort: 8123 }),
      verdict: 'tx',
      reason: 'snat_reply',
      before: { backends: samePort, replies: [establishedReverse(world, 'tcp', anyReplies)] },
      out: translatedReply('tcp', { srcPort: 8123 }),
      replies: [establishedReverse(world, 'tcp', { ...anyReplies, packets: 9, bytes: 8000 + world.bare('tcp'), seenAgo: 0 })],
    },
    {
      title: 'DSR leaves the port as it is',
      packet: request('tcp', { flags: ['syn'], dstPort: 8123 }),
      verdict: 'tx',
      reason: 'dsr_l2',
      before: { services: [service(1, EVERY, { action: 'dsr-l2' })] },
      out: steeredRequest('tcp', { flags: ['syn'], dstPort: 8123 }),
      flows: [newFlow(world, 'tcp', { tuple: anyTuple, ...dsr('dsr-l2') })],
    },

    goesTo(1, 'a backend of a range that has a port gets the packet on that port', { port: 8123 }, service(1, RANGE)),
    goesTo(1, 'the first port of a range is in it', { port: 8000 }, service(1, RANGE)),
    goesTo(1, 'the last port of a range is in it', { port: 8999 }, service(1, RANGE)),
    stranger('the port below a range passes', { port: 7999 }, service(1, RANGE)),
    stranger('the port above a range passes', { port: 9000 }, service(1, RANGE)),
    stranger('a range of one address says nothing of another', { ip: ELSEWHERE.vip, port: 8123 }, service(1, RANGE), {
      ...service(2, { address: ELSEWHERE.vip, port: 443 }),
    }),
    pass('no_service', 'a frontend of every TCP port takes no UDP', request('udp', { dstPort: 8123 }), {
      before: { services: [service(1, EVERY)] },
    }),
    goesTo(2, 'an exact port goes before the range that it lies in', { port: 8500 }, service(1, RANGE), service(2, { port: 8500 })),
    goesTo(1, 'beside an exact port the range has the packet', { port: 8501 }, service(1, RANGE), service(2, { port: 8500 })),
    goesTo(2, 'a range goes before every port', { port: 8500 }, service(1, EVERY), service(2, RANGE)),
    goesTo(1, 'beside a range every port has the packet', { port: 9000 }, service(1, EVERY), service(2, RANGE)),
    goesTo(2, 'an exact port goes before every port', { port: 80 }, service(1, EVERY), service(2, {})),

    goesTo(1, 'the address at the end of a prefix is in it', { ip: beyond.replace(/4$/, '3'), port: 80 }, service(1, prefix(long, {}))),
    goesTo(1, 'the address at the beginning of a prefix is in it', { ip: base, port: 80 }, service(1, prefix(long, {}))),
    stranger('the address behind a prefix passes', { ip: beyond, port: 80 }, service(1, prefix(long, {})), {
      ...service(2, { address: beyond, port: 443 }),
    }),
    stranger('another port of a prefix passes', { port: 81 }, service(1, prefix(short, {}))),
    goesTo(1, 'a large prefix has all its addresses', { ip: beyond, port: 80 }, service(1, prefix(short, {}))),
    goesTo(2, 'an address goes before the prefix that it lies in', { port: 80 }, service(1, prefix(short, {})), service(2, {})),
    goesTo(1, 'a port that the address lacks is the prefix', { port: 80 }, service(1, prefix(short, {})), service(2, { port: 81 })),
    goesTo(1, 'a port outside the ranges of the address is the prefix', { port: 80 }, service(1, prefix(short, {})), service(2, RANGE)),
    goesTo(
      2,
      'a range of the address goes before the exact port of a prefix',
      { port: 80 },
      service(1, prefix(short, {})),
      service(2, EVERY),
    ),
    goesTo(2, 'the longer prefix goes before the shorter one', { port: 80 }, service(1, prefix(short, {})), service(2, prefix(long, {}))),
    stranger('a shorter prefix is not asked for what the longer one lacks', { port: 80 }, service(1, prefix(short, {})), {
      ...service(2, prefix(long, { port: 81 })),
    }),
    goesTo(1, 'a prefix may have a range', { port: 8999 }, service(1, prefix(short, RANGE))),
    stranger('the port above the range of a prefix passes', { port: 9000 }, service(1, prefix(short, RANGE))),
    goesTo(2, 'an exact port of a prefix goes before its range', { port: 8500 }, service(1, prefix(short, RANGE)), {
      ...service(2, prefix(short, { port: 8500 })),
    }),
    goesTo(1, 'a prefix may have every port', { port: 1 }, service(1, prefix(long, EVERY)), service(2, prefix(long, RANGE))),
    goesTo(
      2,
      'of two prefixes with one first address each has its own ranges',
      { ip: beyond, port: 8500 },
      service(1, prefix(long, EVERY)),
      {
        ...service(2, prefix(short, RANGE)),
      },
    ),

    unknown('a port that no service has can be dropped', request('tcp', { flags: ['syn'], dstPort: 81 }), service(1, {})),
    unknown('so can the other protocol', request('udp', { dstPort: 80 }), service(1, {})),
    unknown(
      'so can a port that no service of a prefix has',
      request('tcp', { dstPort: 81, ip: { dst: beyond } }),
      service(1, prefix(short, {})),
    ),
    unknown('so can a port outside a range', request('tcp', { dstPort: 9000 }), service(1, RANGE)),
    {
      ...stranger(
        'an address without a service passes, whatever becomes of unknown ports',
        { ip: ELSEWHERE.far, port: 81 },
        {
          ...service(1, { address: ELSEWHERE.far, port: 81, protocol: 'udp' }),
          frontend: { address: base, port: 80, protocol: 'tcp', prefixLength: short },
        },
      ),
      settings: drops,
    },
    pass('local', "the LB's own address is no virtual one", request('tcp', { ip: { dst: world.LB.address }, dstPort: 22 }), {
      settings: drops,
    }),
    { ...goesTo(1, 'a port that a service has is served while others are dropped', { port: 80 }, service(1, {})), settings: drops },
  ];
}
