// What tells the flows to one backend apart in the outer header: a source out of a prefix (--ipip-source), or the flow label of IPv6.
// Imports the harness and the IPv4 world. Needs root: without it the tests are skipped, and say so.

import assert from 'node:assert/strict';
import { assertFrame } from '../support/packet/diff.js';
import { findWrongChecksums } from '../support/packet/parse.js';
import { putDefaults, send, useLoader } from './harness.js';
import type { Flavour } from './load.js';
import { backendEntry, serviceEntry } from './states.js';
import { type Change, ETHERNET_HEADER, WORLDS } from './world.js';

const world = WORLDS[4];
const FLAVOURS: readonly Flavour[] = ['compiled settings', 'settings in the config map'];
const FLOWS = 256;
const PREFIX = { address: '10.9.64.0', length: 18 };

for (const flavour of FLAVOURS) {
  describe(`the entropy of outer headers, ${flavour}`, () => {
    const loader = useLoader();
    const changeOf = (flow: number): Change => ({ ip: { src: world.nthClient(flow >> 3) }, srcPort: 40000 + (flow & 7) });

    /** The outer header's source of a packet of this flow; the whole packet is compared. */
    async function sourcesOf(settings: typeof world.SETTINGS, flows: readonly number[]): Promise<readonly string[]> {
      const data = await loader().load(flavour, settings);
      await putDefaults(data, world, { services: [serviceEntry(world, 'tcp', { action: 'dsr-ipip' })] });
      return flows.map((flow) => {
        const { packet } = send(data, world.request('tcp', changeOf(flow)));
        const source = packet.subarray(ETHERNET_HEADER + 12, ETHERNET_HEADER + 16).join('.');
        assertFrame(packet, world.wrappedRequest('tcp', changeOf(flow), { src: source }), 'the packet out');
        assert.deepEqual(findWrongChecksums(packet), []);
        return source;
      });
    }
    const all = Array.from({ length: FLOWS }, (_, i) => i);

    it('gives flows sources of the prefix that differ', async () => {
      const sources = await sourcesOf({ ...world.SETTINGS, ipipSource: PREFIX }, all);
      for (const source of sources) {
        const [first, second, third = 0] = source.split('.').map(Number);
        assert.deepEqual([first, second, third >> 6], [10, 9, 1], source);
      }
      // 256 draws out of 16384 are 254 different ones on average, and not all of 16 queues by the low bits stay below twice their share.
      assert.ok(new Set(sources).size > 240, `${new Set(sources).size} different sources`);
      for (let queue = 0; queue < 16; queue++) {
        const load = sources.filter((source) => Number(source.split('.')[3]) % 16 === queue).length;
        assert.ok(load > 2 && load < 40, `${load} of ${FLOWS} flows on queue ${queue}`);
      }
    });

    it('gives all packets of a flow the same source', async () => {
      const sources = await sourcesOf({ ...world.SETTINGS, ipipSource: PREFIX }, Array(10).fill(3));
      assert.equal(new Set(sources).size, 1);
    });

    it('leaves the LB address as the source of all flows without a prefix', async () => {
      assert.deepEqual([...new Set(await sourcesOf(world.SETTINGS, all.slice(0, 20)))], [world.LB.address]);
    });

    it('gives the IPv4 flows to IPv6 backends flow labels that differ, one to each flow', async () => {
      const data = await loader().load(flavour, world.SETTINGS);
      const services = [serviceEntry(world, 'tcp', { action: 'dsr-ipip6' })];
      await putDefaults(data, world, { services, backends: [backendEntry(WORLDS[6], 'a')] });
      const labelOf = (flow: number, payload: string) =>
        send(data, world.request('tcp', { ...changeOf(flow), payload })).packet.readUInt32BE(ETHERNET_HEADER) & 0xfffff;
      const labels = all.map((flow) => labelOf(flow, ''));
      assert.ok(new Set(labels).size > 250, `${new Set(labels).size} different labels`);
      assert.deepEqual(
        all.map((flow) => labelOf(flow, 'more')),
        labels,
      );
    });
  });
}
