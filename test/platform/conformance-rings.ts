// Conformance of ring buffers: order, limits, waiting, loss.
// Imports platform/port and its siblings.
// Invariant: the same expectations hold for the kernel and for the fake.

import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BpfMap, BpfProgram, Ring } from '../../platform/port.js';
import { type Subject, withCode } from './conformance.js';
import { u32 } from './probe-maps.js';

export function describeRings(subject: () => Subject): void {
  describe('ring buffers', () => {
    let program: BpfProgram;
    let ring: Ring;
    const map = (name: string): BpfMap => program.maps.get(name) as BpfMap;
    beforeEach(async () => {
      const { platform, objectFile } = subject();
      program = await platform.bpf.load({ objectFile, program: 'probe_record', pinDirectory: undefined });
      ring = platform.bpf.openRing(map('probe_ring'));
    });
    afterEach(() => {
      ring.close();
      program.close();
    });
    /** Puts two records in: the number, and the number with 12 bytes of zeros. */
    const put = (number: number): void => void program.testRun(Buffer.concat([u32(number)], 60));
    const numbers = (records: readonly Buffer[]): number[] => records.map((record) => record.readUInt32LE());

    it('give records once, in their order and length', () => {
      assert.deepEqual(ring.take(10), []);
      put(1);
      put(2);
      assert.deepEqual(ring.take(10), [u32(1), Buffer.concat([u32(1)], 16), u32(2), Buffer.concat([u32(2)], 16)]);
      assert.deepEqual(ring.take(10), []);
    });

    it('give no more than the limit, and the rest later', () => {
      put(1);
      put(2);
      assert.deepEqual(ring.take(0), []);
      assert.deepEqual(numbers(ring.take(3)), [1, 1, 2]);
      assert.deepEqual(numbers(ring.take(3)), [2]);
    });

    it('records are copies: they outlive what comes after them', () => {
      put(7);
      const first = ring.take(2);
      for (let round = 0; round < 500; round++) {
        put(1000 + round);
        ring.take(2);
      }
      assert.deepEqual(numbers(first), [7, 7]);
    });

    it('a full one loses what comes, not what is there', () => {
      for (let number = 0; number < 1000; number++) put(number);
      const kept = numbers(ring.take(10_000));
      assert.ok(kept.length > 100 && kept.length < 260, `${kept.length} records`);
      assert.deepEqual(kept.slice(0, 4), [0, 0, 1, 1]);
      put(5000);
      assert.deepEqual(numbers(ring.take(10)), [5000, 5000]);
    });

    it('whoever waits is woken by a record, again and again', async () => {
      for (let round = 0; round < 5; round++) {
        let woken = false;
        const waiting = ring.readable().then(() => {
          woken = true;
        });
        for (let turn = 0; turn < 5; turn++) await nextTurn();
        assert.equal(woken, false, 'nothing to read yet');
        put(round);
        await waiting;
        assert.deepEqual(numbers(ring.take(10)), [round, round]);
      }
    });

    it('whoever waits is woken at once when records are there already, also when some were taken', async () => {
      put(1);
      await ring.readable();
      assert.deepEqual(numbers(ring.take(1)), [1]);
      await ring.readable();
      assert.deepEqual(numbers(ring.take(1)), [1]);
    });

    it('closing ends a wait; a closed one gives nothing', async () => {
      const waiting = ring.readable();
      ring.close();
      await waiting;
      put(1);
      assert.deepEqual(ring.take(10), []);
      await ring.readable();
      ring.close();
    });

    it('what nobody took is there for the next reader', () => {
      put(3);
      ring.close();
      const next = subject().platform.bpf.openRing(map('probe_ring'));
      assert.deepEqual(numbers(next.take(10)), [3, 3]);
      next.close();
    });

    it('other maps are refused', () => {
      assert.throws(() => subject().platform.bpf.openRing(map('probe_hash')), withCode('FL_E_MAP', /probe_hash/));
    });
  });
}
