// The tries of spans, read as the data plane reads them: every packet finds the frontend that the order of frontends says.
// Imports agent/datapath and agent/model, and the fake platform's maps. The kernel's own lookups are test/bpf/cases/frontends.ts's matter.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FAMILIES, IPV4 } from '../../../agent/datapath/families.js';
import { SERVICE, VIP_WORD, VIP_WORDS } from '../../../agent/datapath/layout.js';
import { ServiceTable } from '../../../agent/datapath/service-table.js';
import { SpanTable } from '../../../agent/datapath/span-table.js';
import { VipTable } from '../../../agent/datapath/vip-table.js';
import { addressBytes } from '../../../agent/model/address.js';
import { formatFrontend } from '../../../agent/model/format.js';
import { conflicts, coversAddress, hostBitsOf, isEveryPort } from '../../../agent/model/frontend.js';
import { parseFrontend } from '../../../agent/model/parse.js';
import type { Frontend } from '../../../agent/model/service.js';
import { createFakePlatform, FakeKernel, type FakeMapSpec } from '../../../platform/fake/index.js';
import type { BpfMap } from '../../../platform/port.js';

const SPECS: readonly FakeMapSpec[] = [
  { name: 'vips', type: 'array', keySize: 4, valueSize: VIP_WORD.size, maxEntries: VIP_WORDS },
  ...FAMILIES.flatMap(({ maps, span, frontend }): FakeMapSpec[] => [
    { name: maps.services, type: 'hash', keySize: frontend.size, valueSize: SERVICE.size, maxEntries: 64 },
    { name: maps.spans, type: 'lpm_trie', keySize: span.size, valueSize: frontend.size, maxEntries: 2048 },
  ]),
];
const ENTRY = { id: 1, backendCount: 1, maglevDigest: 1, action: 'snat' } as const;

async function openTables() {
  const { bpf } = createFakePlatform(new FakeKernel({ maps: SPECS }));
  const { maps } = await bpf.load({ objectFile: 'fairlead.o', program: 'fairlead', pinDirectory: undefined });
  const map = (name: string) => maps.get(name) as BpfMap;
  const open = () =>
    new ServiceTable(
      FAMILIES.map((layout) => ({ layout, map: map(layout.maps.services) })),
      new VipTable(map('vips')),
      new SpanTable(FAMILIES.map((layout) => ({ layout, map: map(layout.maps.spans) }))),
    );
  return { map, open, services: open() };
}

