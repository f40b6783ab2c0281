// A service without a backend that takes new flows: what its clients get, by setting.
// Imports the packet builders and the worlds of the tests. Resets are said anew from RFC 9293, section 3.10.7.1.

import { buildFrame, destinationOptions, ethernet, type TcpFlag, tcp, vlan } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { answerTo, PORT_UNREACHABLE } from '../icmp.js';
import { ipLayer } from '../packet.js';
import { serviceEntry } from '../states.js';
import type { Change, Protocol, World } from '../world.js';

export function noBackendCases(world: World): readonly PacketCase[] {
  const { CLIENT, family, LB, request, SETTINGS, VIP } = world;
  const before = { services: [serviceEntry(world, 'tcp', { table: [] }), serviceEntry(world, 'udp', { table: [] })] };
  const [seq, ack] = [0x01020304, 0x0a0b0c0d];

  function reset(
    title: string,
    change: Change,
    answer: { readonly seq: number; readonly ack: number; readonly flags: readonly TcpFlag[] },
  ): PacketCase {
    return {
      title: `${title} is answered with a reset`,
      settings: { ...SETTINGS, noBackend: 'reset' },
      packet: request('tcp', change),
      verdict: 'tx',
      reason: 'no_backend_reset',
      before,
      out: buildFrame(
        ethernet({ dst: CLIENT.mac, src: LB.mac }),
        ...(change.tags ?? []).map(vlan),
        ipLayer(family, { src: VIP.address, dst: CLIENT.address, ttl: 64 }),
        tcp({ src: VIP.tcpPort, dst: CLIENT.port, window: 0, ...answer }),
      ),
    };
  }
  function unreachable(title: string, protocol: Protocol, change: Change, noBackend: 'reset' | 'unreachable'): PacketCase {
    const packet = request(protocol, change);
    return {
      title: `${title} is answered with port unreachable`,
      settings: { ...SETTINGS, noBackend },
      packet,
      verdict: 'tx',
      reason: 'no_backend_unreachable',
      before,
      out: answerTo(world, packet, PORT_UNREACHABLE[family]),
    };
  }
  const dropped = (title: string, packet: Buffer, more: Partial<PacketCase> = {}): PacketCase => ({
    title,
    settings: { ...SETTINGS, noBackend: 'reset' },
    packet,
    verdict: 'drop',
    reason: 'no_backend',
    before,
    ...more,
  });
  const syn: Change = { flags: ['syn'], options: Buffer.from('020405b4', 'hex') };
  const acked = (bytes: number) => ({ seq: 0, ack: seq + bytes, flags: ['rst', 'ack'] as const });
  const header: Change =
    family === 4 ? { ip: { v4: { options: Buffer.alloc(8, 1) } } } : { extensions: [destinationOptions({ options: Buffer.alloc(14) })] };
  return [
    reset('a SYN without a backend', syn, acked(1)),
    reset('a SYN with data', { ...syn, payload: 'early' }, acked(6)),
    reset('a segment without ACK', { flags: ['psh'], payload: 'data' }, acked(4)),
    reset('a FIN without ACK', { flags: ['fin'] }, acked(1)),
    reset('a SYN and FIN', { flags: ['syn', 'fin'] }, acked(2)),
    reset('an ACK', { flags: ['ack'], payload: 'data' }, { seq: ack, ack: 0, flags: ['rst'] }),
    reset('a FIN with ACK', { flags: ['fin', 'ack'] }, { seq: ack, ack: 0, flags: ['rst'] }),
    reset('a SYN in two tags', { ...syn, tags: [{ id: 5 }, { id: 7 }] }, acked(1)),
    reset('a SYN with padding behind', { ...syn, padding: 9 }, acked(1)),
    reset('a SYN with options or extension headers', { ...syn, ...header }, acked(1)),
    unreachable('a datagram without a backend', 'udp', { payload: 'query' }, 'reset'),
    unreachable('a datagram', 'udp', { payload: 'query' }, 'unreachable'),
    unreachable('a SYN', 'tcp', syn, 'unreachable'),
    unreachable('a datagram of 1500 bytes', 'udp', { payload: Buffer.alloc(1400, 0x61) }, 'unreachable'),
    unreachable('a datagram with padding behind', 'udp', { payload: 'odd', padding: 5 }, 'unreachable'),
    dropped('a reset without a backend is dropped, not answered', request('tcp', { flags: ['rst'] })),
    dropped('a SYN without a backend is dropped by default', request('tcp', syn), { settings: SETTINGS }),
    dropped('a SYN without a backend is dropped when there were as many answers in this second as may be', request('tcp', syn), {
      before: { ...before, answers: { count: SETTINGS.answerRate, beganAgo: 0 } },
    }),
    dropped('a SYN without a backend, by a broadcast, is dropped', request('tcp', { ...syn, dstMac: 'ff:ff:ff:ff:ff:ff' })),
    dropped(
      'a SYN without a backend from a multicast address is dropped',
      request('tcp', { ...syn, ip: { src: family === 4 ? '224.0.0.1' : 'ff02::1' } }),
    ),
  ];
}
