// The interpreter of test/support/ebpf as the bed of packet tests, once as Linux and once as eBPF for Windows.
// Imports platform/fake's kernel for the maps, the interpreter, and who lives in the tests' world.
// Invariant: time stands still, so that what a test expects of times holds exactly.

import { addressBytes } from '../../agent/model/address.js';
import { FakeKernel } from '../../platform/fake/index.js';
import { FakeMap } from '../../platform/fake/map.js';
import { openFakeRing } from '../../platform/fake/ring.js';
import { type LinuxOptions, linuxProfile, type NextHop } from '../support/ebpf/linux.js';
import type { Profile, Surroundings } from '../support/ebpf/profile.js';
import { loadObject } from '../support/ebpf/program.js';
import { type WindowsOptions, windowsProfile } from '../support/ebpf/windows.js';
import { FIB_CLIENT_MAC } from './hosts.js';
import type { TestBed } from './test-bed.js';
import { FAMILIES_UNDER_TEST } from './under-test.js';
import { DEVICE, WORLDS } from './world.js';

/** Far from 0, so that times before now are not before the beginning, and beyond 32 bits, so that the counter has wrapped once. */
const NOW = 0x1_0000_0000 + 100_000_000;

/** Where the program believes to be; the kernel's ticks are modulo 2^32, as the agent reads them. */
interface Machine {
  readonly kernel: FakeKernel;
  readonly surroundings: Surroundings;
}

function makeMachine(ticksPerSecond: number): Machine {
  const kernel = new FakeKernel({ cpus: 1, ticksPerSecond });
  kernel.ticks = NOW >>> 0;
  const nanoseconds = () => (BigInt(NOW) * 1_000_000_000n) / BigInt(ticksPerSecond);
  return { kernel, surroundings: { now: () => NOW, nanoseconds } };
}

type Rest = Pick<TestBed, 'capabilities' | 'genericMacros' | 'setForwarding'>;

function bedOf({ kernel, surroundings }: Machine, profile: Profile, rest: Rest): TestBed {
  return {
    flavour: profile.flavour,
    clock: async () => ({ ...kernel.clock(), nanoseconds: surroundings.nanoseconds }),
    load: async (objectFile) => loadObject({ kernel, profile, objectFile, program: 'fairlead' }),
    createMap: (spec) => new FakeMap(kernel, kernel.addMap(spec)),
    rings: { openRing: openFakeRing },
    run: (action) => {
      kernel.journal.length = 0; // nobody reads it, and there are a thousand writes for a packet
      return action();
    },
    ...rest,
  };
}

const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');

/** What kernel-bed.ts gives its namespace: the neighbours by address bytes. */
function neighbours(): ReadonlyMap<string, NextHop> {
  return new Map(
    FAMILIES_UNDER_TEST.flatMap((family) => {
      const { CLIENT, FIB_NEIGHBOUR } = WORLDS[family];
      return [{ address: CLIENT.address, mac: FIB_CLIENT_MAC }, FIB_NEIGHBOUR].map(({ address, mac }) => [
        Buffer.from(addressBytes(address)).toString('hex'),
        { ifindex: DEVICE.index, mtu: 1500, source: macBytes(DEVICE.mac), destination: macBytes(mac) },
      ]);
    }),
  );
}

/** Linux with jiffies of 250 Hz and frames of one buffer. */
export function linuxInterpreterBed(): TestBed {
  const machine = makeMachine(250);
  const fib = neighbours();
  let forwarding = false;
  const nextHop: LinuxOptions['nextHop'] = (to) => (forwarding ? fib.get(to.toString('hex')) : undefined);
  return bedOf(machine, linuxProfile({ ...machine.surroundings, nextHop }), {
    capabilities: { multiBuffer: true },
    genericMacros: {},
    setForwarding: (on) => {
      forwarding = on;
    },
  });
}

/** eBPF for Windows. The build for a native driver may use atomic instructions, as the compile step of `npm run build:bpf` says too. */
export function windowsInterpreterBed(options: Pick<WindowsOptions, 'adjustHead'>): TestBed {
  const machine = makeMachine(1000);
  return bedOf(machine, windowsProfile({ ...machine.surroundings, ...options }), {
    capabilities: { multiBuffer: false },
    genericMacros: { FL_HAS_ATOMICS: '1' },
    setForwarding: () => {},
  });
}
