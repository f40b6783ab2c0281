// Headers inside headers: tunnels of either family in the other, extension headers, VLAN tags, what ICMP errors quote.
// Imports the tools alone; captured.test.ts compares the single layers with what Linux sends.

import assert from 'node:assert/strict';
import { addressBytes } from './address.js';
import {
  buildFrame,
  destinationOptions,
  ethernet,
  fragment,
  hopByHop,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  type Layer,
  patchFrame,
  routing,
  tcp,
  udp,
  vlan,
} from './build.js';
import { computeTransportChecksum } from './checksum.js';
import { diffFrames } from './diff.js';
import { decodeFrame, findWrongChecksums } from './parse.js';

const eth = ethernet({ dst: '02:00:00:00:00:01', src: '02:00:00:00:00:02' });
const v4 = ipv4({ src: '20.1.1.1', dst: '20.1.1.10' });
const v6 = ipv6({ src: '2001:db8::1', dst: '2001:db8::2' });
const segment = [tcp({ src: 40000, dst: 80 }), Buffer.from('odd')];
const field = (frame: Buffer, wanted: string) => decodeFrame(frame).find(({ name }) => name === wanted)?.text;

/** Each is right as built; damage at `at` makes exactly `wrong` wrong. */
const NESTED: Readonly<
  Record<string, { readonly layers: readonly (Layer | Buffer)[]; readonly damage: Readonly<Record<string, number>> }>
> = {
  'IPv6 in IPv6': { layers: [eth, v6, v6, ...segment], damage: { 'tcp.checksum': 94 + 16 } },
  'IPv4 in IPv6': { layers: [eth, v6, v4, ...segment], damage: { 'ip.ip.checksum': 54 + 10, 'tcp.checksum': 74 + 16 } },
  'IPv6 in IPv4': { layers: [eth, v4, v6, ...segment], damage: { 'ip.checksum': 14 + 10, 'tcp.checksum': 74 + 16 } },
  'IPv4 in IPv4 in IPv6 behind an extension header': {
    layers: [eth, v6, destinationOptions(), v4, v4, ...segment],
    damage: { 'ip.ip.checksum': 62 + 10, 'ip.ip.ip.checksum': 82 + 10, 'tcp.checksum': 102 + 16 },
  },
  'UDP behind two VLAN tags': {
    layers: [eth, vlan({ id: 5, tpid: 0x88a8 }), vlan({ id: 7 }), v6, udp({ src: 1, dst: 2 }), Buffer.from('x')],
    damage: { 'udp.checksum': 62 + 6 },
  },
  'an IPv4 header with 40 bytes of options': {
    layers: [eth, ipv4({ src: '1.1.1.1', dst: '2.2.2.2', options: Buffer.alloc(40, 1) }), ...segment],
    damage: { 'ip.checksum': 14 + 10, 'tcp.checksum': 74 + 16 },
  },
  'what an ICMP error quotes whole': {
    layers: [eth, v4, icmp({ type: 3, code: 4, rest: 1480 }), v4, udp({ src: 1, dst: 2 }), Buffer.from('x')],
    damage: { 'ip.checksum': 14 + 10, 'icmp.checksum': 34 + 2 },
  },
  'an ICMPv6 error over IPv6': {
    layers: [eth, v6, icmpv6({ type: 2, rest: 1280 }), v6, udp({ src: 1, dst: 2 }), Buffer.from('x')],
    damage: { 'icmp.checksum': 54 + 2 },
  },
  'every extension header at once': {
    layers: [
      eth,
      v6,
      hopByHop(),
      destinationOptions({ options: Buffer.alloc(14) }),
      routing({ segmentsLeft: 0, addresses: ['2001:db8::9'] }),
      fragment({ id: 7 }),
      destinationOptions(),
      ...segment,
    ],
    damage: { 'tcp.checksum': 54 + 8 + 16 + 24 + 8 + 8 + 16 },
  },
};

