// The data plane's maps as typed tables. agent/control reads and writes them through this and nothing else.
// Imports agent/model, platform/port and its siblings.
// Invariant: maps of another layout are refused when the tables are opened, not misread later.

import type { BpfMap, Clock } from '../../platform/port.js';
import { FairleadError } from '../model/errors.js';
import { BackendTable } from './backend-table.js';
import { ConfigTable } from './config-table.js';
import { FAMILIES } from './families.js';
import { FlowTable } from './flow-table.js';
import { CONFIG, COUNTER, FLOW, MAGLEV_PAIR, SERVICE } from './layout.js';
import { type InnerMaps, MaglevTables } from './maglev-tables.js';
import { MetricsTable } from './metrics-table.js';
import { ServiceTable } from './service-table.js';

export class Datapath {
  readonly services: ServiceTable;
  readonly backends: BackendTable;
  readonly maglev: MaglevTables;
  readonly flows: FlowTable;
  readonly metrics: MetricsTable;
  readonly config: ConfigTable;
  readonly #maps: readonly BpfMap[];

  private constructor(open: (name: string, keySize: number, valueSize: number) => BpfMap, inner: InnerMaps, clock: Clock) {
    const used: BpfMap[] = [];
    const take = (name: string, keySize: number, valueSize: number): BpfMap => {
      const map = open(name, keySize, valueSize);
      used.push(map);
      return map;
    };
    this.services = new ServiceTable(
      FAMILIES.map((layout) => ({ layout, map: take(layout.maps.services, layout.frontend.size, SERVICE.size) })),
    );
    this.backends = new BackendTable(FAMILIES.map((layout) => ({ layout, map: take(layout.maps.backends, 4, layout.backend.size) })));
    const flowMaps = FAMILIES.map((layout) => ({
      layout,
      conntrack: take(layout.maps.conntrack, layout.tuple.size, FLOW.size),
      snat: take(layout.maps.snat, layout.tuple.size, layout.reverse.size),
    }));
    this.flows = new FlowTable(flowMaps, this.backends, clock);
    this.maglev = new MaglevTables(take('lb_maglev', 4, 4), take('lb_maglev_type', 4, MAGLEV_PAIR.size), inner);
    this.metrics = new MetricsTable(take('metrics', 4, COUNTER.size));
    this.config = new ConfigTable(take('config', 4, CONFIG.size));
    this.#maps = used;
  }

  /**
   * Opens the tables over a program's maps. `inner` makes and opens the inner Maglev maps: pass platform.bpf.
   * Throws FL_E_LOAD when a map is missing or has keys or values of another size.
   */
  static open(maps: ReadonlyMap<string, BpfMap>, inner: InnerMaps, clock: Clock): Datapath {
    const open = (name: string, keySize: number, valueSize: number): BpfMap => {
      const map = maps.get(name);
      if (map === undefined) {
        throw new FairleadError('FL_E_LOAD', `map ${name}: the program has no such map`, {
          hint: 'rebuild the object from the sources of this agent',
        });
      }
      // Per-CPU values come for all CPUs together.
      const fits = map.type === 'percpu_array' ? map.valueSize % valueSize === 0 : map.valueSize === valueSize;
      if (map.keySize === keySize && fits) return map;
      const sizes = `keys of ${map.keySize} and values of ${map.valueSize} bytes, not ${keySize} and ${valueSize}`;
      throw new FairleadError('FL_E_LOAD', `map ${name}: ${sizes}`, { hint: 'rebuild the object from the sources of this agent' });
    };
    return new Datapath(open, inner, clock);
  }

  /** Releases the handles of the maps that it was opened over; pinned maps live on. */
  close(): void {
    for (const map of this.#maps) map.close();
  }
}
