// Size of the program measured, and the memory of its maps at default sizes.
// Imports agent/model and its siblings.
// Invariant: the memory is what the kernel counts, not a sum of declared sizes.

import { encodeIndex } from '../agent/datapath/layout.js';
import type { Family } from '../agent/model/address.js';
import type { Workshop } from './course.js';
import { readMapBytes } from './kernel.js';
import type { ProgramFacts } from './report.js';
import { Scene } from './scene.js';

const FIRST_SERVICE = 1;

export async function readProgramFacts({ platform, dataPlane }: Workshop, family: Family): Promise<ProgramFacts> {
  const scene = await Scene.open(platform, dataPlane, { family });
  const { verifiedInstructions, translatedInstructions, machineCodeBytes } = scene.program;
  const mapBytes = scene.program.mapIds.reduce((sum, id) => sum + readMapBytes(id), 0);
  const maglevBytes = readMapBytes(scene.program.maps.get('lb_maglev')?.lookup(encodeIndex(FIRST_SERVICE))?.readUInt32LE(0) ?? 0);
  scene.close();
  return { verifiedInstructions, translatedInstructions, machineCodeBytes, mapBytes, maglevBytes };
}
