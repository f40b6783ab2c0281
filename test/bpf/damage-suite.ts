// Damaged frames as a suite of tests: cut at every length, cut together with their length fields, and with random bytes changed.
// Imports the harness, sound.ts and fast-check.
// Invariant: whatever is forwarded was a sound packet. bpf_prog_test_run takes no frame under 14 bytes, so none is shorter.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { computeChecksum } from '../support/packet/checksum.js';
import { assertFrame } from '../support/packet/diff.js';
import { countedReasons, putDefaults, send, useLoader } from './harness.js';
import { readEntries } from './state.js';
import { newReverse, serviceEntry } from './states.js';
import { destinationOptions, hopByHop } from '../support/packet/build.js';
import { isSound } from './sound.js';
import type { TestBed } from './test-bed.js';
import { FAMILIES_UNDER_TEST, TAGS_AND_OPTIONS_UNDER_TEST } from './under-test.js';
import { ETHERNET_HEADER as ETHERNET, type World, WORLDS } from './world.js';

const services = (world: World, action: 'snat' | 'dsr-ipip' | 'dsr-l2') => [
  serviceEntry(world, 'tcp', { action }),
  serviceEntry(world, 'udp', { action }),
];
const statesBefore = (world: World) => ({
  snat: { services: services(world, 'snat'), replies: [newReverse(world, 'tcp', { packets: 1 }), newReverse(world, 'udp')] },
  'dsr-ipip': { services: services(world, 'dsr-ipip') },
  'dsr-l2': { services: services(world, 'dsr-l2') },
});
const options = Buffer.from('020405b4', 'hex');
const kindsOf = ({ reply, request }: World) => ({
  'a TCP request': request('tcp', { flags: ['syn'], options, payload: 'some data' }),
  'a UDP request': request('udp', { payload: 'a query' }),
  'a TCP reply': reply('tcp', { options, payload: 'some data' }),
  'a UDP reply': reply('udp', { payload: 'an answer' }),
});

/** Frames in which more than Ethernet, IP and transport must be found whole, as far as the data plane looks for it. */
const deepKindsOf = ({ family, request }: World): Readonly<Record<string, Buffer>> => {
  const tags = [{ id: 5, tpid: 0x88a8 }, { id: 7 }];
  const extensions = [hopByHop(), destinationOptions({ options: Buffer.alloc(14) })];
  return {
    ...(family === 6 ? { 'a request behind extension headers': request('tcp', { extensions, payload: 'some data' }) } : {}),
    ...(TAGS_AND_OPTIONS_UNDER_TEST ? { 'a tagged request': request('udp', { tags, payload: 'a query' }) } : {}),
    ...(TAGS_AND_OPTIONS_UNDER_TEST && family === 4
      ? { 'a request with IPv4 options': request('tcp', { ip: { v4: { options: Buffer.alloc(8, 1) } }, payload: 'some data' }) }
      : {}),
  };
};

export interface DamageSuite {
  /** What the packets run on, for the suite's title, if it is not this kernel. */
  readonly on?: string;
  /** Default: this kernel, which needs root. */
  readonly makeBed?: () => TestBed;
  /** How many frames have random damage, for each action. */
  readonly frames: number;
}

function describeDamageOf(world: World, { makeBed, frames }: DamageSuite): void {
  const { IP_HEADER, ONE_PORT, family } = world;
  const [BEFORE, KINDS] = [statesBefore(world), kindsOf(world)];
  const ALL_KINDS = { ...KINDS, ...deepKindsOf(world) };
  const loader = useLoader(makeBed);
  for (const [action, before] of Object.entries(BEFORE)) {
    for (const [kind, whole] of Object.entries(ALL_KINDS)) {
      it(`${kind} cut at any length passes as malformed and changes nothing (${action})`, async () => {
        const plane = await loader().load('compiled settings', ONE_PORT);
        await putDefaults(plane, world, before);
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
      for (let length = ETHERNET + IP_HEADER; length <= whole.length; length++) {
        const cut = Buffer.from(whole.subarray(0, length));
        if (family === 6) cut.writeUInt16BE(length - ETHERNET - IP_HEADER, ETHERNET + 4);
        else {
          cut.writeUInt16BE(length - ETHERNET, ETHERNET + 2);
          cut.writeUInt16BE(0, ETHERNET + 10);
          cut.writeUInt16BE(computeChecksum(cut.subarray(ETHERNET, ETHERNET + IP_HEADER)), ETHERNET + 10);
        }
        await putDefaults(plane, world, BEFORE.snat);
        assert.equal(send(plane, cut).verdict, isSound(cut, TAGS_AND_OPTIONS_UNDER_TEST) ? 'tx' : 'pass', `${length} bytes`);
      }
    });
  }

  for (const action of Object.keys(BEFORE) as (keyof typeof BEFORE)[]) {
    it(`random damage to the headers never gets an unsound packet forwarded (${action})`, async () => {
      const plane = await loader().load('compiled settings', ONE_PORT);
      await putDefaults(plane, world, BEFORE[action]);
      const damage = fc.array(fc.record({ at: fc.integer({ min: 12, max: IP_HEADER + 40 }), byte: fc.integer({ min: 0, max: 255 }) }), {
        maxLength: 3,
      });
      const seen = { forwarded: 0, other: 0 };
      fc.assert(
        fc.property(fc.constantFrom(...Object.values(ALL_KINDS)), damage, (whole, changes) => {
          const frame = Buffer.from(whole);
          for (const { at, byte } of changes) if (at < frame.length) frame[at] = byte;
          const { verdict } = send(plane, frame);
          assert.notEqual(verdict, 'aborted');
          const forwarded = verdict === 'tx' || verdict === 'redirect';
          if (forwarded) assert.ok(isSound(frame, TAGS_AND_OPTIONS_UNDER_TEST), frame.toString('hex'));
          seen[forwarded ? 'forwarded' : 'other']++;
        }),
        { numRuns: frames },
      );
      assert.ok(Math.min(seen.forwarded, seen.other) > frames / 30, JSON.stringify(seen));
    });
  }
}

/** One describe() for each family. */
export function describeDamage(suite: DamageSuite): void {
  for (const family of FAMILIES_UNDER_TEST) {
    describe(`damaged packets${suite.on === undefined ? '' : ` on ${suite.on}`}, IPv${family}`, () =>
      describeDamageOf(WORLDS[family], suite));
  }
}
