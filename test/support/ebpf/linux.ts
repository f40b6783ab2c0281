// Linux as the interpreter has it: helper numbers, map types, xdp_md. It is here to try the interpreter itself: what the kernel answers, it must answer.
// Imports its siblings.
// A test double with limits: the FIB answers from a list, SYN cookies are not there, and frames have one buffer.

import { adjustHead, EINVAL, ETHERNET_HEADER } from './adjust-head.js';
import { MAP_DELETE, MAP_LOOKUP, MAP_UPDATE, RINGBUF_OUTPUT } from './map-helpers.js';
import type { Caller, Frame, Helper, Profile, Surroundings } from './profile.js';

const REDIRECT = 4;
const VERDICTS = ['aborted', 'drop', 'pass', 'tx', 'redirect'] as const;

/** What the FIB says of a destination: the frame's MAC addresses (6 bytes each). */
export interface NextHop {
  readonly ifindex: number;
  readonly mtu: number;
  readonly source: Buffer;
  readonly destination: Buffer;
}

export interface LinuxOptions extends Surroundings {
  /** By the destination's bytes (4 or 16); undefined: no route, no neighbour, or forwarding is off. */
  nextHop?(destination: Buffer): NextHop | undefined;
}

function adjustTail(frame: Frame, by: number): number {
  const end = frame.end + by;
  if (end > frame.buffer.length || end < frame.start + ETHERNET_HEADER) return -EINVAL;
  if (by > 0) frame.buffer.fill(0, frame.end, end);
  frame.move(frame.start, end);
  return 0;
}

/** struct bpf_fib_lookup, 64 bytes: family, MTU at 6, ifindex at 8, addresses at 16 and 32, MACs at 52. */
function fibLookup(caller: Caller, nextHop: LinuxOptions['nextHop']): number {
  const question = caller.read(2, 64);
  caller.context(1);
  const AF_INET = 2;
  const found = nextHop?.(question.subarray(32, question[0] === AF_INET ? 36 : 48));
  const NO_NEIGHBOUR = 7;
  if (found === undefined) return NO_NEIGHBOUR;
  question.writeUInt16LE(found.mtu, 6);
  question.writeUInt32LE(found.ifindex, 8);
  found.source.copy(question, 52);
  found.destination.copy(question, 58);
  caller.write(2, question);
  return 0;
}

/** The profile; the helpers that answer with time or routes ask `options`. */
export function linuxProfile(options: LinuxOptions): Profile {
  const helpers: Readonly<Record<number, Helper>> = {
    1: MAP_LOOKUP,
    2: MAP_UPDATE,
    3: MAP_DELETE,
    5: { name: 'ktime_get_ns', arguments: 0, call: () => options.nanoseconds() },
    23: { name: 'redirect', arguments: 2, call: () => REDIRECT },
    44: { name: 'xdp_adjust_head', arguments: 2, call: (caller) => adjustHead(caller.context(1), caller.number(2)) },
    65: { name: 'xdp_adjust_tail', arguments: 2, call: (caller) => adjustTail(caller.context(1), caller.number(2)) },
    69: { name: 'fib_lookup', arguments: 4, call: (caller) => fibLookup(caller, options.nextHop) },
    118: { name: 'jiffies64', arguments: 0, call: () => options.now() },
    130: RINGBUF_OUTPUT,
    188: { name: 'xdp_get_buff_len', arguments: 1, call: (caller) => caller.context(1).end - caller.context(1).start },
  };
  return {
    name: 'Linux',
    flavour: 'linux',
    mapTypes: {
      1: 'hash',
      2: 'array',
      5: 'percpu_hash',
      6: 'percpu_array',
      9: 'lru_hash',
      11: 'lpm_trie',
      12: 'array_of_maps',
      13: 'hash_of_maps',
      27: 'ringbuf',
    },
    helpers: new Map(Object.entries(helpers).map(([number, helper]) => [Number(number), helper])),
    context: { bytes: 24, pointerBytes: 4, data: 0, dataEnd: 4, ingressIfindex: 12 },
    verdict: (result) => VERDICTS[result] ?? 'aborted',
  };
}
