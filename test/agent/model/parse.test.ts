// Parsers and formatters: round trips, any text answered, and the words of every refusal.
// Imports agent/model.
// The refusals are golden: a person reads them.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatAddress } from '../../../agent/model/address.js';
import { FairleadError } from '../../../agent/model/errors.js';
import { formatEndpoint, formatEndpoints, formatFrontend, formatNextHop, formatPortRange } from '../../../agent/model/format.js';
import * as parse from '../../../agent/model/parse.js';
import { refusal } from './refuse.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = fc.oneof(bytes(4), bytes(16)).map(formatAddress);
const port = fc.integer({ min: 1, max: 65535 });
const endpoint = fc.record({ address, port }, { noNullPrototype: true });

describe('parsers', () => {
  it('an endpoint comes back from its text', () => {
    fc.assert(fc.property(endpoint, (value) => assert.deepEqual(parse.parseEndpoint(formatEndpoint(value)), value)));
  });

  it('a list of endpoints comes back from its text, in its order', () => {
    fc.assert(
      fc.property(fc.array(endpoint, { minLength: 1, maxLength: 20 }), (list) =>
        assert.deepEqual(parse.parseEndpoints(formatEndpoints(list)), list),
      ),
    );
  });

  it('a frontend comes back from its text', () => {
    const frontend = fc.record({ address, port, protocol: fc.constantFrom('tcp' as const, 'udp' as const) }, { noNullPrototype: true });
    fc.assert(fc.property(frontend, (value) => assert.deepEqual(parse.parseFrontend(formatFrontend(value)), value)));
  });

  it('an IPv6 address is canonical however it was written', () => {
    assert.deepEqual(parse.parseFrontend('[2001:DB8:0:0::0001]:80/udp'), { address: '2001:db8::1', port: 80, protocol: 'udp' });
    assert.deepEqual(parse.parseAddresses('20.1.1.1,2001:0DB8::1'), ['20.1.1.1', '2001:db8::1']);
  });

  it('a next hop comes back from its text: a link-local one with its device, any other without', () => {
    assert.equal(formatNextHop({ address: parse.parseNextHop('FE80::1'), device: 'eth0' }), 'fe80::1%eth0');
    assert.equal(parse.parseNextHop('fe80:0::1%eth0.5'), 'fe80::1%eth0.5');
    assert.equal(formatNextHop({ address: '2001:db8::1', device: 'eth0' }), '2001:db8::1');
    assert.equal(formatNextHop({ address: 'fe80::1', device: undefined }), 'fe80::1');
  });

  it('a frontend without protocol is TCP', () => {
    assert.deepEqual(parse.parseFrontend('40.1.1.1:80'), { address: '40.1.1.1', port: 80, protocol: 'tcp' });
  });

  it('a port range comes back from its text', () => {
    const range = fc.tuple(port, port).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    fc.assert(fc.property(range, (value) => assert.deepEqual(parse.parsePortRange(formatPortRange(value)), [...value])));
  });

  it('any text is read or refused with FL_E_VALUE, by every parser', () => {
    const soup = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'0159.:,/-[]%tcpudf '.split('')) }),
    );
    const parsers: ((text: string) => unknown)[] = [
      ...[
        parse.parseAddress,
        parse.parseAddresses,
        parse.parseNextHop,
        parse.parseEndpoint,
        parse.parseEndpoints,
        parse.parseFrontend,
        parse.parsePort,
        parse.parseServiceId,
        parse.parseWeight,
      ],
      ...[parse.parseWeights, parse.parseMode, parse.parseServiceMode, parse.parseDispatch, parse.parseXdpMode, parse.parseBackendState],
      ...[parse.parsePortRange, parse.parsePrime, parse.parseDeviceList, parse.parseInstance, parse.parseSeconds],
    ];
    fc.assert(
      fc.property(soup, fc.constantFrom(...parsers), (text, parser) => {
        try {
          parser(text);
        } catch (error) {
          assert.ok(error instanceof FairleadError, String(error));
          assert.equal(error.code, 'FL_E_VALUE');
          assert.match(error.message, /^[\x20-\x7e]+$/, 'one line of plain characters');
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('words are read as they are', () => {
    assert.equal(parse.parseMode('dsr'), 'dsr');
    assert.equal(parse.parseServiceMode('default'), 'default');
    assert.equal(parse.parseDispatch('l2'), 'l2');
    assert.equal(parse.parseXdpMode('generic'), 'generic');
    assert.equal(parse.parseBackendState('terminating'), 'terminating');
    assert.equal(parse.parseInstance('lab_1-a'), 'lab_1-a');
  });

  it('numbers are read up to their bounds', () => {
    assert.deepEqual([parse.parsePort('1'), parse.parsePort('65535')], [1, 65535]);
    assert.deepEqual([parse.parseServiceId('1'), parse.parseServiceId('65535')], [1, 65535]);
    assert.deepEqual(parse.parseWeights('0,1000,3'), [0, 1000, 3]);
    assert.deepEqual([parse.parsePrime('251'), parse.parsePrime('16381'), parse.parsePrime('131071')], [251, 16381, 131071]);
    assert.equal(parse.parsePositiveInteger('262144', 'flows'), 262144);
    assert.deepEqual(parse.parseDeviceList('eth0,lan0.5'), ['eth0', 'lan0.5']);
  });
});

/** What is refused, and what the person reads. */
const REFUSED: [() => unknown, string][] = [
  [() => parse.parsePort('80abc'), 'FL_E_VALUE port 80abc: not a number from 1 to 65535'],
  [() => parse.parsePort('0'), 'FL_E_VALUE port 0: not a number from 1 to 65535'],
  [() => parse.parsePort('65536'), 'FL_E_VALUE port 65536: not a number from 1 to 65535'],
  [() => parse.parsePort('080'), 'FL_E_VALUE port 080: not a number from 1 to 65535'],
  [() => parse.parsePort('1e3'), 'FL_E_VALUE port 1e3: not a number from 1 to 65535'],
  [() => parse.parsePort('', '--frontend'), 'FL_E_VALUE --frontend: port "": not a number from 1 to 65535'],
  [() => parse.parseAddress('20.1.1'), 'FL_E_VALUE address 20.1.1: not an IPv4 address (four numbers from 0 to 255)'],
  [() => parse.parseAddress('2001:db8::g'), 'FL_E_VALUE address 2001:db8::g: not an IPv6 address'],
  [() => parse.parseAddresses('20.1.1.1,2001:db8:0::1,2001:db8::1'), 'FL_E_VALUE address 2001:db8::1: given twice'],
  [
    () => parse.parseAddresses('20.1.1.1,', '--lb-address'),
    'FL_E_VALUE --lb-address, entry 2: address "": not an IPv4 address (four numbers from 0 to 255)',
  ],
  [() => parse.parseNextHop('fe80::1%eth0%eth1'), 'FL_E_VALUE address fe80::1%eth0%eth1: not an IPv6 address'],
  [() => parse.parseNextHop('fe80::1%'), 'FL_E_VALUE device "": not a device name (1 to 15 bytes, no "/", ":" or space)'],
  [() => parse.parseAddress('fe80::1%eth0'), 'FL_E_VALUE address fe80::1%eth0: not an IPv6 address'],
  [
    () => parse.parseFrontend('[2001:db8::1]/udp'),
    'FL_E_VALUE frontend [2001:db8::1]: the port is missing | write ADDRESS:PORT or ADDRESS:PORT/udp, for example 40.1.1.1:80',
  ],
  [() => parse.parseEndpoint('[2001:db8::1]:0'), 'FL_E_VALUE port 0: not a number from 1 to 65535'],
  [
    () => parse.parseEndpoint('2001:db8::1:80'),
    'FL_E_VALUE endpoint 2001:db8::1:80: not ADDRESS:PORT | write ADDRESS:PORT, for example 20.1.1.10:80; an IPv6 address stands in brackets: [2001:db8::10]:80',
  ],
  [
    () => parse.parseFrontend('40.1.1.1', '--frontend'),
    'FL_E_VALUE --frontend: frontend 40.1.1.1: the port is missing | write ADDRESS:PORT or ADDRESS:PORT/udp, for example 40.1.1.1:80',
  ],
  [() => parse.parseFrontend('40.1.1.1:80/tpc'), 'FL_E_VALUE protocol tpc: not one of tcp, udp | did you mean tcp?'],
  [() => parse.parseFrontend('40.1.1.1:80/sctp'), 'FL_E_VALUE protocol sctp: not one of tcp, udp'],
  [() => parse.parseEndpoint(':80'), 'FL_E_VALUE endpoint :80: the address is missing | write ADDRESS:PORT, for example 20.1.1.10:80'],
  [
    () => parse.parseEndpoints('20.1.1.10:80,20.1.1:80', '--backends'),
    'FL_E_VALUE --backends, entry 2: address 20.1.1: not an IPv4 address (four numbers from 0 to 255)',
  ],
  [
    () => parse.parseEndpoints('20.1.1.10:80,', '--backends'),
    'FL_E_VALUE --backends, entry 2: endpoint "": the port is missing | write ADDRESS:PORT, for example 20.1.1.10:80',
  ],
  [() => parse.parseServiceId('65536', '--id'), 'FL_E_VALUE --id: id 65536: not a number from 1 to 65535'],
  [() => parse.parseWeights('1,1001'), 'FL_E_VALUE entry 2: weight 1001: not a number from 0 to 1000'],
  [() => parse.parseMode('dsn'), 'FL_E_VALUE mode dsn: not one of snat, dsr | did you mean dsr?'],
  [() => parse.parseMode('SNAT'), 'FL_E_VALUE mode SNAT: not one of snat, dsr | did you mean snat?'],
  [() => parse.parseServiceMode('x'), 'FL_E_VALUE mode x: not one of snat, dsr, default'],
  [
    () => parse.parseBackendState('terminate'),
    'FL_E_VALUE state terminate: not one of active, terminating, quarantined, maintenance | did you mean terminating?',
  ],
  [
    () => parse.parsePortRange('1024'),
    'FL_E_VALUE port range 1024: not two ports with a dash between | write LO-HI, for example 1024-32767',
  ],
  [() => parse.parsePortRange('2000-1000'), 'FL_E_VALUE port range 2000-1000: begins after its end | write LO-HI, for example 1024-32767'],
  [() => parse.parsePrime('16384'), 'FL_E_VALUE size 16384: not a prime | the nearest primes are 16381 and 16411'],
  [
    () => parse.parsePrime('65536', '--maglev-size'),
    'FL_E_VALUE --maglev-size: size 65536: not a prime | the nearest primes are 65521 and 65537',
  ],
  [() => parse.parsePrime('241'), 'FL_E_VALUE size 241: not a number from 251 to 131071'],
  [() => parse.parseDeviceList('eth0,eth0'), 'FL_E_VALUE device eth0: given twice'],
  [
    () => parse.parseDeviceList('eth0,', '--device'),
    'FL_E_VALUE --device, entry 2: device "": not a device name (1 to 15 bytes, no "/", ":" or space)',
  ],
  [
    () => parse.parseDeviceList('averylongdevicename'),
    'FL_E_VALUE device averylongdevicename: not a device name (1 to 15 bytes, no "/", ":" or space)',
  ],
  [() => parse.parseInstance('../x'), 'FL_E_VALUE instance ../x: not 1 to 32 letters, digits, "-" or "_"'],
  [() => parse.parseSeconds('0', '--timeout-syn'), 'FL_E_VALUE --timeout-syn: seconds 0: not a number from 1 to 604800'],
  [() => parse.parsePositiveInteger('-1', 'flows', '--max-flows'), 'FL_E_VALUE --max-flows: flows -1: not a number from 1 to 2147483647'],
  [() => parse.parsePort('8\n0'), 'FL_E_VALUE port "8\\n0": not a number from 1 to 65535'],
  [() => parse.parsePort('9'.repeat(100)), `FL_E_VALUE port ${'9'.repeat(60)}...: not a number from 1 to 65535`],
];

describe('what a refused value is answered', () => {
  for (const [action, text] of REFUSED) it(text.split('|')[0] ?? text, () => assert.equal(refusal(action), text));
});
