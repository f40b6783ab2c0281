// eBPF for Windows with XDP for Windows as the interpreter has it: helper numbers, map types, context and verdicts of its own.
// Imports its siblings. The numbers are those of ebpf_structs.h (ebpf-for-windows) and ebpfhook.h (xdp-for-windows).
// A test double with limits: of the helpers those that an XDP program may have a use for; the verifier (PREVAIL) is not here, profile-check.ts is what there is.

import { adjustHead } from './adjust-head.js';
import { MAP_DELETE, MAP_LOOKUP, MAP_UPDATE, RINGBUF_OUTPUT } from './map-helpers.js';
import type { Helper, Profile, Surroundings } from './profile.js';

export interface WindowsOptions extends Surroundings {
  /** 'works': as in netebpfext up to 0.11; 'refuses': the helper is there and returns -1, as in XDP for Windows. */
  readonly adjustHead: 'works' | 'refuses';
}

/** DROP is 2, and so is what any other number does. */
const [PASS, TX] = [1, 3];

/** The profile; the helpers that answer with time ask `options`. */
export function windowsProfile(options: WindowsOptions): Profile {
  const helpers: Readonly<Record<number, Helper>> = {
    1: MAP_LOOKUP,
    2: MAP_UPDATE,
    3: MAP_DELETE,
    9: { name: 'ktime_get_ns', arguments: 0, call: () => options.nanoseconds() },
    11: RINGBUF_OUTPUT,
    31: { name: 'ktime_get_ms', arguments: 0, call: () => options.now() },
    65536: {
      name: 'xdp_adjust_head',
      arguments: 2,
      call: (caller) => (options.adjustHead === 'works' ? adjustHead(caller.context(1), caller.number(2)) : -1),
    },
  };
  return {
    name: 'eBPF for Windows',
    flavour: 'windows',
    mapTypes: {
      1: 'hash',
      2: 'array',
      4: 'percpu_hash',
      5: 'percpu_array',
      6: 'hash_of_maps',
      7: 'array_of_maps',
      8: 'lru_hash',
      9: 'lpm_trie',
      13: 'ringbuf',
    },
    helpers: new Map(Object.entries(helpers).map(([number, helper]) => [Number(number), helper])),
    context: { bytes: 32, pointerBytes: 8, data: 0, dataEnd: 8, ingressIfindex: 24 },
    verdict: (result) => (result === PASS ? 'pass' : result === TX ? 'tx' : 'drop'),
  };
}
