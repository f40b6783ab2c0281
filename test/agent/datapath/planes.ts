// What the tests of the typed tables run over: maps of the fake kernel, and the maps of the real program in this kernel.
// Imports the agent's compile step, platform/fake and platform/linux. The clock is set by hand in both.
// Nothing is attached or pinned.

import { compileObject } from '../../../agent/control/program/compile.js';
import { findSourceDirectory } from '../../../agent/control/program/sources.js';
import { Datapath, type DatapathBpf } from '../../../agent/datapath/datapath.js';
import { encodeIndex } from '../../../agent/datapath/layout.js';
import { buildConfig, buildMacros, type DataPlaneFacts } from '../../../agent/datapath/macros.js';
import { DEFAULT_SETTINGS } from '../../../agent/model/settings.js';
import { createFakePlatform, FakeKernel } from '../../../platform/fake/index.js';
import { createLinuxPlatform } from '../../../platform/linux/index.js';
import type { BpfMap, BpfProgram, Clock } from '../../../platform/port.js';
import { objectCache } from '../../../samples/founding-lab/object-cache.js';
import { skipTest } from '../../tools/skip.js';
import { dataPlaneMaps } from './map-specs.js';

export const SIZES = { maxFlows: 8192, maxServices: 64, maxBackends: 256, maglevSize: 251 };

export class HandClock implements Clock {
  readonly ticksPerSecond = 250;
  /** Near the wrap of 32 bits, so that every test crosses it or comes close. */
  ticks = 0xffffff00;

  now(): number {
    return this.ticks >>> 0;
  }

  nanoseconds(): bigint {
    return (BigInt(this.now()) * 1_000_000_000n) / BigInt(this.ticksPerSecond);
  }

  /** Lets seconds pass. */
  pass(seconds: number): void {
    this.ticks = (this.ticks + seconds * this.ticksPerSecond) >>> 0;
  }
}

export interface Plane {
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly inner: DatapathBpf;
  readonly clock: HandClock;
  readonly datapath: Datapath;
  close(): void;
}

export async function openFakePlane(): Promise<Plane> {
  const { bpf } = createFakePlatform(new FakeKernel({ maps: dataPlaneMaps(SIZES), cpus: 3 }));
  const program = await bpf.load({ objectFile: 'fairlead.o', program: 'fairlead', pinDirectory: undefined });
  const clock = new HandClock();
  return { maps: program.maps, inner: bpf, clock, datapath: Datapath.open(program.maps, bpf, clock), close: () => program.close() };
}

/** The settings of every plane here: built into the kernel's program, and in the config map once a test writes them there. */
export const PLANE_FACTS: DataPlaneFacts = {
  layoutDigest: '00000001',
  ticksPerSecond: 250,
  snatRange: [1024, 32767],
  lbAddresses: ['20.1.1.1', '2001:db8:1::1'],
  bootIdentity: 'the boot of a test',
};
export const PLANE_CONFIG = buildConfig({ ...DEFAULT_SETTINGS, maglevSize: SIZES.maglevSize }, PLANE_FACTS);

export interface LoadedProgram {
  readonly program: BpfProgram;
  readonly inner: DatapathBpf;
  /** The time that the program itself sees. */
  readonly clock: Clock;
}

/** Compiles and loads the data plane with PLANE_CONFIG; nothing is pinned or attached. */
export async function loadProgram(): Promise<LoadedProgram> {
  const platform = createLinuxPlatform();
  const { objectFile } = await compileObject({
    clang: 'clang',
    cacheDirectory: objectCache('tables'),
    sourceDirectory: findSourceDirectory(),
    source: 'fairlead.c',
    flavour: platform.flavour,
    macros: buildMacros(PLANE_CONFIG, SIZES),
  });
  const program = await platform.bpf.load({ objectFile, program: 'fairlead', pinDirectory: undefined });
  return { program, inner: platform.bpf, clock: await platform.clock() };
}

/** Maglev tables that a test may have set. */
const SERVICE_IDS = 16;

/** Makes all maps as they were when the program was loaded: verifying it anew for each test would take most of their time. */
export async function empty(maps: Plane['maps']): Promise<void> {
  for (const map of maps.values()) {
    if (map.type === 'array_of_maps') {
      for (let id = 0; id <= SERVICE_IDS; id++) map.delete(encodeIndex(id));
    } else if (map.type === 'ringbuf') {
      // Nothing is written to it while no event is asked for.
    } else if (['hash', 'lru_hash', 'lpm_trie'].includes(map.type)) {
      for await (const { keys, count } of map.chunks(map.maxEntries)) await map.deleteMany(Buffer.from(keys), count);
    } else {
      const keys = Buffer.concat(Array.from({ length: map.maxEntries }, (_, i) => encodeIndex(i)));
      await map.updateMany(keys, Buffer.alloc(map.maxEntries * map.valueSize), map.maxEntries);
    }
  }
}

/** The same tests over the fake kernel's maps and over the kernel's; `plane()` is a fresh one in each test. */
export function describeTables(title: string, tests: (plane: () => Plane) => void): void {
  for (const where of ['on the fake kernel', 'on this kernel']) {
    describe(`${title}, ${where}`, () => {
      let plane: Plane | undefined;
      let loaded: LoadedProgram | undefined;
      before(async function () {
        if (where === 'on the fake kernel') return;
        if (process.getuid?.() !== 0) skipTest(this, 'BPF maps need root');
        loaded = await loadProgram();
      });
      after(() => loaded?.program.close());
      beforeEach(async () => {
        if (loaded === undefined) {
          plane = await openFakePlane();
          return;
        }
        const { program, inner } = loaded;
        const clock = new HandClock();
        await empty(program.maps);
        plane = { maps: program.maps, inner, clock, datapath: Datapath.open(program.maps, inner, clock), close: () => {} };
      });
      afterEach(() => {
        plane?.close();
        plane = undefined;
      });
      tests(() => plane as Plane);
    });
  }
}
