// Windows behind platform/port.ts: ebpfapi.dll, iphlpapi.dll and kernel32.dll through koffi.
// May import platform/port and its siblings. Only agent/main.ts and tests import it.
// Invariant: importing does nothing; the libraries are loaded when a platform is created, and when they are used.

import type { Platform } from '../port.js';
import { bootIdentity } from './boot.js';
import { createBpf } from './bpf.js';
import { CAPABILITIES } from './capabilities.js';
import { CLOCK } from './clock.js';
import { createContext } from './context.js';
import { takeLock } from './lock.js';
import { createNetwork } from './network.js';
import { PIN_ROOT } from './pins.js';

/** Throws FL_E_MISSING when eBPF for Windows is not installed. */
export function createWindowsPlatform(): Platform {
  const context = createContext();
  return {
    name: 'windows',
    flavour: 'windows',
    pinRoot: `${PIN_ROOT}/fairlead`,
    capabilities: CAPABILITIES,
    bpf: createBpf(context),
    network: createNetwork(),
    clock: () => Promise.resolve(CLOCK),
    lock: takeLock,
    bootIdentity,
    // Services tell Windows nothing of this kind.
    notify: () => false,
  };
}
