// decap_xdp against the model (model.ts) on damaged and invented frames: reason, verdict and every byte must agree.
// Imports platform/linux for test runs without a process each, and fast-check. The logic of decap_tc is the same source.
// Invariant: whatever is decapsulated, the model would have; a difference is a fault of one of both.

import assert from 'node:assert/strict';
import path from 'node:path';
import fc from 'fast-check';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import type { BpfProgram } from '../../platform/port.js';
import { skipTest } from '../tools/skip.js';
import { DECAP_CASES, HOST, PAIRS, VIP } from './decap-cases.js';
import { addressBytes, addressKey, internetChecksum } from './frames.js';
import { BACKENDS, cleanUp, compile, makeFolder, missing } from './lab.js';
import { decapsulate } from './model.js';

/** In the order of the counters' members, decap.h; decap.test.ts holds the names to the map's own description. */
const REASONS = [
  ...['decapsulated', 'not_ip', 'not_tunnel', 'not_local', 'truncated', 'outer_malformed', 'outer_options', 'outer_fragment'],
  ...['outer_checksum', 'inner_truncated', 'inner_malformed', 'inner_not_vip', 'inner_ttl', 'ecn_lost', 'kernel_refused'],
];
const LOST = ['ecn_lost', 'kernel_refused'];
const known = (addresses: Record<4 | 6, string>): Set<string> =>
  new Set(Object.values(addresses).map((text) => addressBytes(text).toString('hex')));
const [HOSTS, VIPS] = [known(HOST), known(VIP)];

const frames = DECAP_CASES.map((each) => each.in);
const anyFrame = fc.constantFrom(...frames);

/** The frame with a right checksum of its outer IPv4 header, if it has one: else most damage would end there. */
function mended(frame: Buffer): Buffer {
  if (frame.length < 34 || frame.readUInt16BE(12) !== 0x0800) return frame;
  frame.writeUInt16BE(0, 24);
  frame.writeUInt16BE(internetChecksum(frame.subarray(14, 34)), 24);
  return frame;
}

/** Few values that matter, at a place that headers have. */
const damage = fc.record({
  at: fc.nat(150),
  value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 4, 6, 8, 20, 40, 41, 43, 44, 60, 0x45, 0x46, 0x60, 0xff)),
  how: fc.constantFrom('set', 'flip', 'count up', 'count down', 'cut', 'longer'),
});

const damaged = fc.tuple(anyFrame, fc.array(damage, { minLength: 1, maxLength: 4 }), fc.boolean()).map(([frame, damages, mend]) => {
  let copy = Buffer.from(frame);
  for (const { at, value, how } of damages) {
    const place = at % copy.length;
    const was = copy[place] as number;
    if (how === 'set') copy[place] = value;
    else if (how === 'flip') copy[place] = was ^ (1 << (value % 8));
    else if (how === 'count up') copy[place] = was + 1;
    else if (how === 'count down') copy[place] = was - 1;
    else if (how === 'cut') copy = copy.subarray(0, Math.max(14, place));
    else copy = Buffer.concat([copy, Buffer.alloc(value, value)]);
  }
  return mend ? mended(copy) : copy;
});

