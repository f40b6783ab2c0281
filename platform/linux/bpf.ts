// The BPF part of the port: puts load, maps, links and pins together.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: handles that it returns own their descriptors; the caller closes them.

import { FairleadError } from '../../agent/model/errors.js';
import type { AttachedProgram, Bpf } from '../port.js';
import { Descriptor } from '../shared/descriptor.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { type ProgramInfo, readObjectKind, readProgramInfo } from './info.js';
import { readAttachedXdp } from './interfaces.js';
import { createLink, openLink } from './link.js';
import { loadProgram } from './load.js';
import { createMap, LinuxMap } from './map.js';
import type { RouteSocket } from './netlink.js';
import { listPins, makePinDirectory, removePins } from './pins.js';
import { LinuxProgram } from './program.js';
import { openRing } from './ring.js';

export function createBpf(context: Context, socket: RouteSocket): Bpf {
  const attachedProgram = (ifindex: number): AttachedProgram | undefined => {
    const attached = readAttachedXdp(socket, ifindex);
    return attached && { ...attached, programName: readProgram(context, attached.programId)?.name ?? '' };
  };
  return {
    load: (request) => loadProgram(context, request),
    openPinnedProgram: (path) => openPinnedProgram(context, path),
    createMap: (spec) => createMap(context, spec),
    openPinnedMap: (path) => openPinnedMap(context, path),
    openMapById: (id) => openMapById(context, id),
    openRing: (map) => openRing(context, map),
    attach: (program, ifindex, mode, pinPath) => createLink(context, program, ifindex, mode, pinPath, () => attachedProgram(ifindex)),
    openPinnedLink: (path) => openLink(context, path),
    attachedProgram,
    listPins,
    makePinDirectory: (directory) => makePinDirectory(context, directory),
    removePins,
  };
}

/** What is pinned at `path`, opened; undefined when there is none. Throws FL_E_LOAD when it is of another kind. */
function openPin(context: Context, path: string, kind: 'map' | 'prog'): Descriptor | undefined {
  const fd = context.bpf.bpf_obj_get(path);
  if (fd === -ERRNO.ENOENT) return undefined;
  if (fd < 0) throw systemError('FL_E_LOAD', `cannot open the pin ${path}`, fd);
  const descriptor = new Descriptor(context, fd, path);
  if (readObjectKind(fd) === kind) return descriptor;
  descriptor.close();
  throw new FairleadError('FL_E_LOAD', `what is pinned at ${path} is not a ${kind === 'map' ? 'map' : 'program'}`, {
    hint: 'remove the pin',
  });
}

/** The program with its maps; names are the kernel's, 15 characters at most. */
function openPinnedProgram(context: Context, path: string): LinuxProgram | undefined {
  const descriptor = openPin(context, path, 'prog');
  if (descriptor === undefined) return undefined;
  const info = readProgramInfo(context, descriptor.fd);
  const maps = info.mapIds.flatMap((id) => openMapIfAllowed(context, id) ?? []);
  return new LinuxProgram(context, descriptor, info.name, new Map(maps.map((map) => [map.name, map])));
}

function openPinnedMap(context: Context, path: string): LinuxMap | undefined {
  const descriptor = openPin(context, path, 'map');
  return descriptor && new LinuxMap(context, descriptor);
}

/** Opening by id takes CAP_SYS_ADMIN; opening a pin does not, and all our maps are pinned. */
function openMapIfAllowed(context: Context, id: number): LinuxMap | undefined {
  const fd = context.bpf.bpf_map_get_fd_by_id(id);
  if (fd === -ERRNO.EPERM) return undefined;
  return openedMap(context, id, fd);
}

function openMapById(context: Context, id: number): LinuxMap | undefined {
  return openedMap(context, id, context.bpf.bpf_map_get_fd_by_id(id));
}

/** `fd`: as the library answered. */
function openedMap(context: Context, id: number, fd: number): LinuxMap | undefined {
  if (fd === -ERRNO.ENOENT) return undefined;
  if (fd < 0) throw systemError('FL_E_LOAD', `cannot open map ${id}`, fd);
  return new LinuxMap(context, new Descriptor(context, fd, `map ${id}`));
}

function readProgram(context: Context, id: number): ProgramInfo | undefined {
  const fd = context.bpf.bpf_prog_get_fd_by_id(id);
  // By id a program opens for CAP_SYS_ADMIN alone: others do not learn its name.
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.EPERM) return undefined;
  if (fd < 0) throw systemError('FL_E_LOAD', `cannot open program ${id}`, fd);
  const descriptor = new Descriptor(context, fd, `program ${id}`);
  try {
    return readProgramInfo(context, descriptor.fd);
  } finally {
    descriptor.close();
  }
}
