// Addresses between bytes and canonical text: fixed cases of RFC 5952, and any bytes there and back.
// Imports platform/shared/addresses, platform/linux/addresses and, for a second opinion, agent/model/address.
// Invariant: needs no permission.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatAddress as modelText } from '../../agent/model/address.js';
import { formatAddress, formatMac } from '../../platform/shared/addresses.js';
import { parseAddress } from '../../platform/linux/addresses.js';
import { withCode } from './conformance.js';

describe('linux addresses', () => {
  it('text is canonical, whatever way it was written', () => {
    const cases = [
      ['10.0.255.1', '10.0.255.1'],
      ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
      ['::', '::'],
      ['::1', '::1'],
      ['fe80::', 'fe80::'],
      ['1::8', '1::8'],
      ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
      ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
      ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
      ['::1:2', '::1:2'],
    ];
    for (const [text = '', canonical] of cases) assert.equal(formatAddress(parseAddress(text).bytes), canonical);
  });

  it('any address comes back from its text', () => {
    for (const length of [4, 16]) {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: length, maxLength: length }), (bytes) => {
          assert.deepEqual(parseAddress(formatAddress(Buffer.from(bytes))).bytes, Buffer.from(bytes));
        }),
      );
    }
  });

  it('the text is the one that the model writes, so that the two can be compared', () => {
    const sparse = fc.array(fc.oneof(fc.constant(0), fc.constant(0xff), fc.nat(255)), { minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(sparse, fc.nat(15), (bytes, zeros) => {
        const address = Buffer.from(bytes).fill(0, 0, zeros);
        assert.equal(formatAddress(address), modelText(address));
      }),
      { numRuns: 2000 },
    );
  });

  it('other text is refused by name', () => {
    for (const text of ['', '1.2.3', '1.2.3.4.5', '::1::', 'fe80::1%eth0', 'host']) {
      assert.throws(() => parseAddress(text), withCode('FL_E_VALUE', new RegExp(`^'${text}'`)));
    }
  });

  it('a MAC takes six bytes', () => {
    assert.equal(formatMac(Buffer.from([2, 0, 0xab, 0, 0, 0xf])), '02:00:ab:00:00:0f');
    assert.equal(formatMac(Buffer.alloc(0)), undefined);
    assert.equal(formatMac(undefined), undefined);
  });
});
