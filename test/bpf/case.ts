// One packet case: what goes in, what stood in the maps, and everything that must hold afterwards.
// Imports the harness (load, state, world) and the packet comparison.
// Invariant: whatever a case does not mention must not have changed: packet, flows, reverse entries, backends, counters.

import assert from 'node:assert/strict';
import { TUPLE4 } from '../../agent/datapath/layout.js';
import { assertFrame } from '../support/packet/diff.js';
import { findWrongChecksums } from '../support/packet/parse.js';
import type { Flavour, Loader } from './load.js';
import { setForwarding } from './namespace.js';
import {
  type BackendEntry,
  type FlowState,
  type PlaneState,
  putState,
  type ReverseState,
  readBackend,
  readCounters,
  readEntries,
  roundTimes,
} from './state.js';
import { defaultState } from './states.js';
import { DEVICE, type PlaneSettings, SETTINGS } from './world.js';

export interface PacketCase {
  /** One sentence of behaviour. */
  readonly title: string;
  readonly settings?: PlaneSettings;
  /** Replaces parts of defaultState(). */
  readonly before?: Partial<PlaneState>;
  readonly packet: Buffer;
  /** 'device': comes in by the device of the test's namespace instead of lo. */
  readonly ingress?: 'device';
  /** Whether the kernel's FIB answers; default false. */
  readonly forwarding?: true;
  readonly verdict: 'pass' | 'drop' | 'tx' | 'redirect';
  /** The one reason that is counted, once, with the packet's bytes as received. */
  readonly reason: string;
  /** Default: the packet as it came in. */
  readonly out?: Buffer;
  /** The whole content of these maps afterwards; default: as before. */
  readonly flows?: readonly FlowState[];
  readonly replies?: readonly ReverseState[];
  /** Backend entries that differ afterwards. The time of the last FIB question is compared for these alone. */
  readonly backends?: readonly BackendEntry[];
  /** The packet out carries a checksum that is wrong, because it came in so. */
  readonly wrongChecksum?: true;
}

const byKey = <Entry extends { readonly tuple: FlowState['tuple'] }>(list: readonly Entry[]) =>
  [...list].sort((a, b) => TUPLE4.encode(a.tuple).compare(TUPLE4.encode(b.tuple)));

/** Adjusts times within the tolerance and compares: a failure then shows the fields that differ. */
function compareEntries<Entry extends { readonly tuple: FlowState['tuple'] }>(actual: readonly Entry[], expected: readonly Entry[]): void {
  const wanted = byKey(expected);
  assert.deepEqual(
    actual.map((entry, i) => roundTimes(entry, wanted[i])),
    wanted,
  );
}

/** Runs the case on the data plane of this flavour and checks all that it says. */
export async function runCase(loader: Loader, flavour: Flavour, given: PacketCase): Promise<void> {
  const plane = await loader.load(flavour, given.settings ?? SETTINGS);
  const before: PlaneState = { ...defaultState(), ...given.before };
  await putState(plane, before);
  const run = plane.namespace.run(() => {
    setForwarding(given.forwarding ?? false);
    return plane.program.testRun(given.packet, given.ingress === undefined ? {} : { ingressIfindex: DEVICE.index });
  });
  const entries = await readEntries(plane);
  assert.deepEqual(
    { verdict: run.verdict, counted: readCounters(plane) },
    { verdict: given.verdict, counted: { [given.reason]: { packets: 1, bytes: given.packet.length } } },
  );
  const forwarded = run.verdict === 'tx' || run.verdict === 'redirect';
  if (run.verdict !== 'drop') assertFrame(run.packet, given.out ?? given.packet, 'the packet out');
  if (forwarded && given.wrongChecksum === undefined) assert.deepEqual(findWrongChecksums(run.packet), []);
  compareEntries(entries.flows, given.flows ?? before.flows);
  compareEntries(entries.replies, given.replies ?? before.replies);
  for (const backend of before.backends) {
    const changed = given.backends?.find((other) => other.id === backend.id);
    const found = readBackend(plane, backend);
    if (changed === undefined) assert.deepEqual({ ...found, askedAgo: undefined }, { ...backend, askedAgo: undefined });
    else assert.deepEqual(roundTimes(found, changed), changed);
  }
}
