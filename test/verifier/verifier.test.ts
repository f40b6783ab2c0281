import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import { skipTest } from '../tools/skip.js';
import { alone, most, pairwise, product } from './combinations.js';
import { FEATURES, type Feature, MAP_MACROS, MAP_NAME, macrosOf, nameOf } from './features.js';
import { Measurer } from './measure.js';
import { growthOf, readRecord } from './record.js';

/** Macros whose value is a number in the same code. */
const NUMBERS =
  /^FL_(LAYOUT|TICKS_PER_SECOND|MAGLEV_SIZE|TIMEOUT_\w+|SNAT_PORT_M(IN|AX)|HASH_SEED|SLOT_SEED|LB[46]_ADDRESS_0|MAX_(FLOWS|SERVICES|BACKENDS))$/;

describe('combinations of features', () => {
  const features = (sizes: readonly number[]): readonly Feature[] =>
    sizes.map((size, i) => ({ name: `f${i}`, choices: Array.from({ length: size }, (_, word) => ({ word: `w${word}` })) }));

  it('have every pair of choices in one, in far fewer than all', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 9 }), (sizes) => {
        const made = pairwise(features(sizes));
        for (let a = 0; a < sizes.length; a++)
          for (let b = a + 1; b < sizes.length; b++)
            for (let x = 0; x < (sizes[a] ?? 0); x++)
              for (let y = 0; y < (sizes[b] ?? 0); y++)
                assert.ok(
                  made.some((one) => one[a] === x && one[b] === y),
                  `${a}:${x} ${b}:${y}`,
                );
      }),
      { numRuns: 50 },
    );
    const all = FEATURES.reduce((count, { choices }) => count * choices.length, 1);
    assert.ok(pairwise(FEATURES).length < 30 && all > 1000);
  });

  it('are all there in the product, each once', () => {
    const names = [...product(features([2, 3, 4]))].map((one) => one.join());
    assert.equal(new Set(names).size, 24);
  });

  it('vary every macro but those that are mere numbers', () => {
    const builds = alone(FEATURES).map(macrosOf);
    const constant = Object.keys(builds[0] ?? {}).filter((name) => builds.every((macros) => macros[name] === builds[0]?.[name]));
    assert.deepEqual(
      constant.filter((name) => !NUMBERS.test(name)),
      [],
      'a macro is in no feature of features.ts',
    );
  });
});

describe('the verifier', function () {
  this.timeout(120_000);
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-verifier-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  let measurer: Measurer;
  let version: string;

  before(function () {
    if (process.getuid?.() !== 0) skipTest(this, 'needs root to load programs');
    measurer = new Measurer(createLinuxPlatform(), directory);
    version = /version (\d+)/.exec(spawnSync('clang', ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? '?';
  });

  const builds = [
    [MAP_NAME, MAP_MACROS],
    [nameOf(most(FEATURES)), macrosOf(most(FEATURES))],
    [nameOf(alone(FEATURES)[0] ?? []), macrosOf(alone(FEATURES)[0] ?? [])],
  ] as const;
  for (const [name, macros] of builds) {
    it(`takes the program, no more than a tenth larger than it was: ${name}`, async () => {
      const result = await measurer.measure('clang', macros);
      assert.ok('size' in result, 'refused' in result ? result.refused : '');
      const record = readRecord();
      const before = record.sizes[version]?.[name];
      // Another compiler or kernel counts otherwise: what was recorded says nothing of it.
      if (before === undefined || record.kernel !== release()) return;
      assert.deepEqual(growthOf(before, result.size), [], 'if it may be so large: npm run matrix -- --update');
    });
  }

  it('is held to the record', () => {
    const size = { verified: 1000, translated: 100, machineCode: 500 };
    assert.deepEqual(growthOf(size, { verified: 1100, translated: 90, machineCode: 500 }), []);
    assert.deepEqual(growthOf(size, { ...size, verified: 1101 }), ['verified 1000 to 1101 (+10.1 %)']);
  });

  it('has taken every row of the record with every compiler of it', () => {
    const { sizes } = readRecord();
    assert.ok(Object.keys(sizes).length >= 5, Object.keys(sizes).join());
    const wanted = [MAP_NAME, ...[...alone(FEATURES), most(FEATURES), ...pairwise(FEATURES)].map(nameOf)].sort();
    for (const [clang, rows] of Object.entries(sizes))
      assert.deepEqual(Object.keys(rows).sort(), [...new Set(wanted)], `clang ${clang}: npm run matrix -- --update`);
  });
});