describe('packet tools, headers inside headers', () => {
  for (const [title, { layers, damage }] of Object.entries(NESTED)) {
    it(`find each wrong checksum of ${title}, and no other`, () => {
      const frame = buildFrame(...layers);
      assert.deepEqual(findWrongChecksums(frame), []);
      for (const [name, at] of Object.entries(damage)) {
        const wrong = findWrongChecksums(patchFrame(frame, at, [0xde, 0xad]));
        assert.deepEqual(
          wrong.map((line) => line.split(' ')[0]),
          [name],
        );
        assert.match(wrong[0] ?? '', / is 0xdead and should be 0x/);
      }
    });
    it(`decode ${title} cut at any length, and see each cut`, () => {
      const frame = buildFrame(...layers);
      for (let length = 0; length < frame.length; length++) {
        assert.ok(diffFrames(frame.subarray(0, length), frame).length > 0, `length ${length}`);
      }
    });
  }

  it('judge in what an ICMP error quotes the headers that are whole, and not a segment that is cut', () => {
    const quoted = buildFrame(v4, tcp({ src: 40000, dst: 80 }), Buffer.alloc(100));
    const cut = buildFrame(eth, v4, icmp({ type: 11 }), quoted.subarray(0, 28));
    assert.deepEqual(findWrongChecksums(cut), []);
    assert.deepEqual([field(cut, 'icmp.ip.src'), field(cut, 'icmp.tcp.src'), field(cut, 'icmp.tcp.dst')], ['20.1.1.1', '40000', '80']);
    const wrongInside = patchFrame(quoted, 10, [0xde, 0xad]).subarray(0, 28);
    const lines = findWrongChecksums(buildFrame(eth, v4, icmp({ type: 11 }), wrongInside));
    assert.ok(lines.length === 1 && lines[0]?.startsWith('icmp.ip.checksum is 0xdead'), lines.join());
  });

  it('take no UDP checksum as right over IPv4 and as wrong over IPv6', () => {
    const none = [udp({ src: 1, dst: 2, checksum: 0 }), Buffer.from('x')];
    assert.deepEqual(findWrongChecksums(buildFrame(eth, v4, ...none)), []);
    const lines = findWrongChecksums(buildFrame(eth, v6, ...none));
    assert.ok(lines.length === 1 && lines[0]?.startsWith('udp.checksum is 0x0000 and should be 0x'), lines.join());
  });

  it('take a UDP checksum over the bytes of the UDP length alone', () => {
    const whole = buildFrame(eth, v4, udp({ src: 1, dst: 2 }), Buffer.from('data'));
    const total = patchFrame(Buffer.concat([whole, Buffer.from('tail')]), 16, [0, 36, 0, 0, 0x40, 0, 64, 17, 0, 0]);
    assert.deepEqual(
      findWrongChecksums(total).map((line) => line.split(' ')[0]),
      ['ip.checksum'],
    );
  });

  for (const [type, addresses] of [
    [2, ['2001:db8::7', '2001:db8::8']],
    [4, ['2001:db8::8', '2001:db8::7']],
  ] as const) {
    it(`take the last segment of a routing header of type ${type} as the destination of the pseudo header, while segments are left`, () => {
      const frame = (segmentsLeft: number) => buildFrame(eth, v6, routing({ type, segmentsLeft, addresses }), udp({ src: 1, dst: 2 }));
      for (const [left, destination] of [
        [1, '2001:db8::8'],
        [0, '2001:db8::2'],
      ] as const) {
        const datagram = Buffer.from([0, 1, 0, 2, 0, 8, 0, 0]);
        const right = computeTransportChecksum(addressBytes('2001:db8::1'), addressBytes(destination), 17, datagram);
        assert.equal(frame(left).readUInt16BE(54 + 40 + 6), right);
        assert.deepEqual(findWrongChecksums(frame(left)), []);
        assert.equal(findWrongChecksums(patchFrame(frame(left), 54 + 40 + 6, [0xde, 0xad])).length, 1);
      }
    });
  }

  it('name the fields of an IPv6 header and of VLAN tags that differ, and only these', () => {
    const make = (id: number, fields: { hopLimit: number; trafficClass: number; flowLabel: number }) =>
      buildFrame(
        eth,
        vlan({ id: 5, tpid: 0x88a8, priority: 3 }),
        vlan({ id, dropEligible: true }),
        ipv6({ src: '2001:db8::1', dst: '2001:db8::2', ...fields }),
        ...segment,
      );
    const lines = diffFrames(
      make(7, { hopLimit: 63, trafficClass: 0xb9, flowLabel: 0x12345 }),
      make(8, { hopLimit: 64, trafficClass: 0xb8, flowLabel: 0xfffff }),
    );
    assert.deepEqual(lines, [
      'vlan.vlan.id: 7, expected 8',
      'ip.trafficClass: 0xb9, expected 0xb8',
      'ip.flowLabel: 0x12345, expected 0xfffff',
      'ip.hopLimit: 63, expected 64',
    ]);
  });
});
