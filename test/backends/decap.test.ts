// Both decapsulators on single frames, through the kernel's test run (bpftool prog run).
// Every case holds for tc and for XDP, with other=pass and other=drop: verdict, bytes, and exactly one counter.
// tc is tested a second time on the way that it takes on a kernel before 6.3, which does not know a flag.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DECAP_CASES, HOST, VIP } from './decap-cases.js';
import { addressKey } from './frames.js';
import { BACKENDS, cleanUp, compile, makeFolder, makePinFolder, missing, run } from './lab.js';
import { skipTest } from '../tools/skip.js';

const VERDICTS = {
  tc: { pass: 0xffffffff, drop: 2 }, // TC_ACT_UNSPEC, TC_ACT_SHOT
  xdp: { pass: 2, drop: 1 }, // XDP_PASS, XDP_DROP
};
const OTHERS = ['pass', 'drop'] as const;

interface Counter {
  readonly packets: number;
  readonly bytes: number;
}

const VARIANTS = [
  { name: 'decap_tc', hook: 'tc', macros: [] },
  { name: 'decap_tc on an older kernel', hook: 'tc', macros: ['-DDECAP_F_TO_IPV4=(1ULL<<63)'] },
  { name: 'decap_xdp', hook: 'xdp', macros: [] },
] as const;

/** Counters by reason, summed over the CPUs. */
function readCounters(pins: string): Map<string, Counter> {
  const dump = JSON.parse(run('bpftool', '-j', 'map', 'dump', 'pinned', `${pins}/counters`)) as {
    formatted: { values: { value: Record<string, Counter> }[] };
  }[];
  const sums = new Map<string, Counter>();
  for (const { value } of dump.flatMap((entry) => entry.formatted.values)) {
    for (const [reason, { packets, bytes }] of Object.entries(value)) {
      const before = sums.get(reason) ?? { packets: 0, bytes: 0 };
      sums.set(reason, { packets: before.packets + packets, bytes: before.bytes + bytes });
    }
  }
  return sums;
}

for (const { name, hook, macros } of VARIANTS) {
  describe(`backends/linux/${name}`, function () {
    this.timeout(20_000);
    let folder = '';
    let pins = '';

    before(function () {
      const reason = missing();
      if (reason !== undefined) skipTest(this, reason);
      folder = makeFolder();
      pins = makePinFolder(hook);
      const object = compile(path.join(BACKENDS, `decap_${hook}.c`), folder, ...macros);
      run('bpftool', 'prog', 'load', object, `${pins}/program`, 'pinmaps', pins);
      for (const [map, known] of Object.entries({ vips: VIP, addresses: HOST })) {
        for (const address of Object.values(known)) {
          const key = [...addressKey(address)].map(String);
          run('bpftool', 'map', 'update', 'pinned', `${pins}/${map}`, 'key', ...key, 'value', '1', '0', '0', '0');
        }
      }
    });

    after(() => cleanUp());

    function pass(frame: Buffer): { verdict: number; frame: Buffer } {
      const input = path.join(folder, 'in');
      const output = path.join(folder, 'out');
      rmSync(output, { force: true });
      writeFileSync(input, frame);
      const answer = run('bpftool', 'prog', 'run', 'pinned', `${pins}/program`, 'data_in', input, 'data_out', output);
      const verdict = Number(/Return value: (\d+)/.exec(answer)?.[1]);
      return { verdict, frame: existsSync(output) ? readFileSync(output) : Buffer.alloc(0) };
    }

    for (const [index, other] of OTHERS.entries()) {
      describe(`with other=${other}`, () => {
        before(() => {
          run('bpftool', 'map', 'update', 'pinned', `${pins}/config`, 'key', '0', '0', '0', '0', 'value', String(index), '0', '0', '0');
        });

        for (const each of DECAP_CASES.filter((one) => one.hook === undefined || one.hook === hook)) {
          const dropped = each.fate === 'dropped' || (each.fate === 'choice' && other === 'drop');
          it(`${each.text}: ${each.reason}${dropped ? ', dropped' : ''}`, () => {
            const before = readCounters(pins);
            const result = pass(each.in);
            assert.equal(result.verdict, dropped ? VERDICTS[hook].drop : VERDICTS[hook].pass);
            assert.equal(result.frame.toString('hex'), (each.out ?? each.in).toString('hex'));
            for (const [reason, counter] of readCounters(pins)) {
              const hit = reason === each.reason;
              const earlier = before.get(reason) ?? { packets: 0, bytes: 0 };
              assert.equal(counter.packets - earlier.packets, hit ? 1 : 0, `packets of ${reason}`);
              assert.equal(counter.bytes - earlier.bytes, hit ? each.in.length : 0, `bytes of ${reason}`);
            }
          });
        }
      });
    }
  });
}
