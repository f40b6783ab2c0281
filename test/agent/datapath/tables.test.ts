// The typed tables over services, backends, Maglev, metrics and config; opening them.
// Imports agent/datapath and planes.ts.
// The same tests run over the fake kernel and over this one.

import assert from 'node:assert/strict';
import { Datapath } from '../../../agent/datapath/datapath.js';
import type { BackendEntry } from '../../../agent/datapath/backend-table.js';
import { IPV4, IPV6, viewFor } from '../../../agent/datapath/families.js';
import { BACKEND4, COUNTER, encodeIndex, SERVICE } from '../../../agent/datapath/layout.js';
import { tableEntry } from '../../../agent/datapath/maglev-tables.js';
import { addStats, NO_REFUSALS, NO_STATS } from '../../../agent/datapath/stats-table.js';
import { buildMaglevTable } from '../../../agent/model/maglev.js';
import { REASONS } from '../../../agent/model/reasons.js';
import type { Frontend } from '../../../agent/model/service.js';
import type { BpfMap } from '../../../platform/port.js';
import { refusal } from '../model/refuse.js';
import { describeTables, openFakePlane, PLANE_CONFIG, SIZES } from './planes.js';

const WEB: Frontend = { address: '40.1.1.1', port: 80, protocol: 'tcp' };
const BACKEND: BackendEntry = {
  serviceId: 7,
  address: '20.1.1.10',
  port: 8080,
  weight: 3,
  state: 'active',
  generation: 5,
  source: '20.1.1.1',
  local: false,
  nextHop: { ifindex: 2, dstMac: '02:00:00:00:00:10', srcMac: '02:00:00:00:00:01', mtu: 1500 },
};

