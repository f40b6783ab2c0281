// QUIC by the server id in the connection id: a tuple's first packet goes to the backend that the id names, wherever the tuple itself would go.
// Imports the worlds of the tests.
// The service's Maglev table has backend `dns` alone; the id 0a01 names b.

import type { PacketCase } from '../case.js';
import { backendEntry, backends, countedFlow, dsr, establishedFlow, newFlow, serviceEntry } from '../states.js';
import type { Change, World } from '../world.js';

const SHORT = 0x4b;
const HANDSHAKE = 0xe1;
const VERSIONS = { 1: '00000001', 2: '6b3343cf' } as const;
/** What follows a connection id: numbers, ciphertext. */
const REST = '5a'.repeat(24);

/** First octet of connection ids of configuration 2. */
const CONFIG_2 = 0x40;
const short = (server: string, first = SHORT, octet = CONFIG_2 | 9): Buffer =>
  Buffer.from(`${first.toString(16)}${octet.toString(16).padStart(2, '0')}${server}${REST}`, 'hex');
const long = (first: number, version: string, server: string, length = 10): Buffer =>
  Buffer.from(`${first.toString(16)}${version}${length.toString(16).padStart(2, '0')}49${server}${REST}`, 'hex');

export function quicCases(world: World): readonly PacketCase[] {
  const { BACKEND, request, wrappedRequest } = world;
  const servers = { '0a01': BACKEND.b.id, '0a02': BACKEND.dns.id };
  const service = (more = {}) => serviceEntry(world, 'udp', { action: 'dsr-ipip', quic: { config: 2, servers }, ...more });
  const before = { services: [service()] };

  function first(
    title: string,
    to: 'b' | 'dns',
    payload: Buffer | string,
    change: Change = {},
    more: Partial<PacketCase> = {},
  ): PacketCase {
    const packet = request('udp', { payload, ...change });
    return {
      title,
      before,
      packet,
      verdict: 'tx',
      reason: 'dsr_ipip',
      out: wrappedRequest('udp', { payload, ...change }, {}, BACKEND[to]),
      flows: [newFlow(world, 'udp', { ...dsr('dsr-ipip'), backendId: BACKEND[to].id, bytes: packet.length })],
      ...more,
    };
  }

  return [
    first('a short header goes to the backend that its server id names', 'b', short('0a01')),
    first('another server id goes to another backend', 'dns', short('0a02')),
    first('behind two VLAN tags as well', 'b', short('0a01'), { tags: [{ id: 7 }, { id: 9 }] }),
    first('a server id that nobody has goes by the tuple', 'dns', short('0a03')),
    first('a connection id of another configuration goes by the tuple', 'dns', short('0a01', SHORT, 0x69)),
    first('a connection id that says "no configuration" goes by the tuple', 'dns', short('0a01', SHORT, 0xe9)),
    first('a datagram without the fixed bit is no QUIC and goes by the tuple', 'dns', short('0a01', 0x0b)),
    first('a handshake packet carries a connection id that the server chose (version 1)', 'b', long(HANDSHAKE, VERSIONS[1], '0a01')),
    first('a handshake packet carries a connection id that the server chose (version 2)', 'b', long(0xf1, VERSIONS[2], '0a01')),
    first('an Initial goes by the tuple, whatever its connection id (version 1)', 'dns', long(0xc1, VERSIONS[1], '0a01')),
    first('an Initial goes by the tuple, whatever its connection id (version 2)', 'dns', long(0xd1, VERSIONS[2], '0a01')),
    first('0-RTT goes by the tuple (version 2)', 'dns', long(HANDSHAKE, VERSIONS[2], '0a01')),
    first('a long header of an unknown version goes by the tuple', 'dns', long(HANDSHAKE, '0000000a', '0a01')),
    first('a connection id too short for a server id goes by the tuple', 'dns', long(HANDSHAKE, VERSIONS[1], '0a01', 2)),
    first(
      'a datagram that ends within its server id goes by the tuple, also when padding continues it',
      'dns',
      Buffer.from('4b490a', 'hex'),
      {},
      {
        packet: Buffer.concat([request('udp', { payload: Buffer.from('4b490a', 'hex') }), Buffer.from(`01${REST}`, 'hex')]),
        out: Buffer.concat([
          wrappedRequest('udp', { payload: Buffer.from('4b490a', 'hex') }, {}, BACKEND.dns),
          Buffer.from(`01${REST}`, 'hex'),
        ]),
        flows: [
          newFlow(world, 'udp', { ...dsr('dsr-ipip'), backendId: BACKEND.dns.id, bytes: world.bare('udp') + 3 + 1 + REST.length / 2 }),
        ],
      },
    ),
    first('an empty datagram goes by the tuple', 'dns', ''),
    first(
      'a service without server ids goes by the tuple',
      'dns',
      short('0a01'),
      {},
      {
        before: {
          services: [serviceEntry(world, 'udp', { action: 'dsr-ipip' }), serviceEntry(world, 'tcp', { quic: { config: 2, servers } })],
        },
      },
    ),
    first(
      'a backend that takes no new flows still gets the packets of its connections',
      'b',
      short('0a01'),
      {},
      {
        before: {
          services: [service({ table: [], backendCount: 0 })],
          backends: backends(world, backendEntry(world, 'b', { state: 'terminating' })),
        },
      },
    ),
    first(
      'a server id whose backend is gone is dropped',
      'b',
      short('0a01'),
      {},
      {
        before: { ...before, backends: backends(world, backendEntry(world, 'b', { state: undefined })) },
        verdict: 'drop',
        reason: 'no_backend',
        flows: [],
      },
    ),
    {
      ...first('a tuple that has a flow stays with it, whatever the connection id', 'dns', short('0a01')),
      before: { ...before, flows: [establishedFlow(world, 'udp', dsr('dsr-ipip'))] },
      flows: [countedFlow(world, 'udp', request('udp', { payload: short('0a01') }).length, dsr('dsr-ipip'))],
    },
  ];
}
