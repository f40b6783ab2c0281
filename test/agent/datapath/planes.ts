// What the tests of the typed tables run over: maps of the fake kernel, and the maps of the real program in this kernel.
// Imports the agent's compile step, platform/fake and platform/linux. The clock is set by hand in both.
// Nothing is attached or pinned.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileObject } from '../../../agent/control/program/compile.js';
import { findSourceDirectory } from '../../../agent/control/program/sources.js';
import { Datapath } from '../../../agent/datapath/datapath.js';
import { BACKEND4, CONFIG, COUNTER, FLOW, FRONTEND4, REVERSE4, SERVICE, TUPLE4 } from '../../../agent/datapath/layout.js';
import { buildConfig, buildMacros } from '../../../agent/datapath/macros.js';
import type { InnerMaps } from '../../../agent/datapath/maglev-tables.js';
import { REASONS } from '../../../agent/model/reasons.js';
import { DEFAULT_SETTINGS } from '../../../agent/model/settings.js';
import { createFakePlatform, FakeKernel, type FakeMapSpec } from '../../../platform/fake/index.js';
import { createLinuxPlatform } from '../../../platform/linux/index.js';
import type { BpfMap, MapChunk } from '../../../platform/port.js';
import { skipTest } from '../../tools/skip.js';

export const SIZES = { maxFlows: 8192, maxServices: 64, maxBackends: 256, maglevSize: 251 };
const MAGLEV_TABLE = { type: 'array', keySize: 4, valueSize: 8, maxEntries: (SIZES.maglevSize + 1) / 2 } as const;

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
const MAP_SPECS: readonly FakeMapSpec[] = [
  { name: 'ct4', type: 'lru_hash', keySize: TUPLE4.size, valueSize: FLOW.size, maxEntries: SIZES.maxFlows },
  { name: 'snat4', type: 'lru_hash', keySize: TUPLE4.size, valueSize: REVERSE4.size, maxEntries: SIZES.maxFlows },
  { name: 'lb4_services', type: 'hash', keySize: FRONTEND4.size, valueSize: SERVICE.size, maxEntries: SIZES.maxServices },
  { name: 'lb4_backends', type: 'array', keySize: 4, valueSize: BACKEND4.size, maxEntries: SIZES.maxBackends },
  { name: 'lb_maglev_type', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 },
  { name: 'lb_maglev', type: 'array_of_maps', keySize: 4, valueSize: 4, maxEntries: 65536, inner: MAGLEV_TABLE },
  { name: 'metrics', type: 'percpu_array', keySize: 4, valueSize: COUNTER.size, maxEntries: REASONS.length },
  { name: 'config', type: 'array', keySize: 4, valueSize: CONFIG.size, maxEntries: 1 },
];

export async function openFakePlane(): Promise<Plane> {
  const { bpf } = createFakePlatform(new FakeKernel({ maps: MAP_SPECS, cpus: 3 }));
  const program = await bpf.load({ objectFile: 'fairlead.o', program: 'fairlead', pinDirectory: undefined });
  const clock = new HandClock();
  return { maps: program.maps, inner: bpf, clock, datapath: Datapath.open(program.maps, bpf, clock), close: () => program.close() };
}

/** The same plane, with `hook` run after each batch of this map was read and before it is handed out: a packet that comes just then. */
export function interrupt(plane: Plane, name: string, hook: () => void): Plane {
  const map = plane.maps.get(name) as BpfMap;
  async function* chunks(entries?: number): AsyncGenerator<MapChunk> {
    for await (const chunk of map.chunks(entries)) {
      hook();
      yield chunk;
    }
  }
  const interrupted = new Proxy(map, {
    get(target, property) {
      const value: unknown = property === 'chunks' ? chunks : Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const maps = new Map(plane.maps).set(name, interrupted);
  return { ...plane, datapath: Datapath.open(maps, plane.inner, plane.clock) };
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

/** The same tests over the fake kernel's maps and over the kernel's; `plane()` is a fresh one in each test. */
export function describeTables(title: string, tests: (plane: () => Plane) => void): void {
  for (const where of ['on the fake kernel', 'on this kernel']) {
    describe(`${title}, ${where}`, () => {
      let plane: Plane | undefined;
      let directory = '';
      before(function () {
        if (where === 'on this kernel' && process.getuid?.() !== 0) skipTest(this, 'BPF maps need root');
        directory = mkdtempSync(join(tmpdir(), 'fairlead-tables-'));
      });
      after(() => rmSync(directory, { recursive: true, force: true }));
      beforeEach(async () => {
        plane = where === 'on the fake kernel' ? await openFakePlane() : await openKernelPlane(directory);
      });
      afterEach(() => {
        plane?.close();
        plane = undefined;
      });
      tests(() => plane as Plane);
    });
  }
}
