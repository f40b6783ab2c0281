// What eBPF and XDP for Windows can do.
// May import platform/port.
// Invariant: nothing is told by a version. What stands here no release has (docs/windows-data-plane.md).

import type { Capabilities } from '../port.js';

export const CAPABILITIES: Capabilities = {
  atomicReplace: false,
  fibLookup: false,
  redirect: false,
  multiBuffer: false,
  synCookies: false,
  // bpf_xdp_adjust_head is there, and refuses in the releases of XDP for Windows so far.
  growsHead: 'ask',
  // Its just-in-time compiler has no room for the program. An object file that is given is tried all the same.
  loadsObjects: false,
};
