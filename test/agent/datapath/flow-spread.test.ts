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
  const FRONT = SLOTS / 4;
  const FEW = 5000;
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

      /** Which of `cells` equal regions of the front, or of the rest, a slot is in. */
      function regionOf(slot: number, cells: number): number {
        return Math.floor(slot < FRONT ? (slot * cells) / FRONT : ((slot - FRONT) * cells) / (SLOTS - FRONT));
      }

      it('sequential tuples are spread over the front, and over the rest, as by chance', () => {
        for (const i of [0, 4, 8]) {
          assert.ok(places.every((all) => (all[i] as number) < FRONT === (i === 0)));
          assert.ok(unevenness((all) => regionOf(all[i] as number, CELLS)) < EVEN, `candidate ${i}, regions`);
          assert.ok(unevenness((all) => (all[i] as number) % CELLS) < EVEN, `candidate ${i}, ways of neighbouring buckets`);
        }
      });

      it('flows that meet in one bucket behind the front are spread over the others of its page', () => {
        const bucketOf = (slot: number | undefined): number => ((slot as number) - FRONT) >> 3;
        const counts = [0, 0, 0, 0];
        for (const all of places) {
          const [second, third] = [bucketOf(all[4]), bucketOf(all[8])];
          assert.equal(second >> 2, third >> 2);
          counts[second ^ third] = (counts[second ^ third] as number) + 1;
        }
        assert.equal(counts[0], 0);
        for (const count of counts.slice(1)) assert.ok(Math.abs(count - FLOWS / 3) < FLOWS / 100, counts.join());
      });

      it('flows that meet in the front do not meet behind it', () => {
        for (const [one, other] of [
          [0, 4],
          [0, 8],
        ] as const)
          assert.ok(
            unevenness((all) => regionOf(all[one] as number, 32) * 32 + regionOf(all[other] as number, 32)) < EVEN,
            `${one}, ${other}`,
          );
      });

      it('live flows find a slot, the first thousands of them in the front', () => {
        // By chance: none is without one up to half of the table, 0.19 % are up to 70 %.
        const used = new Uint8Array(SLOTS);
        const refused: number[] = [];
        let inFront = 0;
        places.forEach((candidates, n) => {
          const slot = candidates.find((candidate) => used[candidate] === 0);
          if (slot === undefined) refused.push(n);
          else used[slot] = 1;
          if (n < FEW && slot !== undefined && slot < FRONT) inFront++;
        });
        const refusedUpTo = (share: number): number => refused.filter((n) => n < share * SLOTS).length / (share * SLOTS);
        assert.ok(inFront > 0.999 * FEW, `${inFront} of the first ${FEW} stand in the front`);
        assert.equal(refusedUpTo(0.4), 0);
        assert.ok(refusedUpTo(0.5) < 0.0001, `${refusedUpTo(0.5)} up to half of the table`);
        assert.ok(refusedUpTo(0.7) < 0.002, `${refusedUpTo(0.7)} up to 70 % of the table`);
      });
    });
  }
});
