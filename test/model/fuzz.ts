// `npm run fuzz -- [--packets N] [--seed S] [--program NAME]`: the data plane in the kernel against the model until N packets were compared.
// Imports the campaign and test/bpf's loader. Needs root; everything happens in a namespace without a name and in maps that nothing pins.
// Invariant: the seed of each part is printed before it runs, so that a difference can be found again.

import { parseArgs } from 'node:util';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import { Loader } from '../bpf/load.js';
import { checkSequences } from './check.js';
import { loadTested, PROGRAMS, PROGRAMS_THAT_ASK, type ProgramName } from './kernels.js';
import { Tally } from './sequence.js';

/** Sequences of a part. */
const PART = 100;
const STEPS = 250;

const { values } = parseArgs({
  options: { packets: { type: 'string', default: '1000000' }, seed: { type: 'string' }, program: { type: 'string' } },
});
const wanted = Number(values.packets);
const base = Number(values.seed ?? Math.floor(Math.random() * 0x7fffffff));
if (!Number.isInteger(wanted) || wanted < 1 || !Number.isInteger(base)) {
  console.error(`--packets ${values.packets} --seed ${values.seed ?? ''}: two numbers are needed`);
  process.exit(2);
}

const { synCookies } = createLinuxPlatform().capabilities;
const names = (Object.keys(PROGRAMS) as ProgramName[]).filter(
  (name) => (values.program ?? name) === name && (synCookies || !PROGRAMS_THAT_ASK.includes(name)),
);
if (names.length === 0) {
  console.error(`--program ${values.program}: none of ${Object.keys(PROGRAMS).join(', ')} that this kernel takes`);
  process.exit(2);
}

async function main(): Promise<number> {
  const loader = new Loader();
  const tally = new Tally();
  try {
    const programs = await Promise.all(names.map((name) => loadTested(loader, name)));
    const began = performance.now();
    for (let part = 0; tally.packets < wanted; part++) {
      const { kernel, settings, name } = programs[part % programs.length] as (typeof programs)[number];
      const seed = (base + part) & 0x7fffffff;
      const rate = Math.round(tally.packets / ((performance.now() - began) / 1000)) || 0;
      console.log(`seed ${seed}, ${name} tables: ${tally.packets} of ${wanted} packets, ${rate} a second`);
      checkSequences(kernel, { seed, sequences: PART, steps: STEPS, ...(settings === undefined ? {} : { settings }) }, tally);
    }
  } finally {
    loader.close();
  }
  for (const [reason, packets] of [...tally.reasons].sort((a, b) => b[1] - a[1])) console.log(`${String(packets).padStart(10)} ${reason}`);
  console.log(`${tally.packets} packets, no difference; ${tally.unrepeated.length} that did not come again (the clock)`);
  for (const difference of tally.unrepeated) console.log(difference);
  return 0;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  },
);
