// One packet case: what goes in, what stood in the maps, and everything that must hold afterwards.
// Imports the harness (load, state, world) and the packet comparison.
// Invariant: whatever a case does not mention must not have changed: packet, flows, reverse entries, backends, counters.

import assert from 'node:assert/strict';
import { assertFrame } from '../support/packet/diff.js';
import { findWrongChecksums } from '../support/packet/parse.js';
import type { Flavour, Loader } from './load.js';
import { type AffinityState, readAffinity } from './policy-state.js';
import { takeOuterFlowLabel } from './outer-flow-label.js';
import {
  type BackendEntry,
  clearCounters,
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
import { checkStats } from './stats.js';
import { DEVICE, type PlaneSettings, type World } from './world.js';

export interface PacketCase {
  /** One sentence of behaviour. */
  readonly title: string;
  readonly settings?: PlaneSettings;
  /** Replaces parts of defaultState(). */
  readonly before?: Partial<PlaneState>;
  /** Frames that come in before the packet, by lo; of them nothing is looked at but what they leave in the maps. */
  readonly earlier?: readonly Buffer[];
  readonly packet: Buffer;
  /** 'device': comes in by the device of the test's namespace instead of lo. */
  readonly ingress?: 'device';
  /** Whether the kernel's FIB answers; default false. */
  readonly forwarding?: true;
  readonly verdict: 'pass' | 'drop' | 'tx' | 'redirect';
  /** The one reason that is counted, once, with the packet's bytes as received. */
  readonly reason: string;
  /** The reason by which its service counts it among what it has refused; default: `reason`. */
  readonly refusedBy?: string;
  /** Default: the packet as it came in. The flow label of an outer IPv6 header is not compared. */
  readonly out?: Buffer;
  /** The whole content of these maps afterwards; default: as before. */
  readonly flows?: readonly FlowState[];
  readonly replies?: readonly ReverseState[];
  /** All affinity afterwards, in the order of clients; default: as before. */
  readonly affinity?: readonly AffinityState[];
  /** Backend entries that differ afterwards. The time of the last FIB question is compared for these alone. */
  readonly backends?: readonly BackendEntry[];
  /** 'open': what flows and reverse entries hold afterwards is not compared. */
  readonly entries?: 'open';
  /** The packet out carries a checksum that is wrong, because it came in so. */
  readonly wrongChecksum?: true;
}

const clientOf = ({ address, serviceId }: AffinityState) => `${address} ${serviceId}`;
const keyOf = ({ saddr, daddr, sport, dport, protocol }: FlowState['tuple']) => [saddr, daddr, sport, dport, protocol].join(' ');
const byKey = <Entry extends { readonly tuple: FlowState['tuple'] }>(list: readonly Entry[]) =>
  [...list].sort((a, b) => (keyOf(a.tuple) < keyOf(b.tuple) ? -1 : 1));

/** Adjusts times within the tolerance and compares: a failure then shows the fields that differ. */
function compareEntries<Entry extends { readonly tuple: FlowState['tuple'] }>(actual: readonly Entry[], expected: readonly Entry[]): void {
  const wanted = byKey(expected);
  assert.deepEqual(
    byKey(actual).map((entry, i) => roundTimes(entry, wanted[i])),
    wanted,
  );
}

/** Runs the case on the data plane of this flavour and checks all that it says. */
export async function runCase(loader: Loader, flavour: Flavour, world: World, given: PacketCase): Promise<void> {
  const plane = await loader.load(flavour, given.settings ?? world.SETTINGS);
  const before: PlaneState = { ...defaultState(world), ...given.before };
  await putState(plane, before);
  const run = plane.bed.run(() => {
    plane.bed.setForwarding(given.forwarding ?? false);
    for (const frame of given.earlier ?? []) plane.program.testRun(frame);
    if (given.earlier !== undefined) clearCounters(plane);
    return plane.program.testRun(given.packet, given.ingress === undefined ? {} : { ingressIfindex: DEVICE.index });
  });
  const entries = await readEntries(plane);
  assert.deepEqual(
    { verdict: run.verdict, counted: readCounters(plane) },
    { verdict: given.verdict, counted: { [given.reason]: { packets: 1, bytes: given.packet.length } } },
  );
  await checkStats(plane, given, before, run.packet);
  const forwarded = run.verdict === 'tx' || run.verdict === 'redirect';
  const out = given.out ?? given.packet;
  if (run.verdict !== 'drop') assertFrame(run.packet, forwarded ? takeOuterFlowLabel(out, run.packet) : out, 'the packet out');
  if (forwarded && given.wrongChecksum === undefined) assert.deepEqual(findWrongChecksums(run.packet), []);
  if (given.entries !== 'open') {
    compareEntries(entries.flows, given.flows ?? before.flows);
    compareEntries(entries.replies, given.replies ?? before.replies);
  }
  const wanted = [...(given.affinity ?? before.affinity ?? [])].sort((a, b) => (clientOf(a) < clientOf(b) ? -1 : 1));
  assert.deepEqual(
    (await readAffinity(plane)).map((entry, i) => roundTimes(entry, wanted[i])),
    wanted,
  );
  for (const backend of before.backends) {
    const changed = given.backends?.find((other) => other.id === backend.id);
    const found = readBackend(plane, backend);
    if (changed === undefined) assert.deepEqual({ ...found, askedAgo: undefined }, { ...backend, askedAgo: undefined });
    else assert.deepEqual(roundTimes(found, changed), changed);
  }
}