/** An IPv6 packet to this host whose extension headers are invented, with a good inner packet behind them. */
const chain = fc
  .tuple(
    fc.constantFrom(...PAIRS.filter(([outer]) => outer === 6).map(([, inner]) => inner)),
    fc.array(
      fc.tuple(
        fc.constantFrom(0, 43, 44, 60, 60, 51, 6),
        fc.constantFrom('000401040101', '000401ff0101', 'options', 'random'),
        fc.nat(5),
        fc.nat(2 ** 32 - 1),
      ),
      { maxLength: 6 },
    ),
  )
  .map(([inner, headers]) => {
    const plain = DECAP_CASES.find((each) => each.text.startsWith(`IPv${inner} in IPv6: a UDP packet`))?.in as Buffer;
    const numbers = [...headers.map(([number]) => number), plain[14 + 6] as number];
    const parts = headers.map(([, kind, length, random], i) => {
      const bytes = Buffer.alloc(kind.startsWith('0') ? 8 : 8 * (length + 1));
      if (kind === 'random') for (let at = 2; at < bytes.length; at++) bytes[at] = (random >> (at % 24)) & 255;
      if (kind.startsWith('0')) Buffer.from(kind, 'hex').copy(bytes, 1);
      else bytes[1] = length;
      bytes[0] = numbers[i + 1] as number;
      return bytes;
    });
    const frame = Buffer.concat([plain.subarray(0, 54), ...parts, plain.subarray(54)]);
    frame[14 + 6] = numbers[0] as number;
    frame.writeUInt16BE(frame.length - 54, 14 + 4);
    return frame;
  });

describe('backends/linux/decap_xdp, against the model', function () {
  this.timeout(120_000);
  let program: BpfProgram | undefined;

  before(async function () {
    const reason = missing();
    if (reason !== undefined) skipTest(this, reason);
    const objectFile = compile(path.join(BACKENDS, 'decap_xdp.c'), makeFolder());
    program = await createLinuxPlatform().bpf.load({ objectFile, program: 'decap_xdp', pinDirectory: undefined });
    const one = Buffer.from('01000000', 'hex');
    for (const address of Object.values(HOST)) program.maps.get('addresses')?.update(addressKey(address), one);
    for (const address of Object.values(VIP)) program.maps.get('vips')?.update(addressKey(address), one);
  });

  after(() => {
    program?.close();
    cleanUp();
  });

  /** Packets counted by reason, over all CPUs. */
  function counted(): number[] {
    const all = program?.maps.get('counters')?.lookup(Buffer.alloc(4)) as Buffer;
    const sums = REASONS.map(() => 0);
    for (let at = 0; at < all.length; at += 16) {
      const reason = (at / 16) % REASONS.length;
      sums[reason] = (sums[reason] as number) + Number(all.readBigUInt64LE(at));
    }
    return sums;
  }

  /** Returns the reason on which both agree. */
  function agree(frame: Buffer): string {
    const expected = decapsulate(frame, HOSTS, VIPS);
    const before = counted();
    const run = (program as BpfProgram).testRun(frame);
    const reasons = counted().flatMap((count, index) => Array<string>(count - (before[index] as number)).fill(REASONS[index] as string));
    assert.deepEqual(reasons, [expected.reason]);
    assert.equal(run.verdict, LOST.includes(expected.reason) ? 'drop' : 'pass');
    assert.equal(run.packet.toString('hex'), (expected.out ?? frame).toString('hex'));
    return expected.reason;
  }

  it('on every case of the table, which the model passes as well', () => {
    for (const each of DECAP_CASES) {
      assert.equal(decapsulate(each.in, HOSTS, VIPS).reason, each.reason, each.text);
      agree(each.in);
    }
  });

  it('on every case cut at every byte', () => {
    for (const frame of frames.filter((each) => each.length < 300)) {
      for (let length = 14; length < frame.length; length++) agree(frame.subarray(0, length));
    }
  });

  it('on 30,000 damaged frames, and meets every reason among them', () => {
    const met = new Map<string, number>();
    const property = fc.property(damaged, (frame) => {
      const reason = agree(frame);
      met.set(reason, (met.get(reason) ?? 0) + 1);
    });
    fc.assert(property, { numRuns: 30_000 });
    const rare = REASONS.filter((reason) => reason !== 'kernel_refused' && (met.get(reason) ?? 0) < 20);
    assert.deepEqual(rare, [], JSON.stringify([...met]));
  });

  it('on 10,000 invented chains of extension headers', () => {
    fc.assert(
      fc.property(chain, (frame) => void agree(frame)),
      { numRuns: 10_000 },
    );
  });
});
