// Frontends of many ports and addresses: text and back, what they cover, which of them contradict each other.
// Imports agent/model.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { addressBytes, formatAddress } from '../../../agent/model/address.js';
import { formatEndpoint, formatFrontend, formatPlace } from '../../../agent/model/format.js';
import { buildFrontend, conflicts, coversAddress, hostBitsOf, listAddresses, portBlocks } from '../../../agent/model/frontend.js';
import { parseEndpoint, parseFrontend } from '../../../agent/model/parse.js';
import { maskByte } from '../../../agent/model/parse-prefix.js';
import { PROTOCOLS } from '../../../agent/model/service.js';
import { refusal } from './refuse.js';

const port = fc.integer({ min: 1, max: 65535 });
const ports = fc.oneof(
  port.map((one) => ({ port: one })),
  fc.constant({ port: 0, lastPort: 65535 }),
  fc.tuple(port, port).map(([a, b]) => ({ port: Math.min(a, b), lastPort: Math.max(a, b) })),
);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const frontends = fc
  .record({
    address: fc.oneof(bytes(4), bytes(16)),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    ports,
    protocol: fc.constantFrom(...PROTOCOLS),
  })
  .map(({ address, share, ports: some, protocol }) => {
    const prefixLength = Math.round(address.length * 8 * share);
    return buildFrontend({
      address: formatAddress(address.map((byte, i) => byte & maskByte(prefixLength, i))),
      prefixLength,
      protocol,
      ...some,
    });
  });

describe('a frontend as text', () => {
  it('is read back as it was written', () => {
    fc.assert(fc.property(frontends, (frontend) => assert.deepEqual(parseFrontend(formatFrontend(frontend)), frontend)));
  });

  const written: [string, string][] = [
    ['40.1.1.1:*', '40.1.1.1:*/tcp'],
    ['40.1.1.1:8000-8999/udp', '40.1.1.1:8000-8999/udp'],
    ['40.1.1.1:80-80', '40.1.1.1:80/tcp'],
    ['40.1.0.0/24:80', '40.1.0.0/24:80/tcp'],
    ['40.1.1.1/32:80', '40.1.1.1:80/tcp'],
    ['[2001:DB8::/64]:80/udp', '[2001:db8::/64]:80/udp'],
    ['[2001:db8::1/128]:*', '[2001:db8::1]:*/tcp'],
  ];
  for (const [given, text] of written) it(`${given} is ${text}`, () => assert.equal(formatFrontend(parseFrontend(given)), text));

  it('a backend without a port of its own has a star', () => {
    assert.deepEqual(parseEndpoint('20.1.1.10:*'), { address: '20.1.1.10', port: 0 });
    assert.equal(formatEndpoint({ address: '2001:db8::10', port: 0 }), '[2001:db8::10]:*');
    assert.equal(formatPlace(parseFrontend('40.1.0.0/24:1-9/udp')), '40.1.0.0/24:1-9');
  });

  const refused: [string, string][] = [
    ['40.1.1.1:0', 'FL_E_VALUE port 0: not a number from 1 to 65535'],
    ['40.1.1.1:9-8', 'FL_E_VALUE port range 9-8: begins after its end | write LO-HI, for example 1024-32767'],
    ['40.1.1.1:0-8', 'FL_E_VALUE port 0: not a number from 1 to 65535'],
    [
      '40.1.0.7/24:80',
      'FL_E_VALUE prefix 40.1.0.7/24: not the first address of its prefix | 40.1.0.0/24 begins the prefix that it lies in',
    ],
    ['40.1.0.0/33:80', 'FL_E_VALUE prefix length 33: not a number from 0 to 32'],
    ['40.1.0.0/24', 'FL_E_VALUE frontend 40.1.0.0: the port is missing | write ADDRESS:PORT or ADDRESS:PORT/udp, for example 40.1.1.1:80'],
  ];
  for (const [given, words] of refused)
    it(`refuses ${given}`, () =>
      assert.equal(
        refusal(() => parseFrontend(given)),
        words,
      ));
});

describe('what a frontend covers', () => {
  it('blocks of a range are its ports, each once, in at most 30 blocks of common first bits', () => {
    fc.assert(
      fc.property(port, port, (a, b) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const blocks = [...portBlocks(first, last)];
        assert.ok(blocks.length <= 30);
        let next = first;
        for (const block of blocks) {
          const size = 2 ** (16 - block.bits);
          assert.deepEqual([block.port, block.port % size], [next, 0]);
          next += size;
        }
        assert.equal(next, last + 1);
      }),
    );
    assert.equal([...portBlocks(1, 65534)].length, 30);
    assert.deepEqual([...portBlocks(0, 65535)], [{ port: 0, bits: 0 }]);
  });

  it('lists the addresses of a prefix up to 4096', () => {
    const list = (text: string) => listAddresses(parseFrontend(text))?.map(formatAddress);
    assert.deepEqual(list('40.1.1.1:80'), ['40.1.1.1']);
    assert.deepEqual(list('40.1.1.252/30:80'), ['40.1.1.252', '40.1.1.253', '40.1.1.254', '40.1.1.255']);
    const many = list('[2001:db8::f000/116]:80') ?? [];
    assert.deepEqual([many.length, new Set(many).size, many[0], many.at(-1)], [4096, 4096, '2001:db8::f000', '2001:db8::ffff']);
    assert.equal(list('40.1.0.0/19:80'), undefined);
  });

  it('knows which addresses lie in it', () => {
    const prefix = parseFrontend('40.1.0.0/23:80');
    assert.deepEqual(
      ['40.1.0.0', '40.1.1.255', '40.1.2.0', '2801::'].map((one) => coversAddress(prefix, one)),
      [true, true, false, false],
    );
    assert.equal(hostBitsOf(prefix), 9);
    assert.equal(coversAddress(parseFrontend('40.1.1.1:80'), '40.1.1.1'), true);
    assert.equal(addressBytes('40.1.1.1').length, 4);
  });
});

describe('two frontends', () => {
  const pairs: [string, string, boolean][] = [
    ['40.1.1.1:80', '40.1.1.1:80', true],
    ['40.1.1.1:80', '40.1.1.1:80/udp', false],
    ['40.1.1.1:80', '40.1.1.1:*', false],
    ['40.1.1.1:80', '40.1.1.1:1-100', false],
    ['40.1.1.1:1-100', '40.1.1.1:*', false],
    ['40.1.1.1:*', '40.1.1.1:*', true],
    ['40.1.1.1:1-100', '40.1.1.1:100-200', true],
    ['40.1.1.1:1-100', '40.1.1.1:50-60', true],
    ['40.1.1.1:1-100', '40.1.1.1:101-200', false],
    ['40.1.1.0/24:80', '40.1.1.0:80', false],
    ['40.1.1.0/24:80', '40.1.1.0/25:80', false],
    ['40.1.1.0/24:80', '40.1.1.0/24:80', true],
    ['40.1.1.0/24:1-100', '40.1.1.0/24:100', false],
  ];
  for (const [one, other, expected] of pairs) {
    it(`${one} and ${other} ${expected ? 'contradict each other' : 'stand side by side'}`, () => {
      assert.equal(conflicts(parseFrontend(one), parseFrontend(other)), expected);
      assert.equal(conflicts(parseFrontend(other), parseFrontend(one)), expected);
    });
  }
});
