// The hash of tuples against the data plane's, which is asked by packets: where it puts a flow tells what it computes.
// Imports agent/datapath, live-plane.ts and flow-fixtures.ts.
// Nothing here is random: tuples come from a generator with a fixed seed.

import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { encodeIndex, type Flow, TCP_SEEN, type Tuple } from '../../../agent/datapath/layout.js';
import { flowCandidates, hashTuple, scaleHash, vipBit } from '../../../agent/datapath/tuple-hash.js';
import { addressBytes, formatAddress } from '../../../agent/model/address.js';
import { HOSTS, mapOf, OPEN } from './flow-fixtures.js';
import { type LivePlane, useLivePlane } from './live-plane.js';
import { PLANE_CONFIG, SIZES } from './planes.js';

const FAMILIES = [4, 6] as const;
type Family = (typeof FAMILIES)[number];

/** The n-th tuple: clients and ports in no pattern, TCP and UDP in turn (a multiplicative walk through 32 bits). */
function scatteredTuple(family: Family, n: number): Tuple {
  const bits = Math.imul(n + 1, 0x9e3779b1) >>> 0;
  const saddr = formatAddress(
    Uint8Array.of(...(family === 4 ? [10] : [0x20, 1, 0xd, 0xb8, ...Array(9).fill(1)]), bits >>> 24, bits >>> 16, bits >>> 8),
  );
  return { saddr, daddr: HOSTS[family].vip, sport: 1024 + (bits % 50021), dport: 80, protocol: n % 2 === 0 ? 'tcp' : 'udp' };
}

/** Index and bytes of every slot in use of a flow table. */
async function slotsInUse(plane: LivePlane, name: string, protocolAt: number): Promise<Map<number, Buffer>> {
  const found = new Map<number, Buffer>();
  for await (const { keys, values, count } of mapOf(plane, name).chunks()) {
    const size = mapOf(plane, name).valueSize;
    for (let i = 0; i < count; i++) {
      const value = values.subarray(i * size, (i + 1) * size);
      if (value[protocolAt] !== 0) found.set(keys.readUInt32LE(i * 4), Buffer.from(value));
    }
  }
  return found;
}

