import assert from 'node:assert/strict';
import { type FlowTuple, makeFrame, readFrame } from '../../../agent/model/frame.js';

const FLOWS: readonly FlowTuple[] = [
  { source: '20.1.1.100', sourcePort: 40000, destination: '40.1.1.1', destinationPort: 80, protocol: 'tcp' },
  { source: '20.1.1.100', sourcePort: 40000, destination: '40.1.1.1', destinationPort: 53, protocol: 'udp' },
  { source: '2001:db8::100', sourcePort: 1, destination: '2001:db8:40::1', destinationPort: 65535, protocol: 'tcp' },
  { source: '2001:db8::100', sourcePort: 1, destination: '2001:db8:40::1', destinationPort: 65535, protocol: 'udp' },
];
const MACS = { sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' };

/** One's complement sum of 16-bit words: 0xffff over what holds its right checksum. */
function sum(bytes: Buffer): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += bytes.readUInt16BE(at);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

describe('frames', () => {
  for (const flow of FLOWS) {
    const kind = flow.protocol === 'tcp' ? 'SYN' : 'datagram';
    const name = `${flow.protocol} over ${flow.source.includes(':') ? 'IPv6' : 'IPv4'}`;

    it(`of ${name} are read as they were made`, () => {
      const frame = makeFrame({ flow, kind, ...MACS });
      assert.deepEqual(readFrame(frame), { ...flow, ...MACS, hops: 64, bytes: frame.length, outer: undefined });
    });

    it(`of ${name} have right checksums`, () => {
      const frame = makeFrame({ flow, kind, ...MACS });
      const v6 = flow.source.includes(':');
      if (!v6) assert.equal(sum(frame.subarray(14, 34)), 0xffff);
      const l4 = frame.subarray(v6 ? 54 : 34);
      const pseudo = Buffer.from([0, flow.protocol === 'tcp' ? 6 : 17, 0, l4.length]);
      assert.equal(sum(Buffer.concat([frame.subarray(v6 ? 22 : 26, v6 ? 54 : 34), pseudo, l4])), 0xffff);
    });
  }

  it('of TCP have the flags of their kind', () => {
    const flags = (kind: 'SYN' | 'ACK') => makeFrame({ flow: FLOWS[0] as FlowTuple, kind, ...MACS })[47];
    assert.deepEqual([flags('SYN'), flags('ACK')], [2, 16]);
  });

  it('are read behind VLAN tags and behind an outer header', () => {
    const frame = makeFrame({ flow: FLOWS[0] as FlowTuple, kind: 'SYN', ...MACS });
    const tagged = Buffer.concat([frame.subarray(0, 12), Buffer.from('88a80001810000020800', 'hex'), frame.subarray(14)]);
    assert.deepEqual(readFrame(tagged), { ...FLOWS[0], ...MACS, hops: 64, bytes: 62, outer: undefined });
    const outer = Buffer.from('4500003c0000000040040000', 'hex');
    const wrapped = Buffer.concat([frame.subarray(0, 14), outer, Buffer.from([20, 1, 1, 1, 20, 1, 1, 10]), frame.subarray(14)]);
    const inside = { ...FLOWS[0], ...MACS, hops: 64, bytes: 74 };
    assert.deepEqual(readFrame(wrapped), { ...inside, outer: { source: '20.1.1.1', destination: '20.1.1.10' } });
  });

  it('that are cut short, or hold something else, are none', () => {
    const frame = makeFrame({ flow: FLOWS[0] as FlowTuple, kind: 'SYN', ...MACS });
    for (const length of [0, 13, 14, 30, 40]) assert.equal(readFrame(frame.subarray(0, length)), undefined, `${length}`);
    frame[23] = 1;
    assert.equal(readFrame(frame), undefined);
  });
});
