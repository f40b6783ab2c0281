// The packet tools checked against known packets that other software made, so that they cannot agree on an error.
// Imports the tools alone.

import assert from 'node:assert/strict';
import { addressBytes, addressText } from './address.js';
import { buildFrame, ethernet, icmp, ipv4, ipv6, patchFrame, tcp, udp, vlan } from './build.js';
import { computeChecksum } from './checksum.js';
import { assertFrame, diffFrames } from './diff.js';
import { decodeFrame, findWrongChecksums } from './parse.js';

const hosts = ethernet({ dst: '4a:2d:a5:ee:1a:d4', src: 'ee:89:01:72:8d:62' });
const eth = ethernet({ dst: '02:00:00:00:00:01', src: '02:00:00:00:00:02' });

describe('packet tools', () => {
  it('compute the checksum of the example in RFC 1071, section 3', () => {
    assert.equal(computeChecksum(Buffer.from('0001f203f4f5f6f7', 'hex')), ~0xddf2 & 0xffff);
  });

  it('pad an odd byte on the right', () => {
    // 0x0102 + 0xff00 = 0x10002, with the carry 0x0003
    assert.equal(computeChecksum(Buffer.from('0102ff', 'hex')), ~0x0003 & 0xffff);
  });

  it('build the UDP datagram that a Linux host sent, byte for byte', () => {
    const captured = '4a2da5ee1ad4ee8901728d6208004500' + '0021a53840004011817f0a0900010a09' + '0002b9f10035000dedc668656c6c6f';
    const ip = ipv4({ src: '10.9.0.1', dst: '10.9.0.2', id: 0xa538 });
    const built = buildFrame(hosts, ip, udp({ src: 47601, dst: 53 }), Buffer.from('hello'));
    assertFrame(built, Buffer.from(captured, 'hex'));
    assert.deepEqual(findWrongChecksums(Buffer.from(captured, 'hex')), []);
  });

  it('build the TCP SYN that a Linux host sent, byte for byte', () => {
    const ends = '4a2da5ee1ad4ee8901728d6208004500' + '003c1787400040060f210a0900010a09' + '0002a290005147d0f04300000000a002';
    const captured = `${ends}faf0ff170000020405b40402080a46741876000000000103030a`;
    const ip = ipv4({ src: '10.9.0.1', dst: '10.9.0.2', id: 0x1787 });
    const options = Buffer.from('020405b40402080a46741876000000000103030a', 'hex');
    const built = buildFrame(hosts, ip, tcp({ src: 41616, dst: 81, flags: ['syn'], seq: 1204875331, options }));
    assertFrame(built, Buffer.from(captured, 'hex'));
    assert.deepEqual(findWrongChecksums(Buffer.from(captured, 'hex')), []);
  });

  it('find a wrong checksum in every header of an IPIP packet', () => {
    const layers = [
      ipv4({ src: '20.1.1.1', dst: '20.1.1.10' }),
      ipv4({ src: '20.1.1.100', dst: '40.1.1.1' }),
      tcp({ src: 40000, dst: 80 }),
    ];
    const frame = buildFrame(eth, ...layers, Buffer.from('hello'));
    assert.deepEqual(findWrongChecksums(frame), []);
    for (const [offset, name] of [
      [14 + 10, 'ip.checksum'],
      [34 + 10, 'ip.ip.checksum'],
      [54 + 16, 'tcp.checksum'],
    ] as const) {
      const wrong = findWrongChecksums(patchFrame(frame, offset, [0xde, 0xad]));
      assert.equal(wrong.length, 1);
      assert.ok(wrong[0]?.startsWith(`${name} is 0xdead and should be 0x`), wrong[0]);
    }
  });

  it('build TCP over IPv6 with the right checksum', () => {
    const frame = buildFrame(eth, ipv6({ src: '2001:db8::1', dst: '2001:db8::2' }), tcp({ src: 1, dst: 2 }));
    assert.deepEqual(findWrongChecksums(frame), []);
    const names = decodeFrame(frame).map((field) => field.name);
    assert.ok(names.includes('tcp.flags') && names.includes('ip.hopLimit'));
  });

  it('decode what stands behind VLAN tags', () => {
    const frame = buildFrame(
      eth,
      vlan({ id: 5, tpid: 0x88a8 }),
      vlan({ id: 7 }),
      ipv4({ src: '1.1.1.1', dst: '2.2.2.2' }),
      icmp({ type: 8 }),
    );
    assert.ok(decodeFrame(frame).some((field) => field.name === 'icmp.type' && field.text === '8/0'));
  });

  it('decode a frame cut at any length without an error, and account for every byte', () => {
    const frame = buildFrame(eth, ipv4({ src: '1.1.1.1', dst: '2.2.2.2' }), udp({ src: 1, dst: 2 }), Buffer.from('payload'));
    for (let length = 0; length < frame.length; length++) {
      const wrong = diffFrames(frame.subarray(0, length), frame);
      assert.ok(wrong.length > 0, `length ${length}`);
    }
  });

  it('name the fields that differ, and only these', () => {
    const make = (ttl: number) => buildFrame(eth, ipv4({ src: '1.1.1.1', dst: '2.2.2.2', ttl, checksum: 0x1234 }), tcp({ src: 1, dst: 2 }));
    const lines = diffFrames(make(63), make(64));
    assert.equal(lines.filter((line) => line.startsWith('ip.ttl')).join(), 'ip.ttl: 63, expected 64');
    assert.deepEqual(lines.length, 1);
    assert.throws(() => assertFrame(make(63), make(64)), /ip\.ttl: 63, expected 64/);
  });

  it('read and write addresses of both families', () => {
    assert.equal(addressText(addressBytes('20.1.1.10')), '20.1.1.10');
    assert.equal(addressBytes('2001:db8::1').toString('hex'), '20010db8000000000000000000000001');
    assert.equal(addressBytes('::').toString('hex'), '0'.repeat(32));
  });
});
