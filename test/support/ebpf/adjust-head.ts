// bpf_xdp_adjust_head, which Linux and Windows have alike where they have it.
// Imports types alone.
// Invariant: the frame stays within its buffer, and holds at least an Ethernet header.

import type { Frame } from './profile.js';

export const EINVAL = 22;
export const ETHERNET_HEADER = 14;

/** Moves the frame's beginning by a number of bytes with its sign: a negative one makes room. 0, or -EINVAL and nothing has moved. */
export function adjustHead(frame: Frame, by: number): number {
  const start = frame.start + by;
  if (start < 0 || start > frame.end - ETHERNET_HEADER) return -EINVAL;
  frame.move(start, frame.end);
  return 0;
}
