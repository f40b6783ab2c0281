// Lookup, update and deletion as programs do them, on the maps of the in-memory kernel: the same entries that a test reads and writes by a BpfMap.
// Imports platform/fake's map objects, its errors, and types.
// Invariant: a program gets the entry's own memory. One CPU: of a per-CPU value the first CPU's.

import { FairleadError } from '../../../agent/model/errors.js';
import type { UpdateWhen } from '../../../platform/port.js';
import { Fault } from './memory.js';
import type { Answer, Caller, Helper } from './profile.js';

const [ENOENT, E2BIG, EAGAIN, EEXIST, EINVAL] = [2, 7, 11, 17, 22];
const WHEN: readonly UpdateWhen[] = ['any', 'absent', 'present'];

function lookup(caller: Caller): Answer {
  const map = caller.map(1);
  if (map.ring !== undefined) throw new Fault(`looks into the ring buffer ${map.spec.name}`);
  const found = map.take(caller.read(2, map.spec.keySize));
  if (found === undefined) return 0;
  if (map.holdsMaps) return found.inner === undefined ? 0 : caller.exposeMap(found.inner);
  return caller.expose(`a value of map ${map.spec.name}`, found.value.subarray(0, map.spec.valueSize));
}

function update(caller: Caller): Answer {
  const map = caller.map(1);
  const when = WHEN[caller.number(4)];
  if (map.ring !== undefined || map.holdsMaps) throw new Fault(`updates map ${map.spec.name} (${map.spec.type}), which a program may not`);
  const key = caller.read(2, map.spec.keySize);
  const value = caller.read(3, map.spec.valueSize);
  if (when === undefined) return -EINVAL;
  const there = map.isArray && when !== 'absent' ? map.take(key) : undefined;
  if (there !== undefined) {
    value.copy(there.value); // in place: others hold pointers to it
    return 0;
  }
  return attempt(() => {
    const whole = Buffer.alloc(map.valueSize);
    map.get(key)?.value.copy(whole);
    value.copy(whole);
    map.set(key, whole, when);
    return 0;
  });
}

function remove(caller: Caller): Answer {
  const map = caller.map(1);
  const key = caller.read(2, map.spec.keySize);
  if (map.isArray) return -EINVAL;
  return map.remove(key) ? 0 : -ENOENT;
}

/** What the kernel's errors are to a program. */
function attempt(write: () => number): number {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof FairleadError)) throw error;
    if (error.code === 'FL_E_LIMIT') return -E2BIG;
    return error.message.includes('absent') ? -ENOENT : -EEXIST;
  }
}

function output(caller: Caller): Answer {
  const { ring, spec } = caller.map(1);
  if (ring === undefined) throw new Fault(`map ${spec.name} (${spec.type}) is no ring buffer`);
  return ring.put(caller.read(2, caller.number(3))) ? 0 : -EAGAIN;
}

export const MAP_LOOKUP: Helper = { name: 'map_lookup_elem', arguments: 2, call: lookup };
export const MAP_UPDATE: Helper = { name: 'map_update_elem', arguments: 4, call: update };
export const MAP_DELETE: Helper = { name: 'map_delete_elem', arguments: 2, call: remove };
export const RINGBUF_OUTPUT: Helper = { name: 'ringbuf_output', arguments: 4, call: output };
