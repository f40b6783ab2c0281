// The BPF part of the port: puts load, maps, links and pins together.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: handles that it returns own their descriptors; the caller closes them.

import { FairleadError } from '../../agent/model/errors.js';
import type { Bpf } from '../port.js';
import type { Descriptor } from '../shared/descriptor.js';
import { type Context, opened } from './context.js';
import { ERRNO } from './errno.js';
import { readObjectKind, readProgramInfo } from './info.js';
import { createLink, openLink, readAttached } from './link.js';
import { loadProgram } from './load.js';
import { createMap, WindowsMap } from './map.js';
import { listPins, removePins, requirePinPath } from './pins.js';
import { WindowsProgram } from './program.js';
import { openRing } from './ring.js';

export function createBpf(context: Context): Bpf {
  return {
    load: (request) => loadProgram(context, request),
    openPinnedProgram: (path) => openPinnedProgram(context, path),
    createMap: (spec) => createMap(context, spec),
    openPinnedMap: (path) => {
      const descriptor = openPin(context, path, 'map');
      return descriptor && new WindowsMap(context, descriptor);
    },
    openMapById: (id) => openMapById(context, id),
    openRing: (map) => openRing(context, map),
    attach: (program, ifindex, mode, pinPath) => createLink(context, program, ifindex, mode, pinPath),
    openPinnedLink: (path) => openLink(context, path),
    attachedProgram: (ifindex) => readAttached(context, ifindex),
    listPins: (directory) => listPins(context, directory),
    makePinDirectory: requirePinPath,
    removePins: (path) => removePins(context, path),
  };
}

/** What is pinned at `path`, opened; undefined when there is none. Throws FL_E_LOAD when it is of another kind. */
function openPin(context: Context, path: string, kind: 'map' | 'program'): Descriptor | undefined {
  const fd = context.api.bpf_obj_get(path);
  if (fd === -ERRNO.ENOENT) return undefined;
  const descriptor = opened(context, fd, `the pin ${path}`);
  if (readObjectKind(context, descriptor.fd) === kind) return descriptor;
  descriptor.close();
  throw new FairleadError('FL_E_LOAD', `what is pinned at ${path} is not a ${kind}`, { hint: 'remove the pin' });
}

function openPinnedProgram(context: Context, path: string): WindowsProgram | undefined {
  const descriptor = openPin(context, path, 'program');
  if (descriptor === undefined) return undefined;
  const { mapIds } = readProgramInfo(context, descriptor.fd);
  const maps = mapIds.flatMap((id) => openMapById(context, id) ?? []);
  return new WindowsProgram(context, descriptor, new Map(maps.map((map) => [map.name, map])), '');
}

function openMapById(context: Context, id: number): WindowsMap | undefined {
  const fd = context.api.bpf_map_get_fd_by_id(id);
  return fd === -ERRNO.ENOENT ? undefined : new WindowsMap(context, opened(context, fd, `map ${id}`));
}
