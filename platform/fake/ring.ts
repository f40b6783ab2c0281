// The reader of a ring buffer map of the fake kernel.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: a record is given once, whoever reads.

import { FairleadError } from '../../agent/model/errors.js';
import type { BpfMap, Ring } from '../port.js';
import { FakeMap } from './map.js';

export function openFakeRing(map: BpfMap): Ring {
  const ring = map instanceof FakeMap ? map.object.ring : undefined;
  if (ring === undefined) throw new FairleadError('FL_E_MAP', `map ${map.name} (${map.type}) is no ring buffer`);
  let open = true;
  return {
    take: (limit) => (open ? ring.take(limit) : []),
    readable: async () => {
      if (!open || ring.waiting > 0) return;
      await new Promise<void>((resolve) => {
        ring.wake = resolve;
      });
    },
    close: () => {
      open = false;
      ring.wakeUp();
    },
  };
}
