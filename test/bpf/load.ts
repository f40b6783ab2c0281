// Compiles and loads the data plane for packet tests, with small maps and nothing pinned, once for each set of settings.
// Imports the agent's compile step and macros, and the bed that it is loaded on.
// FAIRLEAD_BPF_DIR names another folder of C sources: a test of the tests puts a broken copy there.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileObject } from '../../agent/control/program/compile.js';
import { findSourceDirectory } from '../../agent/control/program/sources.js';
import { encodeIndex, MAGLEV_ROW, maglevRows } from '../../agent/datapath/layout.js';
import { buildConfig, buildMacros, encodeConfig, layoutDigest, type MapSizes, platformMacros } from '../../agent/datapath/macros.js';
import { SnatSourceTable } from '../../agent/datapath/snat-source-table.js';
import { familyOf } from '../../agent/model/address.js';
import { objectCache } from '../../samples/founding-lab/object-cache.js';
import type { BpfMap, BpfProgram, Clock } from '../../platform/port.js';
import { kernelBed } from './kernel-bed.js';
import type { TestBed } from './test-bed.js';
import { FAMILIES_UNDER_TEST } from './under-test.js';
import { type PlaneSettings, WORLDS } from './world.js';

export type Flavour = 'compiled settings' | 'settings in the config map';

export const SIZES = { maxFlows: 512, maxServices: 16, maxBackends: 16, maglevSize: 251 };
/** Value of last_slots: tests put flows wherever they may stand. tuple-hash.test.ts has one without it. */
export const LAST_SLOTS_USED = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
/** Services that have a Maglev table. */
const TABLES = Array.from({ length: SIZES.maxServices }, (_, i) => i + 1);

/** A loaded program with its maps. */
export interface DataPlane {
  /** Where test packets come in: see world.ts for its device. */
  readonly bed: TestBed;
  readonly program: BpfProgram;
  readonly clock: Clock;
  /** Of the flow tables' hash. */
  readonly slotSeed: bigint;
  map(name: string): BpfMap;
  /** The inner map of a service's Maglev table; its content may be rewritten in place. */
  readonly tables: ReadonlyMap<number, BpfMap>;
}

/** Loads data planes for one test file; `close` gives everything back. */
export class Loader {
  readonly #loaded = new Map<string, DataPlane>();
  readonly #bed: TestBed;
  readonly #sources = process.env.FAIRLEAD_BPF_DIR ?? findSourceDirectory();

  constructor(bed: TestBed = kernelBed()) {
    this.#bed = bed;
  }

  /** The program in this flavour with these settings and sizes (the Maglev tables' is fixed), its maps as the last user left them. */
  async load(flavour: Flavour, settings: PlaneSettings, sizes: MapSizes = SIZES): Promise<DataPlane> {
    const clock = await this.#bed.clock();
    const config = buildConfig(
      { earlyFragments: 'drop', vipUnknownPort: 'pass', ...settings, maglevSize: SIZES.maglevSize },
      {
        layoutDigest: layoutDigest(readFileSync(join(this.#sources, 'layout.h'), 'utf8'), sizes),
        ticksPerSecond: clock.ticksPerSecond,
        snatRange: settings.snatRange,
        lbAddresses: withBothFamilies(settings.lbAddresses),
        bootIdentity: 'packet tests',
      },
    );
    const generic = flavour === 'settings in the config map';
    const all = buildMacros(config, sizes);
    // Sizes are fixed when maps are made; a setting that came by macro into the build that reads the map would be an error.
    const sizeMacros = Object.entries(all).filter(([name]) => /^FL_(MAX_|MAGLEV_SIZE)/.test(name));
    const macros = generic
      ? { ...Object.fromEntries(sizeMacros), ...this.#bed.genericMacros, FL_CONFIG_FROM_MAP: 1 }
      : { ...all, ...platformMacros(this.#bed.capabilities) };
    const key = JSON.stringify(macros);
    const plane = this.#loaded.get(key) ?? (await this.#loadNew(clock, config.slotSeed, macros));
    this.#loaded.set(key, plane);
    plane.map('config').update(encodeIndex(0), encodeConfig(config));
    plane.map('last_slots').update(encodeIndex(0), LAST_SLOTS_USED);
    new SnatSourceTable(plane.map('snat_sources')).set(settings.snatAddresses ?? []);
    return plane;
  }

  async #loadNew(clock: Clock, slotSeed: bigint, macros: Readonly<Record<string, string | number>>): Promise<DataPlane> {
    const { objectFile } = await compileObject({
      clang: 'clang',
      cacheDirectory: objectCache([this.#bed.flavour, macros]),
      sourceDirectory: this.#sources,
      source: 'fairlead.c',
      flavour: this.#bed.flavour,
      macros,
    });
    const program = await this.#bed.load(objectFile);
    const map = (name: string): BpfMap => {
      const found = program.maps.get(name);
      if (found === undefined) throw new Error(`the program has no map ${name}`);
      return found;
    };
    const tables = new Map<number, BpfMap>();
    for (const id of TABLES) {
      const like = map('lb_maglev_type');
      const maxEntries = maglevRows(SIZES.maglevSize);
      const spec = { name: `maglev_${id}`, type: 'array', keySize: 4, valueSize: MAGLEV_ROW.size, maxEntries, like } as const;
      const table = this.#bed.createMap(spec);
      await map('lb_maglev').setInner([{ key: encodeIndex(id), inner: table }]);
      tables.set(id, table);
    }
    return { program, clock, slotSeed, bed: this.#bed, map, tables };
  }

  close(): void {
    for (const plane of this.#loaded.values()) {
      for (const table of plane.tables.values()) table.close();
      plane.program.close();
    }
  }
}

/** A family that the settings leave out has as many addresses as the other: programs for both families are then the same, compiled once. */
function withBothFamilies(addresses: readonly string[]): readonly string[] {
  return FAMILIES_UNDER_TEST.flatMap((family) => {
    const given = addresses.filter((address) => familyOf(address) === family);
    const { address, second, third, fourth } = WORLDS[family].LB;
    return given.length > 0 ? given : [address, second, third, fourth].slice(0, addresses.length);
  });
}
