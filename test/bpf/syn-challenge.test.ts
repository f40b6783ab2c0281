// SYN challenges: a client shows by a reset that it gets what is sent to its address, and only then opens a connection.
// Imports the harness and both worlds. Cookies are the kernel's own, so the test answers as a client does: it takes the number from what came.
// Needs root: without it the tests are skipped, and say so.

import assert from 'node:assert/strict';
import { encodeIndex, PROVEN } from '../../agent/datapath/layout.js';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import { buildFrame, ethernet, tcp, vlan } from '../support/packet/build.js';
import { assertFrame } from '../support/packet/diff.js';
import { findWrongChecksums } from '../support/packet/parse.js';
import { skipTest } from '../tools/skip.js';
import { countedReasons, putDefaults, send, useLoader } from './harness.js';
import type { DataPlane } from './load.js';
import { ipLayer } from './packet.js';
import { type PlaneState, readEntries } from './state.js';
import { establishedFlow, establishedReverse, serviceEntry } from './states.js';
import { FAMILIES_UNDER_TEST } from './under-test.js';
import { type Change, type World, WORLDS } from './world.js';

const SYN: Change = { flags: ['syn'], options: Buffer.from('020405b4', 'hex') };
const PROVEN_SECONDS = 600;

describe('SYN challenges', () => {
  const loader = useLoader();
  before(function () {
    if (!createLinuxPlatform().capabilities.synCookies) skipTest(this, 'this kernel makes no SYN cookies for BPF programs');
  });
  for (const family of FAMILIES_UNDER_TEST) describe(`IPv${family}`, () => describeFamily(WORLDS[family]));

  function describeFamily(world: World): void {
    const { CLIENT, family, LB, nthClient, request, SETTINGS, TRANSPORT, VIP } = world;
    let plane: DataPlane;

    /** Lets nobody be proven. */
    async function open(synChallenge: 'pressed' | 'always', state: Partial<PlaneState> = {}): Promise<void> {
      plane = await loader().load('compiled settings', { ...SETTINGS, newFlowRate: 20, synChallenge });
      await putDefaults(plane, world, state);
      const proven = plane.map('proven');
      const keys = Buffer.concat(Array.from({ length: proven.maxEntries }, (_, i) => encodeIndex(i)));
      await proven.updateMany(keys, Buffer.alloc(PROVEN.size * proven.maxEntries), proven.maxEntries);
    }
    const ask = (change: Change = {}, tag = 0) => {
      const { verdict, packet } = send(plane, request('tcp', { ...SYN, ...change }));
      assert.equal(verdict, 'tx');
      return packet.readUInt32BE(TRANSPORT + tag + 8);
    };
    const reset = (seq: number, ip: Change['ip'] = {}) =>
      buildFrame(
        ethernet({ dst: LB.mac, src: CLIENT.mac }),
        ipLayer(family, { src: CLIENT.address, dst: VIP.address, ttl: 64, ...ip }),
        tcp({ src: CLIENT.port, dst: VIP.tcpPort, window: 0, seq, ack: 0, flags: ['rst'] }),
      );

    it('a SYN is answered with an ACK that no client expects, and leaves nothing behind', async () => {
      await open('always');
      const { verdict, packet } = send(plane, request('tcp', { ...SYN, tags: [{ id: 5 }], payload: 'early', padding: 3 }));
      assert.equal(verdict, 'tx');
      const ack = packet.readUInt32BE(TRANSPORT + 4 + 8);
      const wanted = buildFrame(
        ethernet({ dst: CLIENT.mac, src: LB.mac }),
        vlan({ id: 5 }),
        ipLayer(family, { src: VIP.address, dst: CLIENT.address, ttl: 64 }),
        tcp({ src: VIP.tcpPort, dst: CLIENT.port, window: 0, seq: 0, ack, flags: ['ack'] }),
      );
      assertFrame(packet, wanted, 'the challenge');
      assert.deepEqual(findWrongChecksums(packet), []);
      assert.notEqual(ack, 0x01020305);
      assert.deepEqual(countedReasons(plane), { syn_challenged: 1 });
      assert.deepEqual(await readEntries(plane), { flows: [], replies: [] });
    });

    it('the reset with its number proves the address, for every port of it', async () => {
      await open('always');
      assert.equal(send(plane, reset(ask())).verdict, 'drop');
      assert.equal(send(plane, request('tcp', SYN)).verdict, 'tx');
      assert.equal(send(plane, request('tcp', { ...SYN, srcPort: 1025 })).verdict, 'tx');
      assert.deepEqual(countedReasons(plane), { syn_challenged: 1, syn_proven: 1, snat_request: 2 });
      assert.equal((await readEntries(plane)).flows.length, 2);
    });

    it('a reset with another number, or from another address, proves nothing', async () => {
      await open('always', { services: [serviceEntry(world, 'tcp', { action: 'dsr-l2' })] });
      const number = ask();
      // The kernel's cookies hold one of four segment sizes: three numbers beside the one that was sent would do as well.
      for (const wrong of [number + 16, number - 16, number ^ 0x8000_0000, 0]) send(plane, reset(wrong >>> 0));
      send(plane, reset(number, { src: nthClient(5) }));
      ask({ srcPort: 1025 });
      ask({ srcPort: 1025, ip: { src: nthClient(5) } });
      const counted = countedReasons(plane);
      assert.deepEqual([counted.syn_challenged, counted.syn_proven], [3, undefined]);
    });

    it('the proof of one address is not that of another', async () => {
      await open('always');
      send(plane, reset(ask()));
      ask({ ip: { src: nthClient(5) } });
      assert.deepEqual(countedReasons(plane), { syn_challenged: 2, syn_proven: 1 });
    });

    it('a proof lasts for ten minutes', async () => {
      await open('always');
      send(plane, reset(ask()));
      const proven = plane.map('proven');
      const age = async (seconds: number): Promise<void> => {
        const ticks = (plane.clock.now() - Math.round(seconds * plane.clock.ticksPerSecond)) >>> 0;
        for await (const { count, keys, values } of proven.chunks(4096)) {
          for (let i = 0; i < count; i++) {
            const { hash } = PROVEN.decode(values, i * PROVEN.size);
            if (hash !== 0) proven.update(Buffer.from(keys.subarray(i * 4, i * 4 + 4)), PROVEN.encode({ hash, when: ticks }));
          }
        }
      };
      await age(PROVEN_SECONDS - 3);
      assert.equal(send(plane, request('tcp', SYN)).verdict, 'tx');
      await age(PROVEN_SECONDS + 3);
      ask({ srcPort: 1025 });
      assert.deepEqual(countedReasons(plane), { syn_challenged: 2, syn_proven: 1, snat_request: 1 });
    });

    it('packets of flows, other segments, other protocols and other addresses are nothing to be asked about', async () => {
      await open('always', { flows: [establishedFlow(world, 'tcp')], replies: [establishedReverse(world, 'tcp')] });
      for (const flags of [['ack'], ['fin', 'ack'], ['rst']] as const) send(plane, request('tcp', { flags }));
      send(plane, request('udp', { payload: 'query' }));
      send(plane, request('tcp', { ...SYN, dstPort: 81 }));
      send(plane, request('tcp', { flags: ['syn', 'ack'], srcPort: 1025 }));
      assert.deepEqual(countedReasons(plane), { snat_request: 5, no_service: 1 });
    });

    it('a SYN from an address that is no single host is not answered', async () => {
      await open('always');
      for (const src of family === 4 ? ['224.0.0.1', '255.255.255.255'] : ['ff02::1']) {
        const before = countedReasons(plane).syn_challenged;
        send(plane, request('tcp', { ...SYN, ip: { src } }));
        assert.equal(countedReasons(plane).syn_challenged, before, src);
      }
      send(plane, request('tcp', { ...SYN, dstMac: 'ff:ff:ff:ff:ff:ff' }));
      assert.equal(countedReasons(plane).syn_challenged, undefined);
    });

    it('with `pressed`, SYNs are asked about once half of the new flows of this second have begun', async () => {
      await open('pressed', { window: { count: 9, beganAgo: 0 } });
      assert.equal(send(plane, request('tcp', SYN)).verdict, 'tx');
      assert.deepEqual(countedReasons(plane), { snat_request: 1 });
      ask({ srcPort: 1025 });
      assert.deepEqual(countedReasons(plane), { snat_request: 1, syn_challenged: 1 });
      await open('pressed', { window: { count: 20, beganAgo: 5 } });
      assert.equal(send(plane, request('tcp', SYN)).verdict, 'tx');
      assert.deepEqual(countedReasons(plane), { snat_request: 1 });
    });
  }
});
