// Conformance of maps: single operations, batches, eviction, conditions, maps of maps.
// Imports platform/port and its siblings.
// Invariant: the same expectations hold for the kernel and for the fake.

import assert from 'node:assert/strict';
import type { BpfMap, BpfProgram, MapType } from '../../platform/port.js';
import { type Subject, withCode } from './conformance.js';
import { sequence, u32, u64 } from './probe-maps.js';

/** More than adapters handle in one turn of the event loop. */
const BATCH = 5000;

async function readAll(map: BpfMap, entriesPerChunk?: number): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for await (const { count, keys, values } of map.chunks(entriesPerChunk)) {
    for (let i = 0; i < count; i++) {
      const key = map.keySize === 4 ? keys.readUInt32LE(4 * i) : Number(keys.readBigUInt64LE(8 * i));
      assert.ok(!found.has(key) || map.type === 'lru_hash', `key ${key} came twice`);
      found.set(key, values.readUInt32LE(map.valueSize * i));
    }
  }
  return found;
}

export function describeMaps(subject: () => Subject): void {
  describe('maps', () => {
    let program: BpfProgram;
    beforeEach(async () => {
      const { platform, objectFile } = subject();
      program = await platform.bpf.load({ objectFile, program: 'probe_grow', pinDirectory: undefined });
    });
    afterEach(() => program.close());
    const map = (name: string): BpfMap => {
      const found = program.maps.get(name);
      assert.ok(found, `map ${name}`);
      return found;
    };
    const make = (type: MapType, maxEntries: number): BpfMap =>
      subject().platform.bpf.createMap({ name: 'probe_made', type, keySize: type.includes('array') ? 4 : 8, valueSize: 8, maxEntries });

    it('an object file brings its maps with types and sizes', () => {
      const shapes = [...program.maps.values()]
        .map(({ name, type, keySize, maxEntries }) => `${name} ${type} ${keySize} ${maxEntries}`)
        .sort();
      assert.deepEqual(shapes, [
        'probe_array array 4 20000',
        'probe_hash hash 8 20000',
        'probe_lru lru_hash 8 20000',
        'probe_outer array_of_maps 4 16',
        'probe_percpu percpu_array 4 8',
        'probe_ring ringbuf 0 4096',
      ]);
      assert.equal(new Set([...program.maps.values()].map(({ id }) => id)).size, 6);
    });

    for (const name of ['probe_hash', 'probe_lru']) {
      it(`${name}: a value is found until it is deleted`, () => {
        assert.equal(map(name).lookup(u64(1)), undefined);
        map(name).update(u64(1), u64(11));
        assert.deepEqual(map(name).lookup(u64(1)), u64(11));
        assert.equal(map(name).delete(u64(1)), true);
        assert.equal(map(name).delete(u64(1)), false);
        assert.equal(map(name).lookup(u64(1)), undefined);
      });

      it(`${name}: "absent" and "present" hold, and what is there stays when they do not`, () => {
        assert.throws(() => map(name).update(u64(1), u64(1), 'present'), withCode('FL_E_CONFLICT', new RegExp(name)));
        map(name).update(u64(1), u64(2), 'absent');
        assert.throws(() => map(name).update(u64(1), u64(3), 'absent'), withCode('FL_E_CONFLICT', new RegExp(name)));
        assert.deepEqual(map(name).lookup(u64(1)), u64(2));
        map(name).update(u64(1), u64(4), 'present');
        assert.deepEqual(map(name).lookup(u64(1)), u64(4));
      });
    }

    it('a batch of 5,000 entries is written, read in chunks and deleted', async () => {
      const hash = map('probe_hash');
      await hash.updateMany(sequence(0, BATCH), sequence(1, BATCH), BATCH);
      for (const entriesPerChunk of [undefined, 1, 777]) {
        const found = await readAll(hash, entriesPerChunk);
        assert.equal(found.size, BATCH);
        for (let key = 0; key < BATCH; key++) assert.equal(found.get(key), key + 1);
      }
      // Every second key is absent: each one stops the kernel's batch.
      const keys = Buffer.concat(Array.from({ length: 2000 }, (_, i) => u64(i % 2 === 0 ? i : i + 1_000_000)));
      assert.equal(await hash.deleteMany(keys, 2000), 1000);
      assert.equal(await hash.deleteMany(keys, 2000), 0);
      assert.equal((await readAll(hash)).size, BATCH - 1000);
      assert.equal(await hash.deleteMany(sequence(0, BATCH), BATCH), BATCH - 1000);
      assert.equal((await readAll(hash)).size, 0);
    });

    it('a walk sees all entries, also when those that it has seen are deleted meanwhile', async () => {
      const hash = map('probe_hash');
      const entries = 1000;
      for (const all of [true, false]) {
        await hash.updateMany(sequence(0, entries), sequence(1, entries), entries);
        const seen = new Set<bigint>();
        for await (const { count, keys } of hash.chunks(100)) {
          for (let i = 0; i < count; i++) seen.add(keys.readBigUInt64LE(8 * i));
          // All of a chunk, or its later half, with the key that the walk stands at.
          const from = all ? 0 : Math.floor(count / 2);
          await hash.deleteMany(Buffer.from(keys.subarray(8 * from)), count - from);
        }
        assert.equal(seen.size, entries);
      }
    });

    it('a map of large entries is read whole, whatever their number', async () => {
      for (const entries of [63, 64, 126, 128]) {
        const large = subject().platform.bpf.createMap({ name: 'probe_large', type: 'hash', keySize: 8, valueSize: 1016, maxEntries: 128 });
        for (let key = 0; key < entries; key++) large.update(u64(key), Buffer.alloc(1016, key));
        assert.equal((await readAll(large)).size, entries, `${entries} entries`);
        large.close();
      }
    });

    it('a full hash refuses a new key, alone and in a batch, and takes an old one', async () => {
      const hash = make('hash', 64);
      await hash.updateMany(sequence(0, 64), sequence(0, 64), 64);
      assert.throws(() => hash.update(u64(64), u64(0)), withCode('FL_E_LIMIT', /64/));
      await assert.rejects(hash.updateMany(sequence(60, 10), sequence(60, 10), 10), withCode('FL_E_LIMIT', /64/));
      hash.update(u64(63), u64(1));
      assert.equal((await readAll(hash)).size, 64);
      hash.close();
    });

    it('an LRU hash evicts old entries instead of refusing', async () => {
      const lru = map('probe_lru');
      await lru.updateMany(sequence(0, 50_000), sequence(0, 50_000), 50_000);
      const found = await readAll(lru);
      assert.ok(found.size <= 20_000 && found.size > 10_000, `${found.size} entries of 20000`);
      assert.ok(lru.lookup(u64(49_999)), 'the newest is there');
      assert.equal(lru.lookup(u64(0)), undefined, 'the oldest is gone');
    });

    it('an array is full of zeros, keeps its order and loses nothing', async () => {
      const array = map('probe_array');
      assert.deepEqual(array.lookup(u32(19_999)), u64(0));
      assert.equal(array.lookup(u32(20_000)), undefined);
      array.update(u32(3), u64(33));
      assert.throws(() => array.update(u32(20_000), u64(1)), withCode('FL_E_LIMIT'));
      assert.throws(() => array.delete(u32(3)), withCode('FL_E_MAP'));
      const found = await readAll(array);
      assert.deepEqual(
        [...found.keys()],
        Array.from({ length: 20_000 }, (_, index) => index),
      );
      assert.equal(found.get(3), 33);
    });

    it('an entry of an array is read as it is now, also after the whole was read', async () => {
      const array = map('probe_array');
      const other = subject().platform.bpf.openMapById(array.id);
      assert.ok(other);
      await readAll(array);
      array.update(u32(3), u64(33));
      other.update(u32(19_999), u64(44));
      assert.deepEqual([array.lookup(u32(3)), array.lookup(u32(4)), array.lookup(u32(19_999))], [u64(33), u64(0), u64(44)]);
      assert.equal(array.lookup(u32(20_000)), undefined);
      other.close();
      array.lookup(u32(3))?.fill(0xff);
      assert.deepEqual(array.lookup(u32(3)), u64(33), 'what was read is a copy');
    });

    it('every index of an array is there: "present" writes, "absent" is refused and changes nothing', () => {
      const array = map('probe_array');
      for (const index of [0, 7, 19_999]) {
        array.update(u32(index), u64(index + 1), 'present');
        assert.throws(() => array.update(u32(index), u64(99), 'absent'), withCode('FL_E_CONFLICT', /probe_array/));
        assert.deepEqual(array.lookup(u32(index)), u64(index + 1));
      }
      for (const when of ['present', 'absent'] as const)
        assert.throws(() => array.update(u32(20_000), u64(1), when), withCode('FL_E_LIMIT', /20000/));
      assert.throws(() => array.update(u32(7), u32(1)), withCode('FL_E_MAP', /4 bytes, need exactly 8/));
      assert.throws(() => array.update(u64(7), u64(1)), withCode('FL_E_MAP', /8 bytes, need exactly 4/));
      assert.deepEqual([array.lookup(u32(6)), array.lookup(u32(7)), array.lookup(u32(8))], [u64(0), u64(8), u64(0)]);
    });

    it('what one handle writes to an array all others see, the first look of each included', async () => {
      const array = map('probe_array');
      const { bpf } = subject().platform;
      array.update(u32(5), u64(55));
      const [one, two] = [bpf.openMapById(array.id), bpf.openMapById(array.id)];
      assert.deepEqual(one?.lookup(u32(5)), u64(55));
      one?.update(u32(6), u64(66));
      assert.equal(two && (await readAll(two)).get(6), 66);
      await two?.updateMany(u32(5), u64(77), 1);
      assert.deepEqual([array.lookup(u32(5)), one?.lookup(u32(5)), array.lookup(u32(6))], [u64(77), u64(77), u64(66)]);
      one?.close();
      two?.close();
      assert.deepEqual(array.lookup(u32(6)), u64(66));
    });

    it('an array takes a batch', async () => {
      const keys = Buffer.concat(Array.from({ length: BATCH }, (_, index) => u32(index)));
      await map('probe_array').updateMany(keys, sequence(5, BATCH), BATCH);
      assert.equal((await readAll(map('probe_array'))).get(BATCH - 1), BATCH + 4);
    });

    it('a per-CPU value has a part of 8 bytes for each CPU', async () => {
      const perCpu = map('probe_percpu');
      assert.ok(perCpu.valueSize >= 8 && perCpu.valueSize % 8 === 0, `${perCpu.valueSize} bytes`);
      const value = Buffer.alloc(perCpu.valueSize);
      value.writeUInt32LE(7, perCpu.valueSize - 8);
      perCpu.update(u32(2), value);
      assert.deepEqual(perCpu.lookup(u32(2)), value);
      assert.equal((await readAll(perCpu)).size, 8);
    });

    it('a map of maps points at what was put there last', async () => {
      const outer = map('probe_outer');
      const [first, second] = [make('array', 100), make('array', 100)];
      assert.equal(outer.lookup(u32(3)), undefined);
      await outer.setInner([{ key: u32(3), inner: first }]);
      assert.deepEqual(outer.lookup(u32(3)), u32(first.id));
      await outer.setInner([
        { key: u32(3), inner: second },
        { key: u32(9), inner: first },
      ]);
      assert.deepEqual(outer.lookup(u32(3)), u32(second.id));
      assert.deepEqual(
        [...(await readAll(outer))],
        [
          [3, second.id],
          [9, first.id],
        ],
      );
      second.close();
      const reopened = subject().platform.bpf.openMapById(second.id);
      assert.equal(reopened?.maxEntries, 100, 'the outer map keeps the inner one');
      reopened?.close();
      assert.equal(outer.delete(u32(3)), true);
      assert.equal(outer.lookup(u32(3)), undefined);
      assert.equal(subject().platform.bpf.openMapById(first.id)?.id, first.id);
    });

    it('a map of maps refuses other shapes, raw values and indexes beyond its end', async () => {
      const outer = map('probe_outer');
      const [fit, small] = [make('array', 100), make('array', 50)];
      await assert.rejects(outer.setInner([{ key: u32(0), inner: small }]), withCode('FL_E_MAP', /probe_outer/));
      await assert.rejects(outer.setInner([{ key: u32(16), inner: fit }]), withCode('FL_E_LIMIT'));
      await assert.rejects(fit.setInner([{ key: u32(0), inner: small }]), withCode('FL_E_MAP'));
      assert.throws(() => outer.update(u32(0), u32(fit.id)), withCode('FL_E_MAP', /setInner/));
      assert.equal(outer.lookup(u32(0)), undefined);
    });

    it('keys and values of a wrong size never reach the map', async () => {
      assert.throws(() => map('probe_hash').lookup(u32(1)), withCode('FL_E_MAP', /4 bytes, need exactly 8/));
      assert.throws(() => map('probe_hash').update(u64(1), u32(1)), withCode('FL_E_MAP', /value/));
      await assert.rejects(
        map('probe_hash').updateMany(u64(1), sequence(0, 2), 2),
        withCode('FL_E_MAP', /keys of 8 bytes, need at least 16/),
      );
    });

    it('a closed handle of an array is refused, whatever was read by it before', async () => {
      const array = subject().platform.bpf.openMapById(map('probe_array').id);
      assert.ok(array);
      array.update(u32(1), u64(1));
      array.close();
      array.close();
      assert.throws(() => array.lookup(u32(1)), withCode('FL_E_SYSTEM', /closed/));
      assert.throws(() => array.update(u32(1), u64(2)), withCode('FL_E_SYSTEM', /closed/));
      await assert.rejects(readAll(array), withCode('FL_E_SYSTEM', /closed/));
      assert.deepEqual(map('probe_array').lookup(u32(1)), u64(1));
    });

    it('a closed handle is refused, and a map that nobody holds is gone', () => {
      const hash = make('hash', 8);
      assert.equal(subject().platform.bpf.openMapById(hash.id)?.id, hash.id);
      const alone = make('hash', 8);
      alone.close();
      assert.throws(() => alone.lookup(u64(0)), withCode('FL_E_SYSTEM', /closed/));
      assert.equal(subject().platform.bpf.openMapById(0xffff_fff0), undefined);
    });
  });
}
