// Addresses of both families and MACs: round trips, what is refused, canonical text, kinds.
// Imports agent/model.
// node:net is the second opinion on what an address is; WHATWG's URL on IPv6's canonical text.

import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { addressBytes, classifyAddress, familyOf, formatAddress, parseAddress4, parseAddress6 } from '../../../agent/model/address.js';
import { formatMac, macBytes } from '../../../agent/model/mac.js';

const bytes4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Many zero groups, so that '::' is met in all places. */
const bytes6 = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));

describe('addresses', () => {
  it('IPv4 bytes come back from their text', () => {
    fc.assert(fc.property(bytes4, (bytes) => assert.deepEqual(addressBytes(formatAddress(bytes)), bytes)));
  });

  it('IPv6 bytes come back from their text, which is canonical', () => {
    fc.assert(
      fc.property(bytes6, (bytes) => {
        const text = formatAddress(bytes);
        assert.deepEqual(addressBytes(text), bytes);
        assert.equal(text.includes('.') ? text : new URL(`http://[${text}]/`).hostname, text.includes('.') ? text : `[${text}]`);
      }),
    );
  });

  it('any text is an address here exactly when it is one for node:net', () => {
    const soup = fc.string({ unit: fc.constantFrom(...'0123456789abcdefF:.'.split(''), '::', '255', '0', '::ffff:'), maxLength: 14 });
    fc.assert(
      fc.property(soup, (text) => {
        assert.equal(parseAddress4(text) !== undefined, isIPv4(text), text);
        assert.equal(parseAddress6(text) !== undefined, isIPv6(text), text);
      }),
      { numRuns: 3000 },
    );
  });

  for (const text of [
    '20.1.1',
    '1.2.3.4.5',
    '01.2.3.4',
    '0x1.2.3.4',
    '1.2.3.256',
    '1.2.3.4 ',
    '1.2.3.-4',
    '1..3.4',
    '',
    '1.2.3.1e1',
    '١.2.3.4',
  ]) {
    it(`${JSON.stringify(text)} is no IPv4 address`, () => assert.equal(parseAddress4(text), undefined));
  }

  for (const text of [
    '::1::',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '::1%eth0',
    '1.2.3.4::',
    ':1',
    '1:',
  ]) {
    it(`${JSON.stringify(text)} is no IPv6 address`, () => assert.equal(parseAddress6(text), undefined));
  }

  const canonical: [string, string][] = [
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::FFFF:192.0.2.1', '::ffff:192.0.2.1'],
    ['::1.2.3.4', '::102:304'],
  ];
  for (const [text, expected] of canonical) {
    it(`${text} is written ${expected}`, () => assert.equal(formatAddress(addressBytes(text)), expected));
  }

  const kinds: [string, string][] = [
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['127.0.0.1', 'loopback'],
    ['127.255.0.1', 'loopback'],
    ['223.255.255.255', 'unicast'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.1', 'unicast'],
    ['255.255.255.255', 'broadcast'],
    ['20.1.1.10', 'unicast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::2', 'unicast'],
    ['ff02::1', 'multicast'],
    ['::ffff:127.0.0.1', 'mapped'],
    ['::ffff:20.1.1.10', 'mapped'],
    ['::fffe:20.1.1.10', 'unicast'],
    ['2001:db8::1', 'unicast'],
    ['fe7f:ffff::1', 'unicast'],
    ['fe80::1', 'link-local'],
    ['febf:ffff::1', 'link-local'],
    ['fec0::1', 'unicast'],
    ['fd00::1', 'unicast'],
    ['169.254.1.1', 'unicast'],
  ];
  for (const [text, kind] of kinds) it(`${text} is ${kind}`, () => assert.equal(classifyAddress(text), kind));

  it('the family shows in the text', () => {
    assert.equal(familyOf('20.1.1.10'), 4);
    assert.equal(familyOf('::ffff:20.1.1.10'), 6);
  });

  it('MAC bytes come back from their text', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => assert.deepEqual(macBytes(formatMac(bytes)), bytes)));
    assert.equal(formatMac(macBytes('02:AB:00:00:00:0f')), '02:ab:00:00:00:0f');
    assert.throws(() => macBytes('02:ab:00:00:00'), TypeError);
  });
});
