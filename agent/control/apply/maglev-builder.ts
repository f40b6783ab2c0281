// Maglev tables of many services, built on a thread of their own while the agent writes others: half of what a large configuration takes.
// Imports agent/model and node:worker_threads. The thread is maglev-thread.ts.
// Invariant: a table that the thread could not build is not there, and whoever needs it builds it; nothing else depends on the thread.

import { Worker } from 'node:worker_threads';
import { formatEndpoint } from '../../model/format.js';
import type { MaglevBackend } from '../../model/maglev.js';
import { serves } from '../../model/ready.js';
import type { Service } from '../../model/service.js';

/** What the thread is asked for: a table of `size` for each list. */
export interface BuildRequest {
  readonly lists: readonly (readonly MaglevBackend[])[];
  readonly size: number;
}

/** By service id, indices into the service's serving backends. */
export type BuiltTables = ReadonlyMap<number, Uint32Array>;

const THREAD = new URL('./maglev-thread.js', import.meta.url);
const NONE: BuiltTables = new Map();

/** The service's backends that get new flows, in its order. */
export function servingOf({ backends }: Service): readonly MaglevBackend[] {
  return backends.filter(serves).map((backend) => ({ key: formatEndpoint(backend), weight: backend.weight }));
}

export class MaglevBuilder {
  /** Undefined: there is no room for a thread, or its file is not there; all goes on without. */
  #worker: Worker | undefined;

  constructor(thread: URL = THREAD) {
    const fail = () => {
      this.#worker = undefined;
    };
    try {
      this.#worker = new Worker(thread).on('error', fail);
      this.#worker.unref();
    } catch {
      fail();
    }
  }

  /** One call at a time. */
  async build(services: readonly Service[], size: number): Promise<BuiltTables> {
    const wanted = services.map((service) => ({ id: service.id, list: servingOf(service) })).filter(({ list }) => list.length > 0);
    if (this.#worker === undefined || wanted.length === 0) return NONE;
    const tables = await ask(this.#worker, { lists: wanted.map(({ list }) => list), size });
    return new Map(tables.flatMap((table, index) => (table === undefined ? [] : [[wanted[index]?.id as number, table] as const])));
  }

  close(): void {
    void this.#worker?.terminate();
  }
}

/** The tables in the order of the lists; of a thread that has ended, none. */
function ask(worker: Worker, request: BuildRequest): Promise<readonly (Uint32Array | undefined)[]> {
  return new Promise((resolve) => {
    const end = (tables: readonly (Uint32Array | undefined)[]) => {
      worker.off('message', end);
      worker.off('exit', none);
      worker.unref();
      resolve(tables);
    };
    const none = () => end([]);
    // While it is waited for, the process does not end.
    worker.ref();
    worker.on('message', end);
    worker.on('exit', none);
    worker.postMessage(request);
  });
}
