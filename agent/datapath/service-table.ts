// The data plane's services, frontend to entry, over lb4_services (one map a family).
// Imports agent/model, platform/port and its siblings.
// Invariant: what set() wrote, get() and entries() give back.

import type { BpfMap } from '../../platform/port.js';
import { FairleadError } from '../model/errors.js';
import { formatFrontend } from '../model/format.js';
import type { Action, Frontend } from '../model/service.js';
import { type FamilyLayout, viewFor } from './families.js';
import { SERVICE } from './layout.js';

export interface ServiceEntry {
  /** 1 to 65535; index into lb_maglev. */
  readonly id: number;
  /** Backends that get new flows; 0: nothing can serve. */
  readonly backendCount: number;
  /** Of the Maglev table in place (agent/model/digest.ts); 0: there is none. */
  readonly maglevDigest: number;
  /** What new flows get. */
  readonly action: Action;
}

export interface ServiceMap {
  readonly layout: FamilyLayout;
  readonly map: BpfMap;
}

export class ServiceTable {
  readonly #families: readonly ServiceMap[];

  constructor(families: readonly ServiceMap[]) {
    this.#families = families;
  }

  get(frontend: Frontend): ServiceEntry | undefined {
    const { layout, map } = viewFor(this.#families, frontend.address);
    const value = map.lookup(layout.frontend.encode(frontend));
    return value === undefined ? undefined : decodeEntry(frontend, value, 0);
  }

  /** Writes the entry in one step: a packet sees the old one or the new one. Throws FL_E_LIMIT when the map is full. */
  set(frontend: Frontend, entry: ServiceEntry): void {
    const { layout, map } = viewFor(this.#families, frontend.address);
    map.update(layout.frontend.encode(frontend), SERVICE.encode(entry));
  }

  /** False when there was none. */
  delete(frontend: Frontend): boolean {
    const { layout, map } = viewFor(this.#families, frontend.address);
    return map.delete(layout.frontend.encode(frontend));
  }

  /** All services, in no order. */
  async entries(): Promise<readonly (readonly [Frontend, ServiceEntry])[]> {
    const found: [Frontend, ServiceEntry][] = [];
    for (const { layout, map } of this.#families) {
      for await (const chunk of map.chunks()) {
        for (let i = 0; i < chunk.count; i++) {
          const frontend = layout.frontend.decode(chunk.keys, i * layout.frontend.size);
          found.push([frontend, decodeEntry(frontend, chunk.values, i * SERVICE.size)]);
        }
      }
    }
    return found;
  }
}

function decodeEntry(frontend: Frontend, value: Buffer, at: number): ServiceEntry {
  const { action, ...rest } = SERVICE.decode(value, at);
  if (action !== undefined) return { ...rest, action };
  const number = value.readUInt8(at + SERVICE.fields.action.offset);
  throw new FairleadError('FL_E_MAP', `service entry ${formatFrontend(frontend)}: action ${number} is unknown`, {
    hint: 'another program has written to the map; unload and start again',
  });
}
