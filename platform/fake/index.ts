// The platform port in memory, for tests of what stands above it. One platform is one process; a FakeKernel is the machine.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: what is pinned in the kernel is still there for a second platform on the same kernel, as after a restart.
// It is a test double: kernel.ts says what it does not do. test/platform holds it to the same suite as Linux.

import { FairleadError } from '../../agent/model/errors.js';
import type { Bpf, Lock, Network, Platform } from '../port.js';
import { FakeKernel } from './kernel.js';
import { createFakeLink, FakeLink } from './link.js';
import { FakeMap } from './map.js';
import { MapObject } from './objects.js';
import { listPins, makePinDirectory, removePins } from './pins.js';
import { FakeProgram, loadFakeProgram } from './program.js';
import { openFakeRing } from './ring.js';

export { FakeKernel, type FakeKernelOptions, type FakeOperation, type FakeProgramSpec, type JournalEntry } from './kernel.js';
export type { FakeInterface, FakeRoute } from './net.js';
export type { FakeMapSpec } from './objects.js';

export interface FakePlatform extends Platform {
  readonly kernel: FakeKernel;
  /** Ends the "process", as SIGKILL would: its handles, locks and watches are gone, its pins stay. */
  endProcess(): void;
}

/** A new process on the machine `kernel`. */
export function createFakePlatform(kernel: FakeKernel = new FakeKernel()): FakePlatform {
  const pid = kernel.newPid();
  const opened = new Set<{ close(): void }>();
  const keep = <Handle extends { close(): void }>(handle: Handle): Handle => {
    opened.add(handle);
    return handle;
  };
  return {
    kernel,
    name: 'fake',
    flavour: 'linux',
    pinRoot: '/sys/fs/bpf/fairlead',
    capabilities: {
      atomicReplace: true,
      fibLookup: true,
      redirect: true,
      multiBuffer: true,
      synCookies: true,
      growsHead: true,
      loadsObjects: true,
      ...kernel.options.capabilities,
    },
    bpf: createFakeBpf(kernel, keep),
    network: createFakeNetwork(kernel, keep),
    clock: async () => kernel.clock(),
    lock: (path) => takeFakeLock(kernel, path, pid),
    bootIdentity: () => kernel.bootIdentity,
    notify: () => false,
    endProcess: () => {
      for (const handle of opened) handle.close();
      for (const [path, holder] of [...kernel.locks]) if (holder === pid) kernel.locks.delete(path);
    },
  };
}

type Keep = <Handle extends { close(): void }>(handle: Handle) => Handle;

function createFakeBpf(kernel: FakeKernel, keep: Keep): Bpf {
  const pinned = <Kind>(path: string, kind: string, choose: (object: unknown) => Kind | undefined): Kind | undefined => {
    const object = kernel.pins.get(path);
    const chosen = object && choose(object);
    if (object !== undefined && chosen === undefined) throw new FairleadError('FL_E_LOAD', `what is pinned at ${path} is not a ${kind}`);
    return chosen;
  };
  return {
    load: async (request) => keep(loadFakeProgram(kernel, request)),
    openPinnedProgram: (path) => {
      const object = pinned(path, 'program', () => [...kernel.programs.values()].find((program) => program === kernel.pins.get(path)));
      return (
        object &&
        keep(
          new FakeProgram(
            kernel,
            object,
            object.maps.map((map) => new FakeMap(kernel, map)),
          ),
        )
      );
    },
    createMap: (spec) => {
      if (spec.type === 'other' || spec.type === 'lpm_trie' || spec.type === 'array_of_maps' || spec.type === 'hash_of_maps') {
        throw new FairleadError('FL_E_UNSUPPORTED', `map ${spec.name} (${spec.type}) cannot be made by itself`);
      }
      return keep(new FakeMap(kernel, kernel.addMap(spec)));
    },
    openPinnedMap: (path) => {
      const object = pinned(path, 'map', (candidate) => (candidate instanceof MapObject ? candidate : undefined));
      return object && keep(new FakeMap(kernel, object));
    },
    openMapById: (id) => {
      const object = kernel.maps.get(id);
      return object && keep(new FakeMap(kernel, object));
    },
    openRing: (map) => keep(openFakeRing(map)),
    attach: async (program, ifindex, mode, path) => keep(createFakeLink(kernel, program, ifindex, mode, path)),
    openPinnedLink: (path) => {
      const object = pinned(path, 'link', () => [...kernel.links.values()].find((link) => link === kernel.pins.get(path)));
      return object && keep(new FakeLink(kernel, object, path));
    },
    attachedProgram: (ifindex) => {
      const link = [...kernel.links.values()].find((candidate) => candidate.ifindex === ifindex && ifindex !== 0);
      return link && { programId: link.program.id, programName: link.program.name, mode: link.mode };
    },
    listPins: (directory) => listPins(kernel, directory),
    makePinDirectory: (directory) => makePinDirectory(kernel, directory),
    removePins: (path) => removePins(kernel, path),
  };
}

function createFakeNetwork({ net }: FakeKernel, keep: Keep): Network {
  return {
    interfaces: () => net.interfaces.map(({ name, index, mac, mtu, up, addresses }) => ({ name, index, mac, mtu, up, addresses })),
    route: (destination) => net.route(destination),
    neighbours: () => net.neighbours(),
    solicit: (ifindex, address) => net.solicit(ifindex, address),
    watch: (listener) => {
      net.listeners.add(listener);
      return keep({ close: () => void net.listeners.delete(listener) });
    },
    openProbePath: (_family, heard) => keep(net.openProbePath(heard)),
    localPortRange: () => net.localPortRange,
    forwardingEnabled: (ifindex, family) => {
      const device = net.interfaces.find((candidate) => candidate.index === ifindex);
      if (device === undefined) throw new FairleadError('FL_E_NOT_FOUND', `there is no network device ${ifindex}`);
      return device.forwarding?.includes(family) ?? false;
    },
  };
}

function takeFakeLock(kernel: FakeKernel, path: string, pid: number): Lock {
  const holder = kernel.locks.get(path);
  if (holder !== undefined) return { held: false, pid: holder };
  kernel.locks.set(path, pid);
  let held = true;
  return {
    held: true,
    release: () => {
      if (held) kernel.locks.delete(path);
      held = false;
    },
  };
}
