// A map with what the agent has written beside it: whatever somebody else writes is seen, and put right.
// Imports platform/fake, whose maps obey the rules of their types.

import assert from 'node:assert/strict';
import { WatchedMap } from '../../../agent/datapath/watched-map.js';
import { createFakePlatform } from '../../../platform/fake/index.js';
import { FakeKernel } from '../../../platform/fake/kernel.js';
import type { BpfMap, MapType } from '../../../platform/port.js';

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const key = (index: number): Buffer => bytes(index, 0, 0, 0);

function make(type: MapType, shared: readonly (readonly [number, number])[] = []): { map: BpfMap; watched: WatchedMap } {
  const map = createFakePlatform(new FakeKernel()).bpf.createMap({ name: 'm', type, keySize: 4, valueSize: 4, maxEntries: 5000 });
  return { map, watched: new WatchedMap(map, shared) };
}

describe('a watched map', () => {
  for (const type of ['hash', 'array'] as const) {
    describe(type, () => {
      it('says nothing of what was written through it, one by one and many at a time', async () => {
        const { watched } = make(type);
        watched.update(key(1), bytes(1, 2, 3, 4));
        await watched.learn();
        assert.equal(await watched.restore(), undefined);
        watched.update(key(2), bytes(5, 6, 7, 8));
        await watched.updateMany(Buffer.concat([key(3), key(4)]), bytes(1, 1, 1, 1, 2, 2, 2, 2), 2);
        assert.equal(await watched.restore(), undefined);
        if (type === 'hash') {
          watched.delete(key(1));
          await watched.deleteMany(key(3), 1);
          assert.equal(await watched.restore(), undefined);
        }
      });

      it('puts back what was changed, and says how much', async () => {
        const { map, watched } = make(type);
        watched.update(key(1), bytes(1, 2, 3, 4));
        watched.update(key(7), bytes(7, 7, 7, 7));
        await watched.learn();
        map.update(key(1), bytes(9, 2, 3, 4));
        map.update(key(7), bytes(0, 0, 0, 0));
        assert.deepEqual(await watched.restore(), { map: 'm', changed: 2, missing: 0, foreign: 0 });
        assert.deepEqual([map.lookup(key(1)), map.lookup(key(7))], [bytes(1, 2, 3, 4), bytes(7, 7, 7, 7)]);
        assert.equal(await watched.restore(), undefined);
      });

      it('leaves the data plane what it may write', async () => {
        const { map, watched } = make(type, [[1, 2]]);
        watched.update(key(1), bytes(1, 2, 3, 4));
        await watched.learn();
        map.update(key(1), bytes(1, 8, 9, 4));
        assert.equal(await watched.restore(), undefined);
        assert.deepEqual(map.lookup(key(1)), bytes(1, 8, 9, 4));
        map.update(key(1), bytes(1, 8, 9, 5));
        assert.equal((await watched.restore())?.changed, 1);
      });

      it('tells nothing before it has learned what is there', async () => {
        const { map, watched } = make(type);
        map.update(key(1), bytes(1, 2, 3, 4));
        assert.equal(await watched.restore(), undefined);
        await watched.learn();
        assert.equal(await watched.restore(), undefined);
        assert.deepEqual(map.lookup(key(1)), bytes(1, 2, 3, 4));
      });

      it('does not take back what the agent writes while it looks', async () => {
        const { map, watched } = make(type);
        watched.update(key(1), bytes(1, 2, 3, 4));
        await watched.learn();
        const original = map.chunks.bind(map);
        map.chunks = async function* (size) {
          for await (const chunk of original(size)) {
            const stale = { count: chunk.count, keys: Buffer.from(chunk.keys), values: Buffer.from(chunk.values) };
            watched.update(key(1), bytes(5, 5, 5, 5));
            watched.update(key(2), bytes(6, 6, 6, 6));
            yield stale;
          }
        };
        assert.equal(await watched.restore(), undefined);
        assert.deepEqual([map.lookup(key(1)), map.lookup(key(2))], [bytes(5, 5, 5, 5), bytes(6, 6, 6, 6)]);
      });
    });
  }

  it('puts back what was deleted, and deletes what nobody knows', async () => {
    const { map, watched } = make('hash');
    for (let i = 0; i < 4; i++) watched.update(key(i), bytes(i, 0, 0, 0));
    await watched.learn();
    map.delete(key(2));
    map.update(key(9), bytes(9, 9, 9, 9));
    assert.deepEqual(await watched.restore(), { map: 'm', changed: 0, missing: 1, foreign: 1 });
    assert.deepEqual([map.lookup(key(2)), map.lookup(key(9))], [bytes(2, 0, 0, 0), undefined]);
  });

  it('does not know what the map has refused', async () => {
    const { map, watched } = make('hash');
    watched.update(key(1), bytes(1, 1, 1, 1));
    await watched.learn();
    assert.throws(() => watched.update(key(1), bytes(2, 2, 2, 2), 'absent'));
    map.update(key(1), bytes(3, 3, 3, 3));
    await watched.restore();
    assert.deepEqual(map.lookup(key(1)), bytes(1, 1, 1, 1));
  });
});
