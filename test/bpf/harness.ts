// What the tests that send many packets share: a loader that skips without root, and one packet sent with its counted reason.
// Imports the harness's parts.

import { skipTest } from '../tools/skip.js';
import type { TestRun } from '../../platform/port.js';
import { type DataPlane, Loader } from './load.js';
import { type PlaneState, putState, readCounters } from './state.js';
import { defaultState } from './states.js';
import type { TestBed } from './test-bed.js';
import type { World } from './world.js';

/** Gives the enclosing suite a loader on this bed, closed at its end; skips the suite when the bed is the kernel, the default, and this is not root. */
export function useLoader(makeBed?: () => TestBed): () => Loader {
  let loader: Loader | undefined;
  before(function () {
    if (makeBed === undefined && process.getuid?.() !== 0) skipTest(this, 'loading programs needs root');
    loader = new Loader(makeBed?.());
  });
  after(() => loader?.close());
  return () => loader as Loader;
}

/** Puts the default state, with these parts replaced. */
export function putDefaults(plane: DataPlane, world: World, changed: Partial<PlaneState> = {}): Promise<void> {
  return putState(plane, { ...defaultState(world), ...changed });
}

/** Sends one packet in by lo. */
export function send(plane: DataPlane, packet: Buffer): TestRun {
  return plane.bed.run(() => plane.program.testRun(packet));
}

/** The reasons that were counted, how often each. */
export function countedReasons(plane: DataPlane): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(readCounters(plane)).map(([name, { packets }]) => [name, packets]));
}
