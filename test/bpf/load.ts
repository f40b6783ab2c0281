// Compiles and loads the data plane for packet tests, with small maps and nothing pinned, once for each set of settings.
// Imports the agent's compile step and macros, platform/linux, and namespace.ts.
// FAIRLEAD_BPF_DIR names another folder of C sources: a test of the tests puts a broken copy there.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileObject } from '../../agent/control/program/compile.js';
import { findSourceDirectory } from '../../agent/control/program/sources.js';
import { encodeIndex } from '../../agent/datapath/layout.js';
import { buildConfig, buildMacros, encodeConfig, layoutDigest, type MapSizes, platformMacros } from '../../agent/datapath/macros.js';
import { SnatSourceTable } from '../../agent/datapath/snat-source-table.js';
import { familyOf } from '../../agent/model/address.js';
import { objectCache } from '../../samples/founding-lab/object-cache.js';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import type { BpfMap, BpfProgram, Clock, Platform } from '../../platform/port.js';
import { makeNamespace, type Namespace, runIp, setForwarding } from './namespace.js';
import { FIB_CLIENT_MAC } from './hosts.js';
import { FAMILIES_UNDER_TEST } from './under-test.js';
import { DEVICE, type PlaneSettings, WORLDS } from './world.js';

export type Flavour = 'compiled settings' | 'settings in the config map';

export const SIZES = { maxFlows: 512, maxServices: 16, maxBackends: 16, maglevSize: 251 };
/** Services that have a Maglev table. */
const TABLES = Array.from({ length: SIZES.maxServices }, (_, i) => i + 1);

/** A loaded program with its maps. */
export interface DataPlane {
  /** Where test packets come in: see world.ts for its device. */
  readonly namespace: Namespace;
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
  readonly #platform: Platform = createLinuxPlatform();
  readonly #sources = process.env.FAIRLEAD_BPF_DIR ?? findSourceDirectory();
  #namespace: Namespace | undefined;

  /** The program in this flavour with these settings and sizes (the Maglev tables' is fixed), its maps as the last user left them. */
  async load(flavour: Flavour, settings: PlaneSettings, sizes: MapSizes = SIZES): Promise<DataPlane> {
    this.#namespace ??= buildNetwork();
    const clock = await this.#platform.clock();
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
      ? { ...Object.fromEntries(sizeMacros), FL_CONFIG_FROM_MAP: 1 }
      : { ...all, ...platformMacros(this.#platform.capabilities) };
    const key = JSON.stringify(macros);
    const plane = this.#loaded.get(key) ?? (await this.#loadNew(this.#namespace, clock, config.slotSeed, macros));
    this.#loaded.set(key, plane);
    plane.map('config').update(encodeIndex(0), encodeConfig(config));
    new SnatSourceTable(plane.map('snat_sources')).set(settings.snatAddresses ?? []);
    return plane;
  }

  async #loadNew(
    namespace: Namespace,
    clock: Clock,
    slotSeed: bigint,
    macros: Readonly<Record<string, string | number>>,
  ): Promise<DataPlane> {
    const { objectFile } = await compileObject({
      clang: 'clang',
      cacheDirectory: objectCache(macros),
      sourceDirectory: this.#sources,
      source: 'fairlead.c',
      flavour: this.#platform.flavour,
      macros,
    });
    const program = await this.#platform.bpf.load({ objectFile, program: 'fairlead', pinDirectory: undefined });
    const map = (name: string): BpfMap => {
      const found = program.maps.get(name);
      if (found === undefined) throw new Error(`the program has no map ${name}`);
      return found;
    };
    const tables = new Map<number, BpfMap>();
    for (const id of TABLES) {
      const like = map('lb_maglev_type');
      const spec = { name: `maglev_${id}`, type: 'array', keySize: 4, valueSize: 8, maxEntries: (SIZES.maglevSize + 1) / 2, like } as const;
      const table = this.#platform.bpf.createMap(spec);
      await map('lb_maglev').setInner([{ key: encodeIndex(id), inner: table }]);
      tables.set(id, table);
    }
    return { program, clock, slotSeed, namespace, map, tables };
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

/** A device with a route and a neighbour that the FIB can be asked about; forwarding is off until a case turns it on. */
function buildNetwork(): Namespace {
  const namespace = makeNamespace();
  namespace.run(() => {
    runIp('link set lo up');
    runIp(`link add ${DEVICE.name} index ${DEVICE.index} address ${DEVICE.mac} type veth peer name peer0`);
    runIp(`link set ${DEVICE.name} up`);
    runIp('link set peer0 up');
    for (const { family, LB, CLIENT, PREFIX, FIB_NEIGHBOUR } of FAMILIES_UNDER_TEST.map((tested) => WORLDS[tested])) {
      runIp(`addr add ${LB.address}/${PREFIX} dev ${DEVICE.name}${family === 6 ? ' nodad' : ''}`);
      runIp(`neigh add ${FIB_NEIGHBOUR.address} lladdr ${FIB_NEIGHBOUR.mac} dev ${DEVICE.name} nud permanent`);
      runIp(`route replace ${CLIENT.address} dev ${DEVICE.name}`);
      runIp(`neigh add ${CLIENT.address} lladdr ${FIB_CLIENT_MAC} dev ${DEVICE.name} nud permanent`);
    }
    setForwarding(false);
  });
  return namespace;
}