describeTables('tables of the data plane', (plane) => {
  const map = (name: string): BpfMap => plane().maps.get(name) as BpfMap;

  it('services: what is set is found, changed, listed and deleted', async () => {
    const { services } = plane().datapath;
    const entry = { id: 7, backendCount: 2, maglevDigest: 0xfedcba98, action: 'dsr-ipip' } as const;
    assert.equal(services.get(WEB), undefined);
    services.set(WEB, entry);
    services.set({ ...WEB, protocol: 'udp' }, { ...entry, id: 8, action: 'snat' });
    assert.deepEqual(services.get(WEB), entry);
    services.set(WEB, { ...entry, action: 'dsr-l2' });
    const listed = [...(await services.entries())].sort(([, a], [, b]) => a.id - b.id);
    assert.deepEqual(listed, [
      [WEB, { ...entry, action: 'dsr-l2' }],
      [
        { ...WEB, protocol: 'udp' },
        { ...entry, id: 8, action: 'snat' },
      ],
    ]);
    assert.equal(services.delete(WEB), true);
    assert.equal(services.delete(WEB), false);
    assert.equal(services.get(WEB), undefined);
  });

  it('services: a full map refuses one more with FL_E_LIMIT', () => {
    const { services } = plane().datapath;
    const entry = { id: 1, backendCount: 0, maglevDigest: 0, action: 'snat' } as const;
    const add = (port: number): void => services.set({ ...WEB, port }, entry);
    for (let port = 1; port <= SIZES.maxServices; port++) add(port);
    assert.match(
      refusal(() => add(1000)),
      /^FL_E_LIMIT /,
    );
    add(1);
  });

  it('services: an entry that somebody else wrote is refused, not misread', () => {
    const { services } = plane().datapath;
    services.set(WEB, { id: 1, backendCount: 0, maglevDigest: 0, action: 'snat' });
    const key = Buffer.from('280101010050060000000000', 'hex');
    const value = map('lb4_services').lookup(key);
    assert.ok(value, 'the key has the layout that the data plane looks up');
    value.writeUInt8(9, SERVICE.fields.action.offset);
    map('lb4_services').update(key, value);
    assert.match(
      refusal(() => services.get(WEB)),
      /^FL_E_MAP service entry 40\.1\.1\.1:80\/tcp: action 9 is unknown/,
    );
  });

  it('services: the same port on an IPv4 and an IPv6 address are two', async () => {
    const { services } = plane().datapath;
    const six: Frontend = { ...WEB, address: '2001:db8::1' };
    services.set(WEB, { id: 7, backendCount: 2, maglevDigest: 1, action: 'snat' });
    services.set(six, { id: 8, backendCount: 3, maglevDigest: 2, action: 'dsr-l2' });
    assert.deepEqual([services.get(WEB)?.id, services.get(six)?.id], [7, 8]);
    assert.ok(
      map('lb6_services').lookup(Buffer.from('20010db80000000000000000000000010050060000000000', 'hex')),
      'the key that packets have',
    );
    assert.deepEqual(
      (await services.entries()).map(([frontend, { id }]) => [frontend, id]),
      [
        [WEB, 7],
        [six, 8],
      ],
    );
    assert.equal(services.delete(six), true);
    assert.deepEqual([services.get(WEB)?.id, services.get(six)], [7, undefined]);
  });

  it('backends: what is set is found and listed, free slots are not', async () => {
    const { backends } = plane().datapath;
    const unresolved: BackendEntry = { ...BACKEND, address: '20.1.1.20', state: 'maintenance', source: undefined, nextHop: undefined };
    assert.equal(backends.size, SIZES.maxBackends);
    assert.equal(backends.get(3), undefined);
    assert.equal(backends.get(SIZES.maxBackends), undefined);
    backends.set(3, BACKEND);
    backends.set(0, unresolved);
    assert.deepEqual(backends.get(3), BACKEND);
    assert.deepEqual(await backends.entries(), [
      [0, unresolved],
      [3, BACKEND],
    ]);
  });

  it('backends: a slot made free keeps its generation and nothing else', () => {
    const { backends } = plane().datapath;
    assert.equal(backends.generationOf(3), 0);
    backends.set(3, BACKEND);
    assert.equal(backends.isLive(3, 5), true);
    backends.free(3);
    assert.equal(backends.get(3), undefined);
    assert.equal(backends.generationOf(3), 5);
    assert.equal(backends.isLive(3, 5), false);
    const raw = map('lb4_backends').lookup(encodeIndex(3)) as Buffer;
    raw.writeUInt16LE(0, BACKEND4.fields.generation.offset);
    assert.ok(raw.every((byte) => byte === 0));
  });

  it('backends: an id that changes its family keeps counting generations, and is in use once', async () => {
    const { backends } = plane().datapath;
    const six: BackendEntry = { ...BACKEND, address: '2001:db8::10', source: '2001:db8::1', generation: 6 };
    backends.set(3, BACKEND);
    backends.free(3);
    backends.set(3, six);
    assert.deepEqual(backends.get(3), six);
    assert.deepEqual(await backends.entries(), [[3, six]]);
    assert.deepEqual([backends.isLive(3, 5), backends.isLive(3, 6), backends.generationOf(3)], [false, true, 6]);
    backends.free(3);
    assert.deepEqual(await backends.entries(), []);
    assert.equal(backends.generationOf(3), 6);
  });

  it("backends: a write keeps the data plane's time of asking for the next hop, but not for another backend", () => {
    const { backends } = plane().datapath;
    const nextHopAt = (): number => BACKEND4.decode(map('lb4_backends').lookup(encodeIndex(3)) as Buffer).nextHopAt;
    backends.set(3, BACKEND);
    const raw = map('lb4_backends').lookup(encodeIndex(3)) as Buffer;
    raw.writeUInt32LE(12345, BACKEND4.fields.nextHopAt.offset);
    map('lb4_backends').update(encodeIndex(3), raw);
    backends.set(3, { ...BACKEND, state: 'terminating' });
    assert.equal(nextHopAt(), 12345);
    backends.set(3, { ...BACKEND, generation: 6 });
    assert.equal(nextHopAt(), 0);
  });

  it('Maglev: a table comes back as it was set, can be replaced and deleted', async () => {
    const { maglev } = plane().datapath;
    const keys = ['a', 'b', 'c'].map((key) => ({ key, weight: 1 }));
    const table = buildMaglevTable(keys, SIZES.maglevSize).map((index) => index + 100);
    assert.equal(await maglev.get(7, SIZES.maglevSize), undefined);
    await maglev.set(new Map([[7, table]]));
    assert.deepEqual(await maglev.get(7, SIZES.maglevSize), table);
    const other = table.map((id) => id + 1);
    await maglev.set(new Map([[7, other]]));
    assert.deepEqual(await maglev.get(7, SIZES.maglevSize), other);
    assert.equal(await maglev.get(8, SIZES.maglevSize), undefined);
    assert.equal(maglev.delete(7), true);
    assert.equal(maglev.delete(7), false);
    assert.equal(await maglev.get(7, SIZES.maglevSize), undefined);
  });

  it('Maglev: a table stands in rows of 64 slots, and behind its end are zeros', async () => {
    const { maglev } = plane().datapath;
    await maglev.set(new Map([[7, Uint32Array.from({ length: SIZES.maglevSize }, (_, slot) => slot + 1000)]]));
    const inner = maglev.open(7);
    assert.deepEqual([inner?.maxEntries, inner?.valueSize], [4, 256]);
    const rows = Buffer.concat([0, 1, 2, 3].map((row) => inner?.lookup(encodeIndex(row)) ?? Buffer.alloc(0)));
    const wanted = Array.from({ length: 256 }, (_, slot) => (slot < SIZES.maglevSize ? slot + 1000 : 0));
    assert.deepEqual(
      wanted.map((_, slot) => rows.readUInt32LE(4 * slot)),
      wanted,
    );
    for (const slot of [0, 63, 64, 250]) assert.equal(inner && tableEntry(inner, slot), slot + 1000, `slot ${slot}`);
    inner?.close();
  });

  it('Maglev: a slot that somebody has changed is found, wherever it stands', async () => {
    const { maglev } = plane().datapath;
    for (const slot of [0, 62, 63, 64, 250]) {
      await maglev.set(new Map([[7, new Uint32Array(SIZES.maglevSize).fill(5)]]));
      assert.deepEqual(await maglev.findDamaged(1), []);
      const inner = maglev.open(7);
      const row = inner?.lookup(encodeIndex(slot >> 6)) as Buffer;
      row.writeUInt32LE(6, 4 * (slot & 63));
      inner?.update(encodeIndex(slot >> 6), row);
      inner?.close();
      assert.deepEqual(await maglev.findDamaged(1), [7], `slot ${slot}`);
    }
  });

  it('metrics: counters of all CPUs are added up, in the order of the reasons', () => {
    const index = REASONS.findIndex((reason) => reason.name === 'no_backend');
    const metrics = map('metrics');
    const value = Buffer.alloc(metrics.valueSize);
    const cpus = metrics.valueSize / COUNTER.size;
    for (let cpu = 0; cpu < cpus; cpu++) COUNTER.encode({ packets: cpu + 1, bytes: 2 ** 33 }).copy(value, cpu * COUNTER.size);
    metrics.update(encodeIndex(index), value);
    const counts = plane().datapath.metrics.read();
    assert.deepEqual(
      counts.map((count) => count.name),
      REASONS.map((reason) => reason.name),
    );
    assert.equal(counts[index]?.packets, (cpus * (cpus + 1)) / 2);
    assert.equal(counts[index]?.bytes, cpus * 2 ** 33);
    assert.ok(counts.every((count, i) => i === index || count.packets === 0));
  });

  /** Writes a per-CPU value of numbers that grow from field to field and CPU to CPU; the sum of the n-th field over the CPUs. */
  const writeEachCpu = (name: string, id: number, words: number): ((n: number) => number) => {
    const target = map(name);
    const value = Buffer.alloc(target.valueSize);
    const cpus = target.valueSize / (words * 8);
    for (let i = 0; i < cpus * words; i++) value.writeBigUInt64LE(BigInt(i + 1), i * 8);
    target.update(encodeIndex(id), value);
    return (n) => Array.from({ length: cpus }, (_, cpu) => cpu * words + n + 1).reduce((sum, one) => sum + one, 0);
  };

  it("statistics: what a backend counted on all CPUs is added up; when it leaves it is its service's past, and the slot begins anew", async () => {
    const { stats } = plane().datapath;
    assert.deepEqual(stats.backend(3), NO_STATS);
    const sum = writeEachCpu('backend_stats', 3, 5);
    const counted = { packets: sum(0), bytes: sum(1), replyPackets: sum(2), replyBytes: sum(3), newFlows: sum(4) };
    assert.deepEqual(stats.backend(3), counted);
    assert.deepEqual(
      await stats.backends([3, 4]),
      new Map([
        [3, counted],
        [4, NO_STATS],
      ]),
    );
    stats.retire(3, 7);
    assert.deepEqual([stats.past(7), stats.past(8)], [counted, NO_STATS]);
    await stats.clear([3]);
    assert.deepEqual(stats.backend(3), NO_STATS);
    writeEachCpu('backend_stats', 3, 5);
    const takeBack = stats.retire(3, 7);
    assert.deepEqual(stats.past(7), addStats(counted, counted));
    takeBack();
    assert.deepEqual(stats.past(7), counted);
  });

  it('statistics: refusals are counted while the service is there, and what is forgotten can be put back', () => {
    const { stats } = plane().datapath;
    stats.begin(7);
    const sum = writeEachCpu('service_refused', 7, 6);
    const [sourceDenied, noBackend, unresolved, snatPorts, newFlowRate, flowTable] = [0, 1, 2, 3, 4, 5].map(sum);
    const counted = { sourceDenied, noBackend, unresolved, snatPorts, newFlowRate, flowTable };
    stats.begin(7);
    assert.deepEqual([stats.refusals(7), stats.refusals(8)], [counted, NO_REFUSALS], 'beginning again takes nothing away');
    const restore = stats.forget(7);
    assert.equal(map('service_refused').lookup(encodeIndex(7)), undefined);
    restore();
    assert.deepEqual(stats.refusals(7), counted);
  });

  it('statistics: after a start only the services that are there are counted', async () => {
    const { stats } = plane().datapath;
    for (const id of [7, 8]) stats.begin(id);
    writeEachCpu('backend_stats', 3, 5);
    stats.retire(3, 9);
    await stats.retain(new Set([8, 10]));
    const known = [7, 8, 9, 10].map((id) => map('service_refused').lookup(encodeIndex(id)) !== undefined);
    assert.deepEqual(known, [false, true, false, true]);
    assert.deepEqual(stats.past(9), NO_STATS);
  });

  it('config: nothing before the first write, then what was written', () => {
    const { config } = plane().datapath;
    assert.equal(config.read(), undefined);
    config.write(PLANE_CONFIG);
    assert.deepEqual(config.read(), PLANE_CONFIG);
  });
});