describe('the hash of tuples and the data plane', () => {
  const plane = useLivePlane();
  const slotSeed = PLANE_CONFIG.slotSeed;

  for (const family of FAMILIES) {
    const { layout, vip } = HOSTS[family];
    const protocolAt = layout.tuple.fields.protocol.offset;
    const serve = (action: 'snat' | 'dsr-l2'): void => {
      for (const protocol of ['tcp', 'udp'] as const) plane().serve(family, { address: vip, port: 80, protocol }, action);
    };

    it(`IPv${family}: a flow stands in the first of its candidates that was free`, async () => {
      serve('dsr-l2');
      const expected = new Map<number, string>();
      let later = 0;
      // Not so many that one would need the last four candidates: a half-open flow gives way before.
      for (let n = 0; n < 0.4 * SIZES.maxFlows; n++) {
        const tuple = scatteredTuple(family, n);
        assert.notEqual(plane().send(family, tuple), 'pass');
        const candidates = flowCandidates(hashTuple(layout.tuple.encode(tuple), slotSeed), SIZES.maxFlows);
        const slot = candidates.find((candidate) => !expected.has(candidate));
        assert.ok(slot !== undefined);
        if (candidates.indexOf(slot) >= 8) later++;
        expected.set(slot, JSON.stringify(tuple));
      }
      assert.ok(later > 0, 'the third bucket was needed');
      const found = await slotsInUse(plane(), layout.maps.conntrack, protocolAt);
      const tuples = new Map([...found].map(([slot, value]) => [slot, JSON.stringify(layout.slot.decode(value).tuple)]));
      assert.deepEqual(tuples, expected);
    });

    /** Writes a DSR flow of another client's into each candidate of `tuple`: established, but for what `changes` says of some. */
    function occupy(tuple: Tuple, changes: Readonly<Record<number, Partial<Flow>>> = {}): Map<number, Buffer> {
      const { backendId, backend } = HOSTS[family];
      const times = { created: 1, refreshed: plane().clock.now(), lastSeen: plane().clock.now() - 100 };
      const counted = {
        packets: 9,
        bytes: 900,
        serviceId: 7,
        snatPort: 0,
        reverse: 0,
        snatSource: 0,
        action: 'dsr-l2',
        tcpSeen: OPEN,
      } as const;
      const flow: Flow = { ...times, ...counted, backendId, backendGeneration: backend.generation };
      const places = flowCandidates(hashTuple(layout.tuple.encode(tuple), slotSeed), SIZES.maxFlows);
      return new Map(
        places.map((slot, i) => {
          const other = { ...scatteredTuple(family, 1000 + slot), protocol: 'tcp' as const };
          const value = layout.slot.encode({ tuple: other, flow: { ...flow, ...changes[i] } });
          mapOf(plane(), layout.maps.conntrack).update(encodeIndex(slot), value);
          return [slot, value];
        }),
      );
    }

    it(`IPv${family}: a flow whose candidates all hold live connections stands nowhere; DSR goes on without an entry`, async () => {
      const tuple = scatteredTuple(family, 1);
      const live = occupy(tuple);
      serve('snat');
      assert.equal(plane().send(family, tuple), 'drop');
      serve('dsr-l2');
      assert.equal(plane().send(family, tuple), 'redirect');
      assert.deepEqual(await slotsInUse(plane(), layout.maps.conntrack, protocolAt), live);
      assert.deepEqual(await slotsInUse(plane(), layout.maps.snat, protocolAt), new Map());
    });

    it(`IPv${family}: a flow that is put behind the first twelve slots is found there, and half-open ones in all twelve send none there`, () => {
      const lastSlots = mapOf(plane(), 'last_slots');
      const used = (): number | undefined => lastSlots.lookup(encodeIndex(0))?.readUInt32LE();
      const tuple = scatteredTuple(family, 1);
      const places = flowCandidates(hashTuple(layout.tuple.encode(tuple), slotSeed), SIZES.maxFlows);
      const packetsAt = (place: number): number | undefined => {
        const slot = layout.slot.decode(mapOf(plane(), layout.maps.conntrack).lookup(encodeIndex(places[place] as number)) as Buffer);
        return slot.tuple.saddr === tuple.saddr && slot.tuple.sport === tuple.sport ? slot.flow.packets : undefined;
      };
      serve('dsr-l2');
      lastSlots.update(encodeIndex(0), Buffer.alloc(8));
      const halfOpen = { tcpSeen: TCP_SEEN.syn, lastSeen: plane().clock.now() };
      occupy(tuple, Object.fromEntries(places.map((_, i) => [i, i === 3 ? { ...halfOpen, lastSeen: halfOpen.lastSeen - 2 } : halfOpen])));
      plane().send(family, tuple);
      assert.deepEqual([packetsAt(3), used()], [1, 0]);
      occupy(tuple, { 12: { backendGeneration: 4 } });
      plane().send(family, tuple);
      assert.deepEqual([packetsAt(12), used()], [1, 1]);
      plane().send(family, tuple);
      assert.equal(packetsAt(12), 2);
    });

    it(`IPv${family}: a flow takes the slot of one that has ended, else that of the half-open one that rested longest`, async () => {
      const tuple = scatteredTuple(family, 1);
      const halfOpen = (ticks: number) => ({ tcpSeen: TCP_SEEN.syn, lastSeen: plane().clock.now() - ticks });
      const orphan = { backendGeneration: 4, lastSeen: plane().clock.now() };
      serve('dsr-l2');
      for (const [changes, expected] of [
        [{ 1: halfOpen(200), 3: halfOpen(400), 4: halfOpen(300), 6: orphan }, 6],
        [{ 1: halfOpen(200), 3: halfOpen(400), 4: halfOpen(300) }, 3],
      ] as const) {
        const places = [...occupy(tuple, changes).keys()];
        plane().send(family, tuple);
        const found = await slotsInUse(plane(), layout.maps.conntrack, protocolAt);
        const at = places.findIndex((slot) => isDeepStrictEqual(layout.slot.decode(found.get(slot) as Buffer).tuple, tuple));
        assert.equal(at, expected);
      }
    });

    it(`IPv${family}: a reverse entry stands in the one slot of its tuple, and names the flow that names it`, async () => {
      serve('snat');
      for (let n = 0; n < 500; n++) assert.notEqual(plane().send(family, scatteredTuple(family, n)), 'drop');
      const reverses = await slotsInUse(plane(), layout.maps.snat, protocolAt);
      const flows = await slotsInUse(plane(), layout.maps.conntrack, protocolAt);
      assert.deepEqual([reverses.size, flows.size], [500, 500]);
      for (const [slot, value] of reverses) {
        const { tuple, flow } = layout.reverse.decode(value);
        assert.equal(scaleHash(hashTuple(layout.tuple.encode(tuple), slotSeed), SIZES.maxFlows), slot);
        assert.equal(layout.slot.decode(flows.get(flow) as Buffer).flow.reverse, slot);
      }
    });

    it(`IPv${family}: the count of claims, which a slot's tuple has and a packet's has not, changes no hash`, async () => {
      serve('dsr-l2');
      const tuple = scatteredTuple(family, 1);
      plane().send(family, tuple);
      const [[slot, value] = []] = await slotsInUse(plane(), layout.maps.conntrack, protocolAt);
      assert.ok(slot !== undefined && value !== undefined);
      const claimed = value.subarray(0, layout.tuple.size);
      assert.notDeepEqual(claimed, layout.tuple.encode(tuple), 'the slot was claimed');
      assert.equal(hashTuple(claimed, slotSeed), hashTuple(layout.tuple.encode(tuple), slotSeed));
      assert.deepEqual(mapOf(plane(), layout.maps.conntrack).lookup(encodeIndex(slot)), value);
    });

    it(`IPv${family}: a service is found by the bit of its address, and by no other`, () => {
      for (let n = 0; n < 100; n++) {
        const address = scatteredTuple(family, n).saddr;
        const tuple: Tuple = { saddr: HOSTS[family].client(n), daddr: address, sport: 20000, dport: 80, protocol: 'tcp' };
        const frontend = { address, port: 80, protocol: 'tcp' } as const;
        plane().serve(family, frontend, 'dsr-l2');
        const vips = mapOf(plane(), 'vips');
        const bit = vipBit(addressBytes(address));
        const word = vips.lookup(encodeIndex(bit >> 6)) as Buffer;
        const alone = Buffer.alloc(8);
        alone.writeBigUInt64LE(1n << BigInt(bit & 63));
        vips.update(encodeIndex(bit >> 6), alone);
        assert.notEqual(plane().send(family, tuple), 'pass', `${address}: bit ${bit}`);
        for (let i = 0; i < 8; i++) alone[i] = ~(alone[i] as number);
        vips.update(encodeIndex(bit >> 6), alone);
        assert.equal(plane().send(family, { ...tuple, sport: 20001 }), 'pass', `${address}: all bits of the word but ${bit}`);
        vips.update(encodeIndex(bit >> 6), word);
        plane().datapath.services.delete(frontend);
      }
    });
  }
});
