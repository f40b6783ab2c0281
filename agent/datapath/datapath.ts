// The data plane's maps as typed tables. agent/control reads and writes them through this and nothing else.
// Imports agent/model, platform/port and its siblings.
// Invariant: maps of another layout are refused when the tables are opened, not misread later.

import { type Bpf, type BpfMap, type Clock, PER_CPU } from '../../platform/port.js';
import { FairleadError } from '../model/errors.js';
import { BackendTable } from './backend-table.js';
import { ConfigTable } from './config-table.js';
import { DeviceTable } from './device-table.js';
import { EventsTable } from './events-table.js';
import { FAMILIES, type FamilyLayout } from './families.js';
import { FlowTable } from './flow-table.js';
import {
  AFFINITY,
  BACKEND_STATS,
  CONFIG,
  COUNTER,
  DEVICE,
  EVENT_COUNT,
  EVENT_FILTER,
  MAGLEV_ROW,
  RANGE,
  SERVICE,
  QUIC_BACKEND,
  QUIC_SERVER,
  REFUSALS,
  SNAT_SOURCE,
  VIP_WORD,
} from './layout.js';
import { type InnerMaps, MaglevTables } from './maglev-tables.js';
import { MetricsTable } from './metrics-table.js';
import { QuicTable } from './quic-table.js';
import { RangeTable } from './range-table.js';
import { ServiceTable } from './service-table.js';
import { SnatSourceTable } from './snat-source-table.js';
import { StatsTable } from './stats-table.js';
import { SpanTable } from './span-table.js';
import { VipTable } from './vip-table.js';
import { WatchedMap } from './watched-map.js';

/** What of platform.bpf the tables need besides their maps. */
export type DatapathBpf = InnerMaps & Pick<Bpf, 'openRing'>;

export class Datapath {
  readonly vips: VipTable;
  readonly services: ServiceTable;
  readonly backends: BackendTable;
  readonly ranges: RangeTable;
  readonly maglev: MaglevTables;
  readonly flows: FlowTable;
  readonly metrics: MetricsTable;
  readonly config: ConfigTable;
  readonly devices: DeviceTable;
  readonly events: EventsTable;
  readonly snatSources: SnatSourceTable;
  readonly quic: QuicTable;
  readonly stats: StatsTable;
  /** Maps that the agent alone writes (but for next hops, which the data plane finds too). */
  readonly watched: readonly WatchedMap[];
  readonly #maps: readonly BpfMap[];

  private constructor(open: (name: string, keySize: number, valueSize: number) => BpfMap, inner: DatapathBpf, clock: Clock) {
    const used: BpfMap[] = [];
    const take = (name: string, keySize: number, valueSize: number): BpfMap => {
      const map = open(name, keySize, valueSize);
      used.push(map);
      return map;
    };
    const watched: WatchedMap[] = [];
    const own = (name: string, keySize: number, valueSize: number, shared: readonly (readonly [number, number])[] = []): BpfMap => {
      const map = new WatchedMap(take(name, keySize, valueSize), shared);
      watched.push(map);
      return map;
    };
    this.vips = new VipTable(own('vips', 4, VIP_WORD.size));
    this.services = new ServiceTable(
      FAMILIES.map((layout) => ({ layout, map: own(layout.maps.services, layout.frontend.size, SERVICE.size) })),
      this.vips,
      new SpanTable(FAMILIES.map((layout) => ({ layout, map: own(layout.maps.spans, layout.span.size, layout.frontend.size) }))),
    );
    this.backends = new BackendTable(
      FAMILIES.map((layout) => ({ layout, map: own(layout.maps.backends, 4, layout.backend.size, nextHopBytes(layout)) })),
    );
    this.ranges = new RangeTable(FAMILIES.map((layout) => ({ layout, map: own(layout.maps.ranges, layout.sourceRange.size, RANGE.size) })));
    // The data plane alone reads and writes it, but a program without it is not this agent's.
    for (const layout of FAMILIES) take(layout.maps.affinity, layout.affinityClient.size, AFFINITY.size);
    const flowMaps = FAMILIES.map((layout) => ({
      layout,
      conntrack: take(layout.maps.conntrack, 4, layout.slot.size),
      snat: take(layout.maps.snat, 4, layout.reverse.size),
    }));
    this.maglev = new MaglevTables(take('lb_maglev', 4, 4), take('lb_maglev_type', 4, MAGLEV_ROW.size), inner);
    this.metrics = new MetricsTable(take('metrics', 4, COUNTER.size));
    this.config = new ConfigTable(own('config', 4, CONFIG.size));
    this.devices = new DeviceTable(own('devices', 4, DEVICE.size));
    this.snatSources = new SnatSourceTable(own('snat_sources', 4, SNAT_SOURCE.size));
    this.quic = new QuicTable(own('quic_servers', QUIC_SERVER.size, QUIC_BACKEND.size));
    this.stats = new StatsTable({
      backends: take('backend_stats', 4, BACKEND_STATS.size),
      past: take('service_past', 4, BACKEND_STATS.size),
      refused: take('service_refused', 4, REFUSALS.size),
    });
    this.flows = new FlowTable(flowMaps, this.backends, this.config, clock);
    const count = take('event_count', 4, EVENT_COUNT.size);
    this.events = new EventsTable(
      { events: take('events', 0, 0), filter: take('event_filter', 4, EVENT_FILTER.size), count },
      inner,
      clock,
    );
    this.watched = watched;
    this.#maps = used;
  }

  /**
   * Opens the tables over a program's maps. `inner` makes and opens the inner Maglev maps and reads the ring buffer: pass platform.bpf.
   * Throws FL_E_LOAD when a map is missing or has keys or values of another size.
   */
  static open(maps: ReadonlyMap<string, BpfMap>, inner: DatapathBpf, clock: Clock): Datapath {
    const open = (name: string, keySize: number, valueSize: number): BpfMap => {
      const map = maps.get(name);
      if (map === undefined) {
        throw new FairleadError('FL_E_LOAD', `map ${name}: the program has no such map`, {
          hint: 'rebuild the object from the sources of this agent',
        });
      }
      // Per-CPU values come for all CPUs together.
      const fits = PER_CPU.includes(map.type) ? map.valueSize % valueSize === 0 : map.valueSize === valueSize;
      if (map.keySize === keySize && fits) return map;
      const sizes = `keys of ${map.keySize} and values of ${map.valueSize} bytes, not ${keySize} and ${valueSize}`;
      throw new FairleadError('FL_E_LOAD', `map ${name}: ${sizes}`, { hint: 'rebuild the object from the sources of this agent' });
    };
    return new Datapath(open, inner, clock);
  }

  /** From here on WatchedMap.restore() tells what somebody else has written: what stands in the maps now is the agent's. `services`: all that may have a Maglev table. */
  async learn(services: Iterable<number>): Promise<void> {
    for (const map of this.watched) await map.learn();
    this.maglev.learn(services);
  }

  /** Releases the handles of the maps that it was opened over; pinned maps live on. */
  close(): void {
    for (const map of this.#maps) map.close();
  }
}

/** Of a backend's entry: where the data plane writes what it has asked the kernel's FIB for, [offset, bytes]. */
function nextHopBytes({ backend: { fields } }: FamilyLayout): readonly (readonly [number, number])[] {
  return [fields.dstMac, fields.srcMac, fields.ifindex, fields.nextHopAt, fields.mtu, fields.flags].map(({ offset, type }) => [
    offset,
    type.size,
  ]);
}
