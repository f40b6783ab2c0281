// The Linux kernel behind platform/port.ts: libbpf and libc through koffi, rtnetlink, /proc/sys/net.
// May import platform/port and its siblings. Only agent/main.ts and tests import it.
// Invariant: importing does nothing; the libraries are loaded when a platform is created.

import type { Clock, Platform } from '../port.js';
import { createBpf } from './bpf.js';
import { probeCapabilities } from './capabilities.js';
import { createClock } from './clock.js';
import { createContext } from './context.js';
import { takeLock } from './lock.js';
import { captureLibbpfLog } from './log.js';
import { RouteSocket } from './netlink.js';
import { createNetwork, readBootIdentity } from './network.js';
import { notifyServiceManager } from './notify.js';
import { BPF_FILE_SYSTEM } from './pins.js';

/** Throws FL_E_MISSING when libbpf is not installed. Needs no permission: what is done with it later does. */
export function createLinuxPlatform(): Platform {
  const context = createContext();
  captureLibbpfLog(context);
  const socket = new RouteSocket(context);
  let clock: Promise<Clock> | undefined;
  return {
    name: 'linux',
    flavour: 'linux',
    pinRoot: `${BPF_FILE_SYSTEM}/fairlead`,
    capabilities: probeCapabilities(context),
    bpf: createBpf(context, socket),
    network: createNetwork(context, socket),
    clock: () => {
      clock ??= createClock(context);
      return clock;
    },
    lock: (path) => takeLock(context, path),
    bootIdentity: readBootIdentity,
    notify: (path, text) => notifyServiceManager(context, path, text),
  };
}
