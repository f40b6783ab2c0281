// Single writes to the data plane's tables as steps with their inverse; the agent's own books are kept in the same step.
// Imports agent/datapath, agent/model and its siblings.
// Invariant: a step that throws has changed neither map nor books; undo() gives back what run() found.

import type { BackendEntry } from '../../datapath/backend-table.js';
import type { Datapath } from '../../datapath/datapath.js';
import type { QuicServer } from '../../datapath/quic-table.js';
import type { ServiceEntry } from '../../datapath/service-table.js';
import { FairleadError } from '../../model/errors.js';
import { formatEndpoint, formatFrontend } from '../../model/format.js';
import type { Frontend } from '../../model/service.js';
import type { Frontends, Slots } from './slots.js';
import type { RangeBook } from './source-policy.js';
import type { Step } from './transaction.js';

/** The maps, and what the agent knows of their content. */
export interface Tables {
  readonly datapath: Datapath;
  readonly slots: Slots;
  readonly frontends: Frontends;
  readonly ranges: RangeBook;
}

/** Fills a free slot, whose counters are cleared, or changes the one in use. */
export function writeBackend(tables: Tables, id: number, entry: BackendEntry): Step {
  const { datapath, slots } = tables;
  let before: BackendEntry | undefined;
  return {
    text: `backend ${formatEndpoint(entry)} (slot ${id})`,
    run: () => {
      before = slots.has(id) ? datapath.backends.get(id) : undefined;
      datapath.backends.set(id, entry);
      if (before === undefined) slots.take({ id, serviceId: entry.serviceId, endpoint: { address: entry.address, port: entry.port } });
    },
    undo: () => {
      if (before !== undefined) return datapath.backends.set(id, before);
      datapath.backends.free(id);
      slots.release(id);
    },
  };
}

/** Ends the flows of the slot's backend: the data plane sees a free slot, later another generation. */
export function freeBackend(tables: Tables, id: number): Step {
  const { datapath, slots } = tables;
  let before: BackendEntry | undefined;
  let unretire: (() => void) | undefined;
  return {
    text: `slot ${id}`,
    run: () => {
      before = datapath.backends.get(id);
      unretire = before === undefined ? undefined : datapath.stats.retire(id, before.serviceId);
      try {
        datapath.backends.free(id);
      } catch (error) {
        unretire?.();
        throw error;
      }
      slots.release(id);
    },
    undo: () => {
      if (before === undefined) return;
      datapath.backends.set(id, before);
      slots.take({ id, serviceId: before.serviceId, endpoint: { address: before.address, port: before.port } });
      unretire?.();
    },
  };
}

/** Makes a QUIC server id mean this backend; undefined: none. */
export function writeQuicServer(tables: Tables, server: QuicServer, backendId: number | undefined): Step {
  const { quic } = tables.datapath;
  const put = (id: number | undefined) => (id === undefined ? quic.delete(server) : quic.set(server, id));
  let before: number | undefined;
  return {
    text: `QUIC server id ${server.id} of service ${server.serviceId}`,
    run: () => {
      before = quic.get(server);
      put(backendId);
    },
    undo: () => put(before),
  };
}

const NO_TABLES: ReadonlyMap<number, undefined> = new Map();

/** Puts the tables of these services, of `size` slots, in place, all after one wait for the kernel; undefined takes one away. */
export function writeMaglev(tables: Tables, size: number, wanted: ReadonlyMap<number, Uint32Array | undefined>): Step {
  const { maglev } = tables.datapath;
  const ids = [...wanted.keys()];
  // The step is kept, to be undone; the tables are not, of thousands of services they are hundreds of megabytes.
  let pending = wanted;
  const before = new Map<number, Uint32Array | undefined>();
  let unreadable: FairleadError | undefined;
  const put = async (all: ReadonlyMap<number, Uint32Array | undefined>): Promise<void> => {
    const placed = new Map<number, Uint32Array>();
    for (const [id, content] of all) {
      if (content === undefined) maglev.delete(id);
      else placed.set(id, content);
    }
    if (placed.size > 0) await maglev.set(placed);
  };
  const undo = () => (unreadable === undefined ? put(before) : Promise.reject(unreadable));
  return {
    text: `Maglev table${ids.length === 1 ? '' : 's'} of service ${ids.join(', ')}`,
    run: async () => {
      const contents = pending;
      pending = NO_TABLES;

      try {
        for (const id of ids) before.set(id, await maglev.get(id, size));
      } catch (error) {
        // Without CAP_SYS_ADMIN nobody may read what is in place. The change is made all the same: putting it back is the rare case.
        if (!(error instanceof FairleadError) || error.code !== 'FL_E_PERMISSION') throw error;
        unreadable = error;
      }
      try {
        await put(contents);
      } catch (error) {
        // Of many, some may be in place; of one, none is.
        if (ids.length > 1) await undo();
        throw error;
      }
    },
    undo,
  };
}

export function writeService(tables: Tables, frontend: Frontend, entry: ServiceEntry): Step {
  const { datapath, frontends } = tables;
  let before: ServiceEntry | undefined;
  return {
    text: `service ${entry.id} at ${formatFrontend(frontend)}`,
    run: () => {
      before = datapath.services.get(frontend);
      const isNew = frontends.of(entry.id).length === 0;
      if (isNew) datapath.stats.begin(entry.id);
      try {
        datapath.services.set(frontend, entry);
      } catch (error) {
        if (isNew) datapath.stats.forget(entry.id);
        throw error;
      }
      frontends.add(entry.id, frontend);
    },
    undo: () => {
      if (before === undefined) {
        datapath.services.delete(frontend);
        frontends.remove(frontend);
        if (frontends.of(entry.id).length === 0) datapath.stats.forget(entry.id);
      } else {
        datapath.services.set(frontend, before);
        frontends.add(before.id, frontend);
      }
    },
  };
}

/** What the service has counted is forgotten; after all else of it is gone. */
export function forgetStats({ datapath }: Tables, serviceId: number): Step {
  let restore: (() => void) | undefined;
  return {
    text: `counters of service ${serviceId}`,
    run: () => {
      restore = datapath.stats.forget(serviceId);
    },
    undo: () => restore?.(),
  };
}

export function deleteService(tables: Tables, frontend: Frontend): Step {
  const { datapath, frontends } = tables;
  let before: ServiceEntry | undefined;
  return {
    text: `service at ${formatFrontend(frontend)}`,
    run: () => {
      before = datapath.services.get(frontend);
      datapath.services.delete(frontend);
      frontends.remove(frontend);
    },
    undo: () => {
      if (before === undefined) return;
      datapath.services.set(frontend, before);
      frontends.add(before.id, frontend);
    },
  };
}
