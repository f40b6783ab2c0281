// The builder against frames that a Linux host sent over a veth pair, byte for byte, so that builder and parser cannot agree on an error.
// Imports the tools alone. Captured with AF_PACKET, transmit checksum offload off; 2001:db8:9::1 and 10.9.0.1 sent to ...2, or the reverse.

import assert from 'node:assert/strict';
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
  PROTOCOL,
  tcp,
  udp,
} from './build.js';
import { assertFrame } from './diff.js';
import { decodeFrame, findWrongChecksums } from './parse.js';

const [a, b] = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;
const there = ethernet({ dst: b, src: a });
const back = ethernet({ dst: a, src: b });
const A = { src: '2001:db8:9::1', dst: '2001:db8:9::2' };
const B = { src: A.dst, dst: A.src };
const hello = Buffer.from('hello');
const routerAlert = hopByHop({ options: Buffer.from('050200000100', 'hex') });
const chain = [ipv6({ ...A, flowLabel: 0x8be5b }), routerAlert, destinationOptions(), udp({ src: 0x91ac, dst: 53 })];
const echo = (type: number) => ({ type, rest: 0x68d40001 });
const pingData = (stamp: string) => Buffer.concat([Buffer.from(stamp, 'hex'), Buffer.from(Array.from({ length: 40 }, (_, i) => 0x10 + i))]);

const CAPTURED: Readonly<Record<string, { readonly bytes: string; readonly layers: readonly (Layer | Buffer)[] }>> = {
  'UDP over IPv6 with a traffic class and a flow label': {
    bytes:
      '02000000000202000000000186dd6b91505b000d114020010db800090000000000000000000120010db800090000000000000000' +
      '000294880035000dcbbd68656c6c6f',
    layers: [there, ipv6({ ...A, trafficClass: 0xb9, flowLabel: 0x1505b }), udp({ src: 0x9488, dst: 53 }), hello],
  },
  'UDP behind a hop-by-hop header': {
    bytes:
      '02000000000202000000000186dd600b6e160015004020010db800090000000000000000000120010db800090000000000000000' +
      '00021100050200000100e0540035000d7ff168656c6c6f',
    layers: [there, ipv6({ ...A, flowLabel: 0xb6e16 }), routerAlert, udp({ src: 0xe054, dst: 53 }), hello],
  },
  'UDP behind destination options': {
    bytes:
      '02000000000202000000000186dd600cab9e00153c4020010db800090000000000000000000120010db800090000000000000000' +
      '00021100010400000000b0dd0035000daf6868656c6c6f',
    layers: [there, ipv6({ ...A, flowLabel: 0xcab9e }), destinationOptions(), udp({ src: 0xb0dd, dst: 53 }), hello],
  },
  'UDP behind hop-by-hop header and destination options': {
    bytes:
      '02000000000202000000000186dd6008be5b001d004020010db800090000000000000000000120010db800090000000000000000' +
      '00023c00050200000100110001040000000091ac0035000dce9968656c6c6f',
    layers: [there, ...chain, hello],
  },
  'a TCP SYN over IPv6': {
    bytes:
      '02000000000202000000000186dd6004e0c70028064020010db800090000000000000000000120010db800090000000000000000' +
      '0002ccc6005192a968b400000000a002fd20436c0000020405a00402080a143dcf4a000000000103030a',
    layers: [
      there,
      ipv6({ ...A, flowLabel: 0x4e0c7 }),
      tcp({
        src: 0xccc6,
        dst: 81,
        flags: ['syn'],
        seq: 0x92a968b4,
        window: 0xfd20,
        options: Buffer.from('020405a00402080a143dcf4a000000000103030a', 'hex'),
      }),
    ],
  },
  'the ICMPv6 error that quotes a packet with extension headers': {
    bytes:
      '02000000000102000000000286dd600b3dc3004d3a4020010db800090000000000000000000220010db800090000000000000000' +
      '000101043044000000006008be5b001d004020010db800090000000000000000000120010db80009000000000000000000023c00' +
      '050200000100110001040000000091ac0035000dce9968656c6c6f',
    layers: [back, ipv6({ ...B, flowLabel: 0xb3dc3 }), icmpv6({ type: 1, code: 4 }), ...chain, hello],
  },
  'an ICMPv6 echo request': {
    bytes:
      '02000000000202000000000186dd6008daad00403a4020010db800090000000000000000000120010db800090000000000000000' +
      '0002800076f168d400016e6f076b000000000e8a010000000000101112131415161718191a1b1c1d1e1f20212223242526272829' +
      '2a2b2c2d2e2f3031323334353637',
    layers: [there, ipv6({ ...A, flowLabel: 0x8daad }), icmpv6(echo(128)), pingData('6e6f076b000000000e8a010000000000')],
  },
  'UDP over IPv4 with a router alert option': {
    bytes: '0200000000020200000000010800' + '46000025f83340004011997b0a0900010a09000294040000bbec0035000debcb68656c6c6f',
    layers: [
      there,
      ipv4({ src: '10.9.0.1', dst: '10.9.0.2', id: 0xf833, options: Buffer.from('94040000', 'hex') }),
      udp({ src: 0xbbec, dst: 53 }),
      hello,
    ],
  },
  'the ICMP error that quotes a packet with an option': {
    bytes:
      '020000000001020000000002080045c00041a97a00004001bc6d0a0900020a09000103031130000000004600' +
      '0025f83340004011997b0a0900010a09000294040000bbec0035000debcb68656c6c6f',
    layers: [
      back,
      ipv4({ src: '10.9.0.2', dst: '10.9.0.1', tos: 0xc0, id: 0xa97a, dontFragment: false }),
      icmp({ type: 3, code: 3 }),
      ipv4({ src: '10.9.0.1', dst: '10.9.0.2', id: 0xf833, options: Buffer.from('94040000', 'hex') }),
      udp({ src: 0xbbec, dst: 53 }),
      hello,
    ],
  },
};

