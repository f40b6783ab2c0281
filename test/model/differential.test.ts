// The data plane in the kernel against the reference model: random sequences of packets and changes in random worlds.
// Imports the model, its campaign and test/bpf's harness. Needs root. `npm run fuzz` is the same for as long as you like.
// A failure prints the shortest sequence found as a story with each frame in hex; FAIRLEAD_FUZZ_SEED repeats it.

import assert from 'node:assert/strict';
import { REASONS } from '../../agent/model/reasons.js';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import { useLoader } from '../bpf/harness.js';
import { skipTest } from '../tools/skip.js';
import { checkSequences } from './check.js';
import { loadTested, PROGRAMS_THAT_ASK, type ProgramName } from './kernels.js';
import { Tally } from './sequence.js';

const { synCookies } = createLinuxPlatform().capabilities;
/** 580 sequences have about 51,000 packets. */
const RUNS: Readonly<Record<ProgramName, number>> = { tiny: 310, small: 125, large: 0, compiled: 80, asking: 70, pressed: 0 };
/** Reasons that no sequence can bring about: the settings are there, and the test's frames have room in front. */
const NEVER = ['adjust_head', 'config', 'headers_split', 'other_device', ...(synCookies ? [] : ['syn_challenged', 'syn_proven'])];

describe('the data plane against its model', function () {
  this.timeout(600_000);
  const loader = useLoader();
  const seed = Number(process.env['FAIRLEAD_FUZZ_SEED'] ?? 20261126);
  const tally = new Tally();

  for (const [name, sequences] of Object.entries(RUNS) as [ProgramName, number][]) {
    if (sequences === 0) continue;
    it(`agrees packet by packet (${name} tables)`, async function () {
      if (PROGRAMS_THAT_ASK.includes(name) && !synCookies) skipTest(this, 'this kernel makes no SYN cookies for BPF programs');
      const { kernel, settings } = await loadTested(loader(), name);
      checkSequences(kernel, { seed, sequences, steps: 250, ...(settings === undefined ? {} : { settings }) }, tally);
    });
  }

  it('was compared on 50,000 packets, and on all that can become of one', async () => {
    console.log(
      tally.packets,
      [...tally.reasons]
        .sort((a, b) => a[1] - b[1])
        .slice(0, 24)
        .join(' '),
    );
    assert.ok(tally.packets >= 50_000, `${tally.packets} packets`);
    const missing = REASONS.map(({ name }) => name).filter((name) => (tally.reasons.get(name) ?? 0) < 20);
    assert.deepEqual(missing, NEVER);
    // The program reads the clock up to three times for a packet that begins a flow: some ticks fall between, the more the busier the machine is.
    assert.ok(tally.unrepeated.length <= tally.packets / 5000, tally.unrepeated.join('\n'));
  });
});
