// What the tests of the typed tables run over: maps in memory, and the maps of the real program in this kernel.
// Imports the agent's compile step, platform/linux and memory-maps.ts. The clock is set by hand in both.
// Nothing is attached or pinned.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileObject } from '../../../agent/control/compile.js';
import { findSourceDirectory } from '../../../agent/control/sources.js';
import { Datapath } from '../../../agent/datapath/datapath.js';
import { BACKEND4, CONFIG, COUNTER, FLOW, FRONTEND4, REVERSE4, SERVICE, TUPLE4 } from '../../../agent/datapath/layout.js';
import { buildConfig, buildMacros } from '../../../agent/datapath/macros.js';
import type { InnerMaps } from '../../../agent/datapath/maglev-tables.js';
import { REASONS } from '../../../agent/model/reasons.js';
import { DEFAULT_SETTINGS } from '../../../agent/model/settings.js';
import { createLinuxPlatform } from '../../../platform/linux/index.js';
import type { BpfMap, MapSpec } from '../../../platform/port.js';
import { skipTest } from '../../tools/skip.js';
import { MemoryMaps } from './memory-maps.js';

export const SIZES = { maxFlows: 8192, maxServices: 64, maxBackends: 256, maglevSize: 251 };
/** CPUs of the maps in memory. */
const CPUS = 3;

export class HandClock {
  readonly ticksPerSecond = 250;
  /** Near the wrap of 32 bits, so that every test crosses it or comes close. */
  ticks = 0xffffff00;

  now(): number {
    return this.ticks >>> 0;
  }

  /** Lets seconds pass. */
  pass(seconds: number): void {
    this.ticks = (this.ticks + seconds * this.ticksPerSecond) >>> 0;
  }
}

export interface Plane {
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly inner: InnerMaps;
  readonly clock: HandClock;
  readonly datapath: Datapath;
  close(): void;
}

/** The maps that bpf/fairlead.c declares. */
export const MAP_SPECS: readonly MapSpec[] = [
  { name: 'ct4', type: 'lru_hash', keySize: TUPLE4.size, valueSize: FLOW.size, maxEntries: SIZES.maxFlows },
  { name: 'snat4', type: 'lru_hash', keySize: TUPLE4.size, valueSize: REVERSE4.size, maxEntries: SIZES.maxFlows },
  { name: 'lb4_services', type: 'hash', keySize: FRONTEND4.size, valueSize: SERVICE.size, maxEntries: SIZES.maxServices },
  { name: 'lb4_backends', type: 'array', keySize: 4, valueSize: BACKEND4.size, maxEntries: SIZES.maxBackends },
  { name: 'lb_maglev', type: 'array_of_maps', keySize: 4, valueSize: 4, maxEntries: 65536 },
  { name: 'metrics', type: 'percpu_array', keySize: 4, valueSize: COUNTER.size * CPUS, maxEntries: REASONS.length },
  { name: 'config', type: 'array', keySize: 4, valueSize: CONFIG.size, maxEntries: 1 },
];

export function openMemoryPlane(): Plane {
  const inner = new MemoryMaps();
  const maps = new Map(MAP_SPECS.map((spec) => [spec.name, inner.createMap(spec)]));
  const clock = new HandClock();
  return { maps, inner, clock, datapath: Datapath.open(maps, inner, clock), close: () => {} };
}

async function openKernelPlane(cacheDirectory: string): Promise<Plane> {
  const platform = createLinuxPlatform();
  const clock = new HandClock();
  const config = buildConfig(
    { ...DEFAULT_SETTINGS, maglevSize: SIZES.maglevSize },
    { layoutDigest: '00000001', ticksPerSecond: clock.ticksPerSecond, snatRange: [1024, 32767], lbAddresses: ['20.1.1.1'] },
  );
  const { objectFile } = await compileObject({
    clang: 'clang',
    cacheDirectory,
    sourceDirectory: findSourceDirectory(),
    source: 'fairlead.c',
    flavour: platform.flavour,
    macros: buildMacros(config, SIZES),
  });
  const program = await platform.bpf.load({ objectFile, program: 'fairlead', pinDirectory: undefined });
  const datapath = Datapath.open(program.maps, platform.bpf, clock);
  return { maps: program.maps, inner: platform.bpf, clock, datapath, close: () => program.close() };
}

/** The same tests over maps in memory and over the kernel's; `plane()` is a fresh one in each test. */
export function describeTables(title: string, tests: (plane: () => Plane) => void): void {
  for (const where of ['in memory', 'in the kernel']) {
    describe(`${title}, ${where}`, () => {
      let plane: Plane | undefined;
      let directory = '';
      before(function () {
        if (where === 'in the kernel' && process.getuid?.() !== 0) skipTest(this, 'BPF maps need root');
        directory = mkdtempSync(join(tmpdir(), 'fairlead-tables-'));
      });
      after(() => rmSync(directory, { recursive: true, force: true }));
      beforeEach(async () => {
        plane = where === 'in memory' ? openMemoryPlane() : await openKernelPlane(directory);
      });
      afterEach(() => {
        plane?.close();
        plane = undefined;
      });
      tests(() => plane as Plane);
    });
  }
}
