// New flows while every slot has a half-open one: how long the data plane looks for a slot and a port before another flow gives way.
// Imports the model and test/bpf's harness. Needs root. The random sequences seldom come so far that the sixth port decides.
// Invariant: each new flow comes into the same full table.

import assert from 'node:assert/strict';
import { useLoader } from '../bpf/harness.js';
import { HOSTS } from '../bpf/hosts.js';
import { LOOPBACK } from '../bpf/world.js';
import { buildShape } from './frames.js';
import type { Exchange, Kernel } from './kernel.js';
import { loadTested } from './kernels.js';
import { onOneCpu } from './one-cpu.js';
import type { Family, Flow, Plane, State } from './state.js';
import { resolveStep } from './resolve.js';
import { buildWorld, FAMILIES, SERVICES } from './world.js';

const SNAT_ALONE = {
  range: 3,
  rate: 0,
  maglevSize: 7,
  lbAddresses: 1,
  seeds: [3n, 4],
  timeouts: [60, 21600, 10, 60],
  actions: Array.from({ length: 2 * SERVICES }, () => 0),
  tables: Array.from({ length: 2 * SERVICES }, () => [1]),
  devices: 3,
  fib: false,
} as const;
const FLOWS = 1500;

function syn(family: Family, sport: number): Buffer {
  const { CLIENT, LB, VIP } = HOSTS[family];
  const ends = { srcMac: CLIENT.mac, dstMac: LB.mac, src: CLIENT.address, dst: VIP.address, sport, dport: VIP.tcpPort, ttl: 64 };
  const plain = { payload: 0, hops: 64, tos: 0, dontFragment: true, tags: [], between: [], padding: 0, srcMac: 0 };
  return buildShape(family, ends, 'tcp', { ...plain, flags: 0, checksum: 'right' });
}

const isFull = (state: State, family: Family): boolean => state.planes[family].flows.every(({ entry }) => entry !== undefined);

/** In the slots that a flow without a port gave back, flows of DSR. */
function fillUp(plane: Plane): Plane {
  const { entry: some } = plane.flows.find(({ entry }) => entry !== undefined) as { entry: Flow };
  const dsr = (sport: number): Flow => ({ ...some, tuple: { ...some.tuple, sport }, action: 'dsr-l2', snatPort: 0, reverse: 0 });
  return { ...plane, flows: plane.flows.map(({ claims, entry }, i) => ({ claims, entry: entry ?? dsr(1 + i) })) };
}

/** All slots of `ct` have flows that are half-open; some of `snat` are free. */
function fill(kernel: Kernel, family: Family): State {
  let state = buildWorld(SNAT_ALONE, { ticksPerSecond: kernel.ticksPerSecond, slots: kernel.slots, now: kernel.now() });
  kernel.put(state);
  for (let sport = 1000; sport < 1500 && !isFull(state, family); sport++) {
    const { outcome, difference } = runAfresh(kernel, state, syn(family, sport));
    assert.equal(difference, undefined);
    state = outcome.state;
  }
  state = { ...state, planes: { ...state.planes, [family]: fillUp(state.planes[family]) } };
  const flooded = resolveStep(state, { kind: 'flood', family }, kernel.now());
  assert.ok('state' in flooded && isFull(flooded.state, family));
  return flooded.state;
}

/** A tick that falls between two looks of the program at the clock makes a difference that does not come again. */
function runAfresh(kernel: Kernel, state: State, frame: Buffer): Exchange {
  kernel.put(state);
  const first = kernel.run(state, frame, LOOPBACK);
  if (first.difference === undefined) return first;
  kernel.put(state);
  return kernel.run(state, frame, LOOPBACK);
}

describe('new flows in a full table', function () {
  this.timeout(60_000);
  const loader = useLoader();
  for (const family of FAMILIES) {
    it(`take slots and ports as the model says (IPv${family})`, async () => {
      const { kernel } = await loadTested(loader(), 'tiny');
      onOneCpu(() =>
        kernel.inside(() => {
          const state = fill(kernel, family);
          for (let i = 0; i < FLOWS; i++) {
            const { outcome, difference } = runAfresh(kernel, state, syn(family, 10_000 + i));
            assert.equal(difference, undefined, `source port ${10_000 + i}`);
            assert.equal(outcome.reason, 'snat_request');
          }
        }),
      );
    });
  }
});
