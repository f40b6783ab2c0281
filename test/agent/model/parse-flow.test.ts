import assert from 'node:assert/strict';
import { buildQuestion, parseFlow, parsePacketBytes } from '../../../agent/model/parse-flow.js';
import { FairleadError } from '../../../agent/model/errors.js';

const TCP = { source: '20.1.1.100', sourcePort: 40000, destination: '40.1.1.1', destinationPort: 80, protocol: 'tcp' } as const;
const UDP6 = { source: '2001:db8::1', sourcePort: 1, destination: '2001:db8:40::1', destinationPort: 53, protocol: 'udp' } as const;

describe('parseFlow', () => {
  for (const text of [
    '20.1.1.100:40000 40.1.1.1:80',
    '20.1.1.100:40000 -> 40.1.1.1:80',
    '20.1.1.100:40000->40.1.1.1:80 tcp',
    '  20.1.1.100:40000   40.1.1.1:80/tcp ',
  ]) {
    it(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parseFlow(text), TCP));
  }

  it('reads IPv6 in brackets, and udp in either place', () => {
    assert.deepEqual(parseFlow('[2001:DB8:0::1]:1 -> [2001:db8:40::1]:53 udp'), UDP6);
    assert.deepEqual(parseFlow('[2001:db8::1]:1 [2001:db8:40::1]:53/udp'), UDP6);
  });

  for (const [text, why] of [
    ['', /not two ends/],
    ['20.1.1.100:40000 ->', /not two ends/],
    ['20.1.1.100 40.1.1.1:80', /the port is missing/],
    ['20.1.1.100:0 40.1.1.1:80', /port 0/],
    ['20.1.1.100:1 40.1.1.1:*', /has one port/],
    ['20.1.1.100:1 40.1.1.1:80 udp tcp', /more words/],
    ['20.1.1.100:1 40.1.1.1:80/udp udp', /more words/],
    ['20.1.1.100:1 40.1.1.1:80 icmp', /not one of tcp, udp/],
    ['20.1.1.100:1 [2001:db8::1]:80', /two address families/],
    ['127.0.0.1:1 40.1.1.1:80', /not the address of a host \(loopback\)/],
    ['20.1.1.100:1 255.255.255.255:80', /\(broadcast\)/],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseFlow(text, 'explain'),
        (error: Error) => {
          assert.ok(error instanceof FairleadError && error.code === 'FL_E_VALUE');
          assert.match(error.message, why);
          return true;
        },
      );
    });
  }
});

describe('what is asked about a packet', () => {
  it('is of a length that it can have', () => {
    assert.deepEqual(buildQuestion(TCP, 40, undefined), { ...TCP, bytes: 40, quicId: undefined });
    assert.throws(() => buildQuestion(TCP, 39, undefined), /at least 40 bytes/);
    assert.throws(() => buildQuestion(UDP6, 47, undefined), /at least 48 bytes/);
    assert.throws(() => buildQuestion(UDP6, 79, '0a01'), /at least 80 bytes/);
    assert.equal(buildQuestion(UDP6, 80, '0a01').quicId, '0a01');
    assert.equal(parsePacketBytes('9216'), 9216);
    for (const text of ['27', '9217', '1500.5']) assert.throws(() => parsePacketBytes(text), /not a number from 28 to 9216/);
  });

  it('has a QUIC connection id over UDP alone', () => {
    assert.throws(
      () => buildQuestion(TCP, undefined, '0a01'),
      (error: FairleadError) => error.code === 'FL_E_USAGE',
    );
  });
});
