// `npm run matrix`: compiles the data plane in its combinations of features with every clang of the distribution, and has the kernel verify each.
// `-- --all` tries every combination (hours); `--update` records the sizes; `--clang clang-14,clang-19` takes these compilers alone.
// Imports its siblings, platform/linux and tools/setup. Apart from `npm test`: it takes minutes and installs compilers.
// Invariant: exit status 0 when all loads and nothing has grown beyond its record, else 1.

import { mkdtempSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLinuxPlatform } from '../../platform/linux/index.js';
// @ts-expect-error plain JavaScript, as it runs before anything is installed
import { installPackages } from '../../tools/setup/packages.mjs';
// @ts-expect-error the same
import { findProgram } from '../../tools/setup/run.mjs';
import { alone, most, pairwise, product } from './combinations.js';
import { FEATURES, MAP_MACROS, MAP_NAME, macrosOf, nameOf } from './features.js';
import { Measurer, type Size } from './measure.js';
import { growthOf, readRecord, writeRecord } from './record.js';

/** Of Debian 12, oldest and newest included. */
const CLANGS = ['clang-14', 'clang-15', 'clang-16', 'clang-19', 'clang-22'];

const { values } = parseArgs({ options: { all: { type: 'boolean' }, update: { type: 'boolean' }, clang: { type: 'string' } } });
const clangs = values.clang?.split(',') ?? CLANGS;
installPackages(clangs.filter((name) => findProgram(name) === undefined));

const combinations = values.all === true ? [...product(FEATURES)] : [...alone(FEATURES), most(FEATURES), ...pairwise(FEATURES)];
const builds = new Map([[MAP_NAME, MAP_MACROS], ...combinations.map((one) => [nameOf(one), macrosOf(one)] as const)]);
const directory = mkdtempSync(join(tmpdir(), 'fairlead-matrix-'));
const measurer = new Measurer(createLinuxPlatform(), directory);
const record = readRecord();
const sizes: Record<string, Record<string, Size>> = { ...record.sizes };
let failures = 0;

console.log(
  `${builds.size} builds, ${clangs.length} compilers, kernel ${release()}${record.kernel === release() ? '' : ` (recorded on ${record.kernel})`}`,
);
console.log('clang      builds  refused  verified (least, most)  translated (most)  machine code (most)');
try {
  for (const clang of clangs) {
    const version = clang.replace(/^clang-/, '');
    const measured: Record<string, Size> = {};
    const complaints: string[] = [];
    for (const [name, macros] of builds) {
      const result = await measurer.measure(clang, macros);
      if ('refused' in result) complaints.push(`${name}: ${result.refused}`);
      else {
        measured[name] = result.size;
        const before = record.sizes[version]?.[name];
        if (before !== undefined && values.update !== true)
          complaints.push(...growthOf(before, result.size).map((line) => `${name}: ${line}`));
      }
    }
    const all = Object.values(measured);
    const top = (key: keyof Size) => Math.max(...all.map((size) => size[key]));
    const least = Math.min(...all.map(({ verified }) => verified));
    const refused = builds.size - all.length;
    console.log(
      `${clang.padEnd(10)} ${String(builds.size).padStart(6)}  ${String(refused).padStart(7)}  ${`${least}, ${top('verified')}`.padStart(22)}  ${String(top('translated')).padStart(17)}  ${String(top('machineCode')).padStart(19)}`,
    );
    for (const line of complaints) console.log(`  ${line}`);
    failures += complaints.length;
    sizes[version] = measured;
  }
  if (values.update === true) writeRecord({ kernel: release(), sizes });
  else if (failures > 0) console.log('what may be as large as it is: npm run matrix -- --update');
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;
