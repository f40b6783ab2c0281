// The typed tables over services, backends, Maglev, metrics and config; opening them.
// Imports agent/datapath and planes.ts.
// The same tests run over the fake kernel and over this one.

import assert from 'node:assert/strict';
import { Datapath } from '../../../agent/datapath/datapath.js';
import type { BackendEntry } from '../../../agent/datapath/backend-table.js';
import { BACKEND4, COUNTER, encodeIndex, SERVICE } from '../../../agent/datapath/layout.js';
import { buildMaglevTable } from '../../../agent/model/maglev.js';
import { buildConfig } from '../../../agent/datapath/macros.js';
import { REASONS } from '../../../agent/model/reasons.js';
import type { Frontend } from '../../../agent/model/service.js';
import { DEFAULT_SETTINGS } from '../../../agent/model/settings.js';
import type { BpfMap } from '../../../platform/port.js';
import { refusal } from '../model/refuse.js';
import { describeTables, openFakePlane, SIZES } from './planes.js';

const WEB: Frontend = { address: '40.1.1.1', port: 80, protocol: 'tcp' };
const BACKEND: BackendEntry = {
  serviceId: 7,
  address: '20.1.1.10',
  port: 8080,
  weight: 3,
  state: 'active',
  generation: 5,
  source: '20.1.1.1',
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
    const key = Buffer.from('2801010100500600', 'hex');
    const value = map('lb4_services').lookup(key);
    assert.ok(value, 'the key has the layout that the data plane looks up');
    value.writeUInt8(9, SERVICE.fields.action.offset);
    map('lb4_services').update(key, value);
    assert.match(
      refusal(() => services.get(WEB)),
      /^FL_E_MAP service entry 40\.1\.1\.1:80\/tcp: action 9 is unknown/,
    );
  });

  it('an address of a family that is not forwarded is refused', () => {
    const frontend: Frontend = { address: '2001:db8::1', port: 80, protocol: 'tcp' };
    assert.match(
      refusal(() => plane().datapath.services.get(frontend)),
      /^FL_E_UNSUPPORTED address 2001:db8::1/,
    );
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
    assert.equal(await maglev.get(7), undefined);
    await maglev.set(7, table);
    assert.deepEqual(await maglev.get(7), table);
    const other = table.map((id) => id + 1);
    await maglev.set(7, other);
    assert.deepEqual(await maglev.get(7), other);
    assert.equal(await maglev.get(8), undefined);
    assert.equal(maglev.delete(7), true);
    assert.equal(maglev.delete(7), false);
    assert.equal(await maglev.get(7), undefined);
  });

  it('Maglev: a table of an even size is a defect', async () => {
    await assert.rejects(plane().datapath.maglev.set(7, new Uint32Array(250)), RangeError);
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

  it('config: nothing before the first write, then what was written', () => {
    const { config } = plane().datapath;
    const facts = { layoutDigest: '01020304', ticksPerSecond: 250, snatRange: [1024, 32767] as const, lbAddresses: ['20.1.1.1'] };
    const written = buildConfig(DEFAULT_SETTINGS, facts);
    assert.equal(config.read(), undefined);
    config.write(written);
    assert.deepEqual(config.read(), written);
  });
});

describe('opening the tables', () => {
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
      'FL_E_LOAD map ct4: keys of 16 and values of 40 bytes, not 16 and 64 | rebuild the object from the sources of this agent',
    );
  });

  it('closing releases every map', async () => {
    const { maps, datapath } = await openFakePlane();
    datapath.close();
    for (const map of maps.values())
      assert.match(
        refusal(() => map.lookup(Buffer.alloc(map.keySize))),
        /used after it was closed/,
      );
  });
});
