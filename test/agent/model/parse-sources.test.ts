// Source ranges and the time of affinity from text, and the order of prefixes.
// Imports agent/model.

import assert from 'node:assert/strict';
import { parseAffinity, parseSourcePrefix, parseSourcePrefixes, parseSourceRange } from '../../../agent/model/parse-sources.js';
import { permitsOf, rangesOf, sortPrefixes } from '../../../agent/model/source-ranges.js';
import { refusal } from './refuse.js';

describe('a prefix of source addresses', () => {
  it('becomes canonical text', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['10.0.0.0/8', '10.0.0.0/8'],
      ['192.0.2.7', '192.0.2.7/32'],
      ['0.0.0.0/0', '0.0.0.0/0'],
      ['255.255.255.254/31', '255.255.255.254/31'],
      ['2001:DB8:0:0::/32', '2001:db8::/32'],
      ['2001:db8::1', '2001:db8::1/128'],
      ['2001:db8:8000::/33', '2001:db8:8000::/33'],
      ['::/0', '::/0'],
    ];
    for (const [text, canonical] of cases) assert.equal(parseSourcePrefix(text), canonical);
  });

  it('with bits behind its length is refused, and the right one said', () => {
    assert.equal(
      refusal(() => parseSourcePrefix('10.1.2.3/8', '--source-deny')),
      'FL_E_VALUE --source-deny: prefix 10.1.2.3/8: bits are set behind its first 8 | the prefix is 10.0.0.0/8',
    );
    assert.equal(
      refusal(() => parseSourcePrefix('2001:db8:ffff::/33')),
      'FL_E_VALUE prefix 2001:db8:ffff::/33: bits are set behind its first 33 | the prefix is 2001:db8:8000::/33',
    );
    assert.match(
      refusal(() => parseSourcePrefix('192.0.2.1/31')),
      /the prefix is 192\.0\.2\.0\/31$/,
    );
  });

  it('that is none is refused', () => {
    for (const text of ['', '10.0.0/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '2001:db8::/129', 'any', '/8'])
      assert.match(
        refusal(() => parseSourcePrefix(text)),
        /^FL_E_VALUE prefix/,
        text,
      );
  });
});

describe('lists of prefixes', () => {
  it('are in the order of addresses, the shorter first, IPv4 before IPv6, whatever the order given', () => {
    const ordered = ['9.0.0.0/8', '10.0.0.0/8', '10.0.0.0/16', '10.0.0.0/24', '100.0.0.0/8', '::/0', '2001:db8::/32'];
    assert.deepEqual(parseSourcePrefixes([...ordered].reverse().join()), ordered);
    assert.deepEqual(sortPrefixes([...ordered, ...ordered]), ordered);
  });

  it('name the entry that is wrong, and one that is given twice', () => {
    assert.match(
      refusal(() => parseSourcePrefixes('10.0.0.0/8,10.0.0.1/24', '--source-allow')),
      /--source-allow, entry 2: prefix 10\.0\.0\.1\/24/,
    );
    assert.equal(
      refusal(() => parseSourcePrefixes('192.0.2.1,192.0.2.1/32', '--source-allow')),
      'FL_E_VALUE --source-allow: prefix 192.0.2.1/32: given twice',
    );
  });

  it("are empty for 'none'", () => {
    assert.deepEqual(parseSourceRange('none'), []);
    assert.deepEqual(parseSourceRange('192.0.2.1'), ['192.0.2.1/32']);
    assert.throws(() => parseSourceRange('none,192.0.2.1'));
  });

  it('of what is allowed and denied are the same in both forms', () => {
    const ranges = { allow: ['10.0.0.0/8', '192.0.2.0/24'], deny: ['10.9.0.0/16'] };
    assert.deepEqual(rangesOf(permitsOf(ranges)), ranges);
  });
});

describe('the time of session affinity', () => {
  it('is seconds, or none', () => {
    assert.deepEqual(
      ['600s', '600', '1s', '604800', 'none'].map((text) => parseAffinity(text)),
      [600, 600, 1, 604800, 'none'],
    );
  });

  it('is refused out of 1 to a week, and in other words', () => {
    for (const text of ['0', '0s', '604801s', '-1', '1.5', '', 's', '10m', 'None', ' 5'])
      assert.match(
        refusal(() => parseAffinity(text, '--affinity')),
        /^FL_E_VALUE --affinity: affinity/,
        text,
      );
  });
});
