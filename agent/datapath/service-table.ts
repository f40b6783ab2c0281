// The data plane's services, frontend to entry, over lb4_services (one map a family).
// Imports agent/model, platform/port and its siblings.
// Invariant: the bits in vips of a frontend's addresses stand before its service does, and its spans only while it does; what set()
// wrote, get() and entries() give back.

import type { BpfMap } from '../../platform/port.js';
import { FairleadError } from '../model/errors.js';
import { formatFrontend } from '../model/format.js';
import { listAddresses } from '../model/frontend.js';
import type { Action, Frontend } from '../model/service.js';
import { type FamilyLayout, viewFor } from './families.js';
import { SERVICE, SERVICE_FLAGS } from './layout.js';
import type { SpanTable } from './span-table.js';
import type { Addresses, VipTable } from './vip-table.js';

export interface ServiceEntry {
  /** 1 to 65535; index into lb_maglev. */
  readonly id: number;
  /** Backends that get new flows; 0: nothing can serve. */
  readonly backendCount: number;
  /** Of the Maglev table in place (agent/model/digest.ts); 0: there is none. */
  readonly maglevDigest: number;
  /** What new flows get. */
  readonly action: Action;
  /** What the client's address is asked for when a flow begins; absent: nothing. */
  readonly policy?: ServicePolicy;
  /** Undefined: the service does not look at QUIC connection ids. */
  readonly quic?: QuicEntry;
}

/** At least one of these holds. */
export interface ServicePolicy {
  /** The service has source ranges. */
  readonly ranges: boolean;
  /** An address in none of them is denied. */
  readonly allowedAlone: boolean;
  /** The ranges of all services have an entry of this family. */
  readonly denyList: boolean;
  /** New flows of a client follow its last one for so many seconds; 0: no session affinity. */
  readonly affinitySeconds: number;
}

/** How the service's connection ids name servers. */
export interface QuicEntry {
  /** The three high bits of a connection id's first octet. */
  readonly config: number;
  /** Length of the server ids. */
  readonly bytes: number;
}

export interface ServiceMap {
  readonly layout: FamilyLayout;
  readonly map: BpfMap;
}

export class ServiceTable {
  readonly #families: readonly ServiceMap[];
  readonly #vips: VipTable;
  readonly #spans: SpanTable;

  constructor(families: readonly ServiceMap[], vips: VipTable, spans: SpanTable) {
    this.#families = families;
    this.#vips = vips;
    this.#spans = spans;
  }

  /** At start: takes in what the maps hold. `inUse`: addresses that flows have, which keep their bits. */
  async adopt(frontends: readonly Frontend[], inUse: readonly Uint8Array[]): Promise<void> {
    const addresses = frontends.map(listAddresses);
    const listed = addresses.every((list) => list !== undefined);
    const all: Addresses = listed ? [...addresses.flat(), ...inUse] : 'any';
    this.#vips.retain(all);
    await this.#spans.load(frontends);
  }

  get(frontend: Frontend): ServiceEntry | undefined {
    const { layout, map } = viewFor(this.#families, frontend.address);
    const value = map.lookup(layout.frontend.encode(frontend));
    return value === undefined ? undefined : decodeService(frontend, value, 0);
  }

  /** Writes the entry in one step: a packet sees the old one or the new one. Throws FL_E_LIMIT when the map is full. */
  set(frontend: Frontend, entry: ServiceEntry): void {
    const { layout, map } = viewFor(this.#families, frontend.address);
    const key = layout.frontend.encode(frontend);
    const isNew = map.lookup(key) === undefined;
    if (isNew) this.#vips.add(listAddresses(frontend) ?? 'any');
    map.update(key, encodeEntry(entry));
    if (!isNew) return;
    try {
      this.#spans.add(frontend);
    } catch (error) {
      this.#spans.remove(frontend);
      map.delete(key);
      throw error;
    }
  }

  /** False when there was none. */
  delete(frontend: Frontend): boolean {
    const { layout, map } = viewFor(this.#families, frontend.address);
    const key = layout.frontend.encode(frontend);
    if (map.lookup(key) === undefined) return false;
    this.#spans.remove(frontend);
    try {
      return map.delete(key);
    } catch (error) {
      this.#spans.add(frontend);
      throw error;
    }
  }

  /** All services, in no order. */
  async entries(): Promise<readonly (readonly [Frontend, ServiceEntry])[]> {
    const found: [Frontend, ServiceEntry][] = [];
    for (const { layout, map } of this.#families) {
      for await (const chunk of map.chunks()) {
        for (let i = 0; i < chunk.count; i++) {
          const frontend = layout.frontend.decode(chunk.keys, i * layout.frontend.size);
          found.push([frontend, decodeService(frontend, chunk.values, i * SERVICE.size)]);
        }
      }
    }
    return found;
  }
}

function encodeEntry({ policy, quic, ...entry }: ServiceEntry): Buffer {
  let flags = 0;
  if (policy?.ranges) flags |= SERVICE_FLAGS.ranges;
  if (policy?.allowedAlone) flags |= SERVICE_FLAGS.allowedAlone;
  if (policy?.denyList) flags |= SERVICE_FLAGS.denyList;
  const ids = { quicIdBytes: quic?.bytes ?? 0, quicConfig: quic?.config ?? 0 };
  return SERVICE.encode({ ...entry, ...ids, flags, affinitySeconds: policy?.affinitySeconds ?? 0 });
}

function decodePolicy(flags: number, affinitySeconds: number): Pick<ServiceEntry, 'policy'> {
  if (flags === 0 && affinitySeconds === 0) return {};
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const ranges = has(SERVICE_FLAGS.ranges);
  return { policy: { ranges, allowedAlone: has(SERVICE_FLAGS.allowedAlone), denyList: has(SERVICE_FLAGS.denyList), affinitySeconds } };
}

/** The entry of this frontend at byte `at`. */
export function decodeService(frontend: Frontend, value: Buffer, at: number): ServiceEntry {
  const { action, flags, affinitySeconds, quicIdBytes, quicConfig, ...rest } = SERVICE.decode(value, at);
  const quic = quicIdBytes === 0 ? {} : { quic: { bytes: quicIdBytes, config: quicConfig } };
  if (action !== undefined) return { ...rest, action, ...decodePolicy(flags, affinitySeconds), ...quic };
  const number = value.readUInt8(at + SERVICE.fields.action.offset);
  throw new FairleadError('FL_E_MAP', `service entry ${formatFrontend(frontend)}: action ${number} is unknown`, {
    hint: 'another program has written to the map; unload and start again',
  });
}