describe('opening the tables', () => {
  it('an address of a family that has no view is refused', () => {
    assert.equal(
      refusal(() => viewFor([{ layout: IPV4 }], '2001:db8::1')),
      'FL_E_UNSUPPORTED address 2001:db8::1: the data plane does not forward IPv6 | use an address of a family that it forwards',
    );
    assert.equal(viewFor([{ layout: IPV4 }, { layout: IPV6 }], '2001:db8::1').layout, IPV6);
  });

  it('refuses a program without one of the maps', async () => {
    const { maps, inner, clock } = await openFakePlane();
    const fewer = new Map([...maps].filter(([name]) => name !== 'snat4'));
    assert.equal(
      refusal(() => Datapath.open(fewer, inner, clock)),
      'FL_E_LOAD map snat4: the program has no such map | rebuild the object from the sources of this agent',
    );
  });

  it('refuses maps of another layout', async () => {
    const { maps, inner, clock } = await openFakePlane();
    const spec = { name: 'ct4', type: 'lru_hash', keySize: 16, valueSize: 40, maxEntries: 10 } as const;
    const other = new Map(maps).set('ct4', inner.createMap(spec));
    assert.equal(
      refusal(() => Datapath.open(other, inner, clock)),
      'FL_E_LOAD map ct4: keys of 16 and values of 40 bytes, not 4 and 64 | rebuild the object from the sources of this agent',
    );
  });

  it('closing releases every map', async () => {
    const { maps, datapath } = await openFakePlane();
    datapath.close();
    // Fragments are the data plane's alone.
    for (const [name, map] of maps)
      if (!name.startsWith('frag'))
        assert.match(
          refusal(() => map.lookup(Buffer.alloc(map.keySize))),
          /used after it was closed/,
        );
  });
});
