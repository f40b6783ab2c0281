// How flows spread over the flow tables: evenly, whatever pattern their tuples have.
// Imports agent/datapath and flow-fixtures.ts. tuple-hash.test.ts shows that the data plane computes the same.
// Nothing here is random: tuples are counted up, and the seed is fixed.

import assert from 'node:assert/strict';
import type { Tuple } from '../../../agent/datapath/layout.js';
import { flowCandidates, hashTuple } from '../../../agent/datapath/tuple-hash.js';
import type { Family } from '../../../agent/model/address.js';
import { HOSTS } from './flow-fixtures.js';

describe('the spread of flows over the table', () => {
  const SLOTS = 131072;
  const FLOWS = 100_000;
  const CELLS = 1024;

  /** One client after the other, each with 50,000 ports in turn: what a load generator, or a NAT in front, does. */
  function sequentialPlaces(family: Family): (readonly number[])[] {
    const { layout, client, vip } = HOSTS[family];
    return Array.from({ length: FLOWS }, (_, n) => {
      const tuple: Tuple = { saddr: client(Math.floor(n / 50_000)), daddr: vip, sport: 1024 + (n % 50_000), dport: 80, protocol: 'tcp' };
      return flowCandidates(hashTuple(layout.tuple.encode(tuple), 0x0123456789abcdefn), SLOTS);
    });
  }

  for (const family of [4, 6] as const) {
    describe(`IPv${family}`, () => {
      let places: (readonly number[])[];
      before(() => {
        places = sequentialPlaces(family);
      });

      /** How far counts are from equal: chi-squared, here of 1023 degrees of freedom, so 1023 +- 45 by chance. */
      function unevenness(cellOf: (candidates: readonly number[]) => number): number {
        const counts = new Uint32Array(CELLS);
        for (const candidates of places) counts[cellOf(candidates)] = (counts[cellOf(candidates)] as number) + 1;
        const mean = FLOWS / CELLS;
        return counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
      }
      const EVEN = 1023 + 5 * 45;

      it('sequential tuples are spread over the table as by chance', () => {
        for (const i of [0, 4]) {
          assert.ok(unevenness((all) => Math.floor(((all[i] as number) * CELLS) / SLOTS)) < EVEN, `candidate ${i}, regions of the table`);
          assert.ok(unevenness((all) => (all[i] as number) % CELLS) < EVEN, `candidate ${i}, ways of neighbouring buckets`);
        }
      });

      it('flows that meet in one bucket do not meet in the other', () => {
        const region = (slot: number | undefined): number => Math.floor(((slot as number) * 32) / SLOTS);
        assert.ok(unevenness((all) => region(all[0]) * 32 + region(all[4])) < EVEN);
      });

      it('live flows find a slot as often as two random buckets of eight slots give one', () => {
        // The slots by chance: the first flow without one comes at some 40 % of the table; 0.01 % of all up to half, 0.3 % up to 70 %.
        const used = new Uint8Array(SLOTS);
        const refused: number[] = [];
        places.forEach((candidates, n) => {
          const slot = candidates.find((candidate) => used[candidate] === 0);
          if (slot === undefined) refused.push(n);
          else used[slot] = 1;
        });
        const refusedUpTo = (share: number): number => refused.filter((n) => n < share * SLOTS).length / (share * SLOTS);
        assert.equal(refusedUpTo(0.35), 0);
        assert.ok(refusedUpTo(0.5) < 0.0003, `${refusedUpTo(0.5)} up to half of the table`);
        assert.ok(refusedUpTo(0.7) < 0.005, `${refusedUpTo(0.7)} up to 70 % of the table`);
      });
    });
  }
});
