// Damaged frames: cut at every length, cut together with their length fields, and with random bytes changed.
// Imports the harness, the packet builder and fast-check; what a sound packet is, is said here anew, not taken from the product.
// Invariant: whatever is forwarded was a sound packet. bpf_prog_test_run takes no frame under 14 bytes, so none is shorter.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { computeChecksum } from '../support/packet/checksum.js';
import { assertFrame } from '../support/packet/diff.js';
import { countedReasons, putDefaults, send, useLoader } from './harness.js';
import { readEntries } from './state.js';
import { newReverse, serviceEntry } from './states.js';
import { ONE_PORT, reply, request } from './world.js';

const ETHERNET = 14;
const services = (action: 'snat' | 'dsr-ipip' | 'dsr-l2') => [serviceEntry('tcp', { action }), serviceEntry('udp', { action })];
const BEFORE = {
  snat: { services: services('snat'), replies: [newReverse('tcp'), newReverse('udp')] },
  'dsr-ipip': { services: services('dsr-ipip') },
  'dsr-l2': { services: services('dsr-l2') },
};
const options = Buffer.from('020405b4', 'hex');
const KINDS = {
  'a TCP request': request('tcp', { flags: ['syn'], options, payload: 'some data' }),
  'a UDP request': request('udp', { payload: 'a query' }),
  'a TCP reply': reply('tcp', { options, payload: 'some data' }),
  'a UDP reply': reply('udp', { payload: 'an answer' }),
};

/** RFC 791, 768, 9293: may a balancer forward this? Checksums are the receiver's to check. */
function isSound(frame: Buffer): boolean {
  const ip = frame.subarray(ETHERNET);
  if (ip.length < 20 || frame.readUInt16BE(12) !== 0x0800 || ip[0] !== 0x45) return false;
  const length = ip.readUInt16BE(2);
  const protocol = ip[9];
  if (length > ip.length || ip.readUInt16BE(6) & 0x3fff || (ip[8] as number) <= 1) return false;
  const segment = ip.subarray(20, Math.max(length, 20));
  if (protocol === 17) return segment.length >= 8 && segment.readUInt16BE(4) >= 8 && segment.readUInt16BE(4) <= segment.length;
  const offset = ((segment[12] ?? 0) >> 4) * 4;
  return protocol === 6 && segment.length >= 20 && offset >= 20 && offset <= segment.length;
}

describe('damaged packets', () => {
  const loader = useLoader();
  for (const [action, before] of Object.entries(BEFORE)) {
    for (const [kind, whole] of Object.entries(KINDS)) {
      it(`${kind} cut at any length passes as malformed and changes nothing (${action})`, async () => {
        const plane = await loader().load('compiled settings', ONE_PORT);
        await putDefaults(plane, before);
        const entries = async () => {
          const { flows, replies } = await readEntries(plane);
          return { flows, replies: replies.map((entry) => ({ ...entry, seenAgo: 0 })) };
        };
        const stood = await entries();
        for (let length = ETHERNET; length < whole.length; length++) {
          const cut = whole.subarray(0, length);
          const run = send(plane, cut);
          assert.equal(run.verdict, 'pass', `${length} bytes`);
          assertFrame(run.packet, cut);
        }
        assert.deepEqual(countedReasons(plane), { malformed: whole.length - ETHERNET });
        assert.deepEqual(await entries(), stood);
      });
    }
  }

  for (const [kind, whole] of Object.entries(KINDS)) {
    it(`${kind} whose total length is cut with it is forwarded only while its headers are whole`, async () => {
      const plane = await loader().load('compiled settings', ONE_PORT);
      for (let length = ETHERNET + 20; length <= whole.length; length++) {
        const cut = Buffer.from(whole.subarray(0, length));
        cut.writeUInt16BE(length - ETHERNET, ETHERNET + 2);
        cut.writeUInt16BE(0, ETHERNET + 10);
        cut.writeUInt16BE(computeChecksum(cut.subarray(ETHERNET, ETHERNET + 20)), ETHERNET + 10);
        await putDefaults(plane, BEFORE.snat);
        assert.equal(send(plane, cut).verdict, isSound(cut) ? 'tx' : 'pass', `${length} bytes`);
      }
    });
  }

  for (const action of Object.keys(BEFORE) as (keyof typeof BEFORE)[]) {
    it(`random damage to the headers never gets an unsound packet forwarded (${action})`, async () => {
      const plane = await loader().load('compiled settings', ONE_PORT);
      await putDefaults(plane, BEFORE[action]);
      const damage = fc.array(fc.record({ at: fc.integer({ min: 12, max: 60 }), byte: fc.integer({ min: 0, max: 255 }) }), {
        maxLength: 3,
      });
      const seen = { forwarded: 0, other: 0 };
      fc.assert(
        fc.property(fc.constantFrom(...Object.values(KINDS)), damage, (whole, changes) => {
          const frame = Buffer.from(whole);
          for (const { at, byte } of changes) if (at < frame.length) frame[at] = byte;
          const { verdict } = send(plane, frame);
          assert.notEqual(verdict, 'aborted');
          const forwarded = verdict === 'tx' || verdict === 'redirect';
          if (forwarded) assert.ok(isSound(frame), frame.toString('hex'));
          seen[forwarded ? 'forwarded' : 'other']++;
        }),
        { numRuns: 3000 },
      );
      assert.ok(seen.forwarded > 100 && seen.other > 100, JSON.stringify(seen));
    });
  }
});
