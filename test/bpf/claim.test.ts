// Claims: of two CPUs that want one slot, one has it, by atomic instructions and without them.
// Imports the agent's compile step and platform/linux. Needs root and two CPUs: without them the tests are skipped, and say so.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileObject } from '../../agent/control/program/compile.js';
import { encodeIndex } from '../../agent/datapath/layout.js';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import type { BpfProgram } from '../../platform/port.js';
import { skipTest } from '../tools/skip.js';

/** The two run for so long, and until they have wanted the word at the same moment so often; on a busy machine, not for ever. */
const RUN_MS = 1000;
const MEETINGS = 20;
const PATIENCE_MS = 20_000;
const PIN = `/sys/fs/bpf/fairlead-claim-${process.pid}`;
/** The other CPU: says that it begins, and runs the pinned program until it is ended. */
const RIVAL = `
  import { createLinuxPlatform } from '${new URL('../../platform/linux/index.js', import.meta.url)}';
  const program = createLinuxPlatform().bpf.openPinnedProgram(process.argv[1]);
  process.stdout.write('begins');
  for (;;) program.testRun(Buffer.alloc(14), { repeat: 1000 });
`;

describe('claims', function () {
  this.timeout(60_000);
  const { bpf } = createLinuxPlatform();
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-claim-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  before(function () {
    if (process.getuid?.() !== 0) skipTest(this, 'loading programs needs root');
    if (availableParallelism() < 2) skipTest(this, 'two CPUs are needed to get in each other’s way');
  });

  const load = async (macros: Readonly<Record<string, number>>): Promise<BpfProgram> => {
    const sourceDirectory = fileURLToPath(new URL('.', import.meta.url));
    const request = { clang: 'clang', cacheDirectory: folder, sourceDirectory, source: 'claim-race.c', flavour: 'linux', macros } as const;
    const { objectFile } = await compileObject(request);
    return bpf.load({ objectFile, program: 'race', pinDirectory: undefined });
  };

  /** Runs the program here and in another process at once; how often one came a moment too late, and how often two had the word. */
  const race = async (macros: Readonly<Record<string, number>>): Promise<{ refused: number; overlaps: number }> => {
    const program = await load(macros);
    const count = () => {
      const found = program.maps.get('races')?.lookup(encodeIndex(0)) as Buffer;
      return { refused: found.readUInt32LE(8), overlaps: found.readUInt32LE(12) };
    };
    program.pin(PIN);
    const rival = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', RIVAL, PIN], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(rival.stdout, 'data');
      const began = performance.now();
      const goesOn = (elapsed: number) => elapsed < RUN_MS || (elapsed < PATIENCE_MS && count().refused + count().overlaps < MEETINGS);
      while (goesOn(performance.now() - began)) program.testRun(Buffer.alloc(14), { repeat: 1000 });
    } finally {
      rival.kill('SIGKILL');
      await once(rival, 'exit');
      bpf.removePins(PIN);
    }
    const counted = count();
    program.close();
    return counted;
  };

  for (const atomics of [1, 0]) {
    it(`give a slot to one CPU at a time, with${atomics === 1 ? '' : 'out'} atomic instructions`, async () => {
      const { refused, overlaps } = await race({ FL_HAS_ATOMICS: atomics });
      assert.equal(overlaps, 0);
      assert.ok(refused >= MEETINGS, `refused ${refused} times`);
    });
  }

  it('are what keeps the others out: without them two have it', async () => {
    const { overlaps } = await race({ RACE_UNGUARDED: 1 });
    assert.ok(overlaps > 0);
  });
});
