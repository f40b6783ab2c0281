// lib/address.sh: addresses in all spellings, compared with what Node says of them.
// Runs the shell alone; needs neither root nor a network.

import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import path from 'node:path';
import { addressKey } from './frames.js';
import { attempt, BACKENDS } from './lab.js';
import { skipTest } from '../tools/skip.js';

const SPELLINGS = [
  ...['2001:DB8:0::1', '2001:0db8::0001', '2001:db8:0:0:1:0:0:1', '2001:db8:0:1:1:1:1:1', '1:2:3:4:5:6:7:8', '::', '::1', '1::'],
  ...[
    '1:0:2:3:4:5:6:7',
    '0:0:1:2:3:4:5:6',
    '1:2:3:4:5:6:0:0',
    '1:2:3:4:5:6:7::',
    '::2:3:4:5:6:7:8',
    '64:ff9b::1.2.3.4',
    '::ffff:1.2.3.4',
    '1:0:0:2:0:0:0:3',
  ],
  ...['fe80::1', 'ABCD:EF01:2345:6789:ABCD:EF01:2345:6789', '1:0:0:0:2:0:0:3', '40.1.1.1', '0.0.0.0', '255.255.255.255'],
  ...[
    '',
    ':',
    ':::',
    '1',
    '1:2:3',
    '1::2::3',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::1',
    '::g',
  ],
  ...[
    '::1.2.3',
    '::1.2.3.256',
    '1.2.3.4::',
    '::1.2.3.4:5',
    'fe80::1%eth0',
    '1:::2',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '*',
    '::/0',
  ],
];

/** The one form by Node: the URL parser writes IPv6 by RFC 5952. undefined: no address. */
function expected(text: string): string | undefined {
  if (isIPv4(text)) return text;
  return isIPv6(text) && !text.includes('%') ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : undefined;
}

describe('backends/linux/lib/address.sh', function () {
  this.timeout(20_000);

  before(function () {
    if (process.platform === 'win32') skipTest(this, 'no POSIX shell');
  });

  const shell = (code: string, ...args: string[]): string => {
    const sourced = `set -uf; . "${path.join(BACKENDS, 'lib/common.sh')}"; . "${path.join(BACKENDS, 'lib/address.sh')}"; ${code}`;
    const outcome = attempt('sh', ['-c', sourced, 'sh', ...args]);
    assert.equal(outcome.status, 0, outcome.stderr);
    return outcome.stdout;
  };

  it('takes what is an address, in one form, and nothing else', () => {
    const lines = shell('for each; do printf "%s\\n" "$(canonical_address "$each" || echo none)"; done', ...SPELLINGS).split('\n');
    for (const [index, text] of SPELLINGS.entries()) assert.equal(lines[index], expected(text) ?? 'none', `'${text}'`);
  });

  it('makes the keys that the program looks for', () => {
    const addresses = SPELLINGS.flatMap((text) => expected(text) ?? []);
    const lines = shell('for each; do printf "%s\\n" "$(address_key "$each")"; done', ...addresses).split('\n');
    for (const [index, address] of addresses.entries()) {
      assert.equal(lines[index]?.replaceAll(' ', ''), addressKey(address).toString('hex'), address);
    }
  });
});
