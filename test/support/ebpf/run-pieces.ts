// Runs an assembled program on a packet, for tests of the interpreter.
// Imports its siblings and platform/fake.

import { FakeKernel, type FakeMapSpec } from '../../../platform/fake/index.js';
import type { MapObject } from '../../../platform/fake/objects.js';
import { assemble, type Piece } from './assemble.js';
import { Machine, type Run, type Runnable } from './machine.js';
import type { Profile } from './profile.js';
import { windowsProfile } from './windows.js';

export const PACKET = Buffer.from(Array.from({ length: 64 }, (_, i) => i));
export const INGRESS = 7;
export const WINDOWS: Profile = windowsProfile({ now: () => 12345, nanoseconds: () => 0x1_2345_6789_abcdn, adjustHead: 'works' });

/** Maps of these specs, by name. */
export function makeMaps(...specs: readonly FakeMapSpec[]): ReadonlyMap<string, MapObject> {
  const kernel = new FakeKernel({ cpus: 1 });
  return new Map(specs.map((spec) => [spec.name, kernel.addMap(spec)]));
}

export interface Given {
  readonly profile?: Profile;
  readonly packet?: Buffer;
  readonly maps?: ReadonlyMap<string, MapObject>;
}

/** Throws Fault. */
export function runObject(object: Runnable, { profile = WINDOWS, packet = PACKET, maps = new Map() }: Given = {}): Run {
  return new Machine(object, profile).run({ packet, ingressIfindex: INGRESS, entry: 0, maps });
}

/** Throws Fault. The program's one function is called `program`. */
export function runPieces(pieces: readonly Piece[], given: Given = {}): Run {
  return runObject(assemble(...pieces), given);
}