describe('packet tools, against captured frames', () => {
  for (const [title, { bytes, layers }] of Object.entries(CAPTURED)) {
    it(`build ${title}, byte for byte, and find its checksums right`, () => {
      const captured = Buffer.from(bytes, 'hex');
      assertFrame(buildFrame(...layers), captured);
      assert.deepEqual(findWrongChecksums(captured), []);
    });
    it(`tell a damaged byte of the transport, in ${title}`, () => {
      const damaged = Buffer.from(bytes, 'hex');
      damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;
      assert.ok(findWrongChecksums(damaged).length > 0);
    });
  }

  it('build the two fragments of an IPv6 datagram, byte for byte, and judge no checksum in them', () => {
    const data = Buffer.from(Array.from({ length: 1600 }, (_, i) => i % 200));
    const whole = buildFrame(ipv6(A), udp({ src: 0xcaf4, dst: 53 }), data).subarray(40);
    const piece = (offset: number, more: boolean, content: Buffer) =>
      buildFrame(
        there,
        ipv6({ ...A, flowLabel: 0xdb04e, nextHeader: PROTOCOL.fragment }),
        fragment({ nextHeader: PROTOCOL.udp, offset: offset / 8, more, id: 0xb22d4c64 }),
        content,
      );
    // From the capture: the headers, up to the UDP header of the first and the first data of the second.
    const ends = '02000000000202000000000186dd600db04e';
    const addresses = '20010db800090000000000000000000120010db8000900000000000000000002';
    const first = piece(0, true, whole.subarray(0, 1448));
    const second = piece(1448, false, whole.subarray(1448));
    assert.equal(first.subarray(0, 70).toString('hex'), `${ends}05b02c40${addresses}11000001b22d4c64caf40035064832f7`);
    assert.equal(second.subarray(0, 66).toString('hex'), `${ends}00a82c40${addresses}110005a8b22d4c6428292a2b`);
    assert.deepEqual([...findWrongChecksums(first), ...findWrongChecksums(second)], []);
    const named = (frame: Buffer) => decodeFrame(frame).filter(({ name }) => name.startsWith('ip.fragment') || name.startsWith('udp'));
    assert.deepEqual(
      named(first)
        .slice(0, -1)
        .map(({ name, text }) => `${name} ${text}`),
      [
        'ip.fragment.nextHeader 17',
        'ip.fragment.reserved 0x0000',
        'ip.fragment.offset 0',
        'ip.fragment.more 1',
        'ip.fragment.id 0xb22d4c64',
        `udp.src ${0xcaf4}`,
        'udp.dst 53',
      ],
    );
    assert.deepEqual(named(second).length, 5);
  });
});
