// The object file that the data plane is loaded from: compiled for this machine, or given with --bpf-object.
// Imports platform/port, agent/model and its siblings.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Platform } from '../../../platform/port.js';
import { FairleadError } from '../../model/errors.js';
import type { Settings } from '../../model/settings.js';
import { compileObject } from './compile.js';
import type { Ground } from '../start/ground.js';

export interface DataPlaneObject {
  readonly objectFile: string;
  readonly digest: string;
}

/** The object with a line about where it came from. Throws FL_E_COMPILE, FL_E_MISSING, FL_E_UNSUPPORTED. */
export async function buildObject(platform: Platform, settings: Settings, ground: Ground): Promise<readonly [DataPlaneObject, string]> {
  if (settings.bpfObject !== undefined) return [givenObject(settings.bpfObject), `${basename(settings.bpfObject)}, as given`];
  if (!platform.capabilities.loadsObjects) {
    throw new FairleadError('FL_E_UNSUPPORTED', `${platform.name}: programs compiled here cannot be loaded`, {
      hint: 'give the driver that was made beforehand: --bpf-object=FILE.sys (docs/windows.md)',
    });
  }
  const { clang, cacheDirectory } = settings;
  const { sourceDirectory, macros } = ground;
  const compiled = await compileObject({ clang, cacheDirectory, sourceDirectory, source: 'fairlead.c', flavour: platform.flavour, macros });
  const how = compiled.fromCache ? 'taken from the cache' : `${(compiled.milliseconds / 1000).toFixed(2)} s`;
  return [compiled, `fairlead.o, ${how}`];
}

/** A pre-built object is named by its content; its settings come from the config map. */
function givenObject(path: string): DataPlaneObject {
  try {
    return { objectFile: path, digest: createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16) };
  } catch (error) {
    throw new FairleadError('FL_E_LOAD', `object file ${path} cannot be read: ${(error as Error).message}`, {
      hint: 'leave --bpf-object out to compile the data plane here',
      cause: error,
    });
  }
}
