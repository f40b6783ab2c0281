// An object file as a loaded program under the interpreter: its maps are BpfMaps in memory, and a test run gives verdict and packet.
// Imports platform/fake's kernel and maps, and its siblings.
//
//   const kernel = new FakeKernel({ cpus: 1, ticksPerSecond: 1000 });
//   const profile = windowsProfile({ now: () => kernel.ticks, nanoseconds: () => kernel.clock().nanoseconds(), adjustHead: 'refuses' });
//   const program = loadObject({ kernel, profile, objectFile: 'build/fairlead-windows.o', program: 'fairlead' });
//   program.maps.get('config').update(key, value);   // as the agent does
//   const { verdict, packet } = program.testRun(frame, { ingressIfindex: 7 });   // throws Fault for what no verifier lets pass
//
// Invariant: what a run did to the maps stays, for the next run and for whoever reads them.

import { basename } from 'node:path';
import { FairleadError } from '../../../agent/model/errors.js';
import type { FakeKernel } from '../../../platform/fake/index.js';
import { FakeMap } from '../../../platform/fake/map.js';
import type { MapObject } from '../../../platform/fake/objects.js';
import type { BpfProgram, MapSpec } from '../../../platform/port.js';
import type { DeclaredMap } from './btf.js';
import { Machine } from './machine.js';
import { programsOf, readObject } from './object.js';
import type { Profile } from './profile.js';

export interface ObjectRequest {
  /** Holds the maps; its cpus must be 1. */
  readonly kernel: FakeKernel;
  readonly profile: Profile;
  readonly objectFile: string;
  /** Name of the C function. */
  readonly program: string;
}

/** The program with new, empty maps. Throws FL_E_LOAD when the object has no such program, or maps that the profile does not know. */
export function loadObject({ kernel, profile, objectFile, program }: ObjectRequest): BpfProgram {
  if (kernel.cpus !== 1) throw new Error(`the interpreter has one CPU, the kernel ${kernel.cpus}`);
  const object = readObject(objectFile);
  const found = programsOf(object).find(({ name }) => name === program);
  if (found === undefined) throw new FairleadError('FL_E_LOAD', `object file ${basename(objectFile)} has no program ${program}`);
  const objects = new Map<string, MapObject>(
    object.maps.map((declared) => [
      declared.name,
      kernel.addMap({
        ...specOf(declared, profile),
        ...(declared.inner === undefined ? {} : { inner: specOf({ ...declared.inner, name: '' }, profile) }),
      }),
    ]),
  );
  const handles = [...objects.values()].map((map) => new FakeMap(kernel, map));
  const loaded = kernel.addProgram(program, [...objects.values()]);
  const machine = new Machine(object, profile);
  const { id, name, tag } = loaded;
  return {
    id,
    name,
    tag,
    verifiedInstructions: 0,
    translatedInstructions: 0,
    machineCodeBytes: 0,
    maps: new Map(handles.map((map) => [map.name, map])),
    mapIds: handles.map((map) => map.id),
    testRun: (packet, options = {}) => {
      const began = performance.now();
      const ran = machine.run({ packet, ingressIfindex: options.ingressIfindex ?? 1, entry: found.start, maps: objects });
      return { verdict: profile.verdict(ran.result), packet: ran.packet, nanoseconds: (performance.now() - began) * 1e6 };
    },
    pin: () => {
      throw new FairleadError('FL_E_UNSUPPORTED', 'a program under the interpreter cannot be pinned');
    },
    close: () => {
      for (const map of handles) map.close();
    },
  };
}

function specOf({ name, type, keySize, valueSize, maxEntries }: DeclaredMap, profile: Profile): MapSpec {
  const known = profile.mapTypes[type];
  if (known === undefined) throw new FairleadError('FL_E_LOAD', `map ${name} has type ${type}, which ${profile.name} has not`);
  return { name, type: known, keySize, valueSize, maxEntries };
}