/** What a trie holds: the bits that count of each key, and the value. */
async function readTrie(map: BpfMap): Promise<readonly (readonly [string, Buffer])[]> {
  const found: (readonly [string, Buffer])[] = [];
  for await (const { count, keys, values } of map.chunks())
    for (let i = 0; i < count; i++) {
      const key = keys.subarray(i * map.keySize, (i + 1) * map.keySize);
      found.push([bitsOf(key).slice(0, key.readUInt32LE(0)), Buffer.from(values.subarray(i * map.valueSize, (i + 1) * map.valueSize))]);
    }
  return found;
}
const bitsOf = (key: Buffer): string => [...key.subarray(4)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
const longest = (trie: readonly (readonly [string, Buffer])[], key: string): Buffer | undefined =>
  trie.filter(([bits]) => key.startsWith(bits)).sort(([a], [b]) => b.length - a.length)[0]?.[1];

interface Packet {
  readonly address: string;
  readonly port: number;
}

/** As bpf/balance/frontend.h does it, IPv4 and TCP. */
function findByTables(
  trie: readonly (readonly [string, Buffer])[],
  services: ReadonlySet<string>,
  { address, port }: Packet,
): string | undefined {
  const exact = formatFrontend({ address, port, protocol: 'tcp' });
  if (services.has(exact)) return exact;
  const key = { length: 0, protocol: 6, hostBits: 0, zero: 0, address, port };
  const value = longest(trie, bitsOf(IPV4.span.encode(key)));
  if (value === undefined) return undefined;
  const span = IPV4.frontend.decode(value);
  if (span.lastPort !== undefined) return formatFrontend(span);
  const own = formatFrontend({ ...span, port });
  if (services.has(own)) return own;
  const range = longest(trie, bitsOf(IPV4.span.encode({ ...key, hostBits: hostBitsOf(span), address: span.address })));
  return range === undefined ? undefined : formatFrontend(IPV4.frontend.decode(range));
}

/** The order in words: the address itself, else the longest prefix; in that the exact port, a range, every port. */
function findByOrder(frontends: readonly Frontend[], { address, port }: Packet): string | undefined {
  const rank = (frontend: Frontend) => (frontend.lastPort === undefined ? 0 : isEveryPort(frontend) ? 2 : 1);
  const fits = (frontend: Frontend) => frontend.port <= port && port <= (frontend.lastPort ?? frontend.port);
  const best = (among: readonly Frontend[]) => among.filter(fits).sort((a, b) => rank(a) - rank(b))[0];
  const covering = frontends.filter((frontend) => coversAddress(frontend, address));
  const own = best(covering.filter(({ prefixLength }) => prefixLength === undefined));
  if (own !== undefined) return formatFrontend(own);
  const length = Math.max(...covering.map(({ prefixLength }) => prefixLength ?? 0));
  const found = best(covering.filter(({ prefixLength }) => prefixLength === length));
  return found === undefined ? undefined : formatFrontend(found);
}

const ADDRESSES = ['40.1.1.0', '40.1.1.1', '40.1.1.4', '40.1.2.0', '40.2.0.0'];
const PLACES = [...ADDRESSES, '40.1.1.0/30', '40.1.1.0/24', '40.1.0.0/16'];
const PORTS = ['80', '8000', '8191', '8192', '8000-8999', '81-90', '65000-65535', '*'];
const frontends = fc.uniqueArray(
  fc.tuple(fc.constantFrom(...PLACES), fc.constantFrom(...PORTS)).map(([place, ports]) => parseFrontend(`${place}:${ports}`)),
  { maxLength: 12, comparator: conflicts },
);
const PROBES = ADDRESSES.concat('40.1.1.3', '40.1.1.255', '40.1.255.1').flatMap((address) =>
  [1, 80, 81, 90, 91, 7999, 8000, 8191, 8192, 8999, 9000, 64999, 65000, 65535].map((port) => ({ address, port })),
);

async function checkProbes(map: BpfMap, given: readonly Frontend[]): Promise<void> {
  const trie = await readTrie(map);
  const services = new Set(given.map(formatFrontend));
  for (const probe of PROBES)
    assert.equal(findByTables(trie, services, probe), findByOrder(given, probe), `${probe.address}:${probe.port}`);
}

describe('frontends in the tables', () => {
  it('every packet finds its frontend, also after others have gone', async () => {
    await fc.assert(
      fc.asyncProperty(frontends, fc.nat(12), async (given, keep) => {
        const { map, services } = await openTables();
        for (const frontend of given) services.set(frontend, ENTRY);
        await checkProbes(map('lb4_spans'), given);
        const found = (await services.entries()).map(([frontend]) => formatFrontend(frontend));
        assert.deepEqual(found.sort(), given.map(formatFrontend).sort());
        for (const frontend of given.slice(keep)) assert.equal(services.delete(frontend), true);
        await checkProbes(map('lb4_spans'), given.slice(0, keep));
      }),
      { numRuns: 50 },
    );
  });

  it('nothing is left when all are gone', async () => {
    const { map, services } = await openTables();
    const given = ['40.1.1.1:80', '40.1.1.1:1-65534', '40.1.0.0/16:*', '40.1.0.0/16:80/udp'].map((text) => parseFrontend(text));
    for (const frontend of given) services.set(frontend, ENTRY);
    for (const frontend of given) services.delete(frontend);
    assert.deepEqual(await readTrie(map('lb4_spans')), []);
  });

  it('a range that is moved serves all the time where old and new meet, and the old one comes back when it is undone', async () => {
    const { map, services } = await openTables();
    const [before, after] = [parseFrontend('40.1.1.1:8000-8999'), parseFrontend('40.1.1.1:8000-9999')];
    services.set(before, ENTRY);
    services.set(after, ENTRY);
    const trie = await readTrie(map('lb4_spans'));
    for (const port of [8000, 8999])
      assert.ok(findByTables(trie, new Set(), { address: '40.1.1.1', port })?.startsWith('40.1.1.1:8000-'), `port ${port}`);
    services.delete(after);
    await checkProbes(map('lb4_spans'), [before]);
    services.set(after, ENTRY);
    services.delete(before);
    await checkProbes(map('lb4_spans'), [after]);
  });

  it('a start takes over what the maps hold and clears what an interrupted agent has left', async () => {
    const { map, open, services } = await openTables();
    const given = ['40.1.1.1:8000-8999', '40.1.1.1:80', '40.1.1.0/24:80'].map((text) => parseFrontend(text));
    for (const frontend of given) services.set(frontend, ENTRY);
    const whole = await readTrie(map('lb4_spans'));
    const stale = { length: 32 + 32 + 16, protocol: 6, hostBits: 0, zero: 0, address: '40.9.9.9', port: 80 };
    map('lb4_spans').update(IPV4.span.encode(stale), IPV4.frontend.encode(parseFrontend('40.9.9.9:80-90')));
    const next = open();
    await next.adopt(given, []);
    assert.deepEqual(new Set((await readTrie(map('lb4_spans'))).map(String)), new Set(whole.map(String)));
    next.delete(parseFrontend('40.1.1.1:80'));
    await checkProbes(
      map('lb4_spans'),
      given.filter(({ port, prefixLength }) => port !== 80 || prefixLength !== undefined),
    );
  });

  it('a prefix of few addresses sets their bits in vips, one of many all bits; a start sets them again', async () => {
    const { map, open, services } = await openTables();
    const vips = new VipTable(map('vips'));
    const bits = async () => {
      let sum = 0;
      for await (const { values } of map('vips').chunks()) for (const byte of values) sum += byte.toString(2).replaceAll('0', '').length;
      return sum;
    };
    services.set(parseFrontend('40.1.1.0/30:80'), ENTRY);
    assert.equal(await bits(), 4);
    vips.retain([]);
    await open().adopt([parseFrontend('40.1.1.0/30:80')], [addressBytes('50.1.1.1')]);
    assert.equal(await bits(), 5);
    services.set(parseFrontend('40.1.0.0/16:80'), ENTRY);
    assert.equal(await bits(), 65536);
  });
});
