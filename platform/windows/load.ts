// Loading an object file or a native driver: open, choose the one program, pin or do not pin the maps, verify.
// May import koffi, platform/port, agent/model/errors and its siblings.
// Invariant: the library's object is always closed again; what lives on are descriptors of our own (and the pins).

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import koffi from 'koffi';
import { FairleadError } from '../../agent/model/errors.js';
import { callAsync, type MapPtr, type ObjectPtr, type ProgramPtr } from '../shared/libbpf-calls.js';
import type { LoadRequest } from '../port.js';
import { type Context, opened } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { readMapInfo, readProgramInfo } from './info.js';
import { WindowsMap } from './map.js';
import { PIN_ROOT, pinObject, removePins, unpin } from './pins.js';
import { WindowsProgram } from './program.js';

/** ebpf_execution_type_t. */
const EXECUTION = { any: 0, native: 3 } as const;

let loads = 0;

export async function loadProgram(context: Context, request: LoadRequest): Promise<WindowsProgram> {
  if (request.otherwise !== undefined && request.otherwise.size > 0) {
    throw new FairleadError('FL_E_UNSUPPORTED', `${request.objectFile}: maps cannot be made otherwise than the object declares them here`);
  }
  if (!existsSync(request.objectFile))
    throw new FairleadError('FL_E_LOAD', `${request.objectFile} does not exist`, { hint: 'see docs/windows.md' });
  // Maps that are declared as pinned are always pinned: those that nobody wants go to a place of their own, and from there at once.
  const directory = request.pinDirectory ?? `${PIN_ROOT}/fairlead-${process.pid}-${++loads}`;
  const object = openObject(context, request, directory);
  try {
    const program = chooseProgram(context, object, request);
    const isNative = extname(request.objectFile).toLowerCase() === '.sys';
    context.api.ebpf_object_set_execution_type(object, isNative ? EXECUTION.native : EXECUTION.any);
    const result = await callAsync(context.api.bpf_object__load, object);
    if (result < 0) throw loadFailure(context, request, result);
    return takeOver(context, object, program, request, directory);
  } finally {
    context.api.bpf_object__close(object);
    if (request.pinDirectory === undefined) removePins(context, directory);
  }
}

function openObject({ api }: Context, request: LoadRequest, directory: string): ObjectPtr {
  const opts = Buffer.alloc(80); // struct bpf_object_open_opts
  opts.writeBigUInt64LE(80n, 0);
  const root = Buffer.from(`${directory}\0`);
  opts.writeBigUInt64LE(koffi.address(root), 24);
  const object = api.bpf_object__open_file(request.objectFile, opts);
  // The buffer is used here so that it is alive across the call: the library has copied the path by now.
  if (object !== null && root.length > 0) return object;
  throw systemError(
    'FL_E_LOAD',
    `cannot open ${request.objectFile}`,
    api.libbpf_get_error(null),
    'is it an object file of clang -target bpf, or a driver?',
  );
}

function* mapsOf({ api }: Context, object: ObjectPtr): Generator<MapPtr> {
  for (let map = api.bpf_object__next_map(object, null); map !== null; map = api.bpf_object__next_map(object, map)) yield map;
}

function chooseProgram({ api }: Context, object: ObjectPtr, request: LoadRequest): ProgramPtr {
  let chosen: ProgramPtr | undefined;
  const names: string[] = [];
  for (
    let program = api.bpf_object__next_program(object, null);
    program !== null;
    program = api.bpf_object__next_program(object, program)
  ) {
    const name = api.bpf_program__name(program);
    names.push(name);
    if (name === request.program) chosen = program;
    api.bpf_program__set_autoload(program, name === request.program);
  }
  if (chosen !== undefined) return chosen;
  throw new FairleadError('FL_E_LOAD', `${request.objectFile} has no program ${request.program}`, {
    hint: `it has: ${names.join(', ') || 'none'}`,
  });
}

/** Descriptors of our own for the program and its maps, by their ids; the object's are closed with it. */
function takeOver(context: Context, object: ObjectPtr, program: ProgramPtr, request: LoadRequest, directory: string): WindowsProgram {
  const { api } = context;
  const maps = new Map<string, WindowsMap>();
  try {
    for (const map of mapsOf(context, object)) {
      const name = api.bpf_map__name(map);
      const fd = api.bpf_map__fd(map);
      if (fd < 0) continue;
      const own = new WindowsMap(context, opened(context, api.bpf_map_get_fd_by_id(readMapInfo(context, fd).id), `map ${name}`));
      maps.set(name, own);
      if (request.pinDirectory !== undefined) pinWhereItBelongs(context, own, name, directory);
    }
    const { id } = readProgramInfo(context, api.bpf_program__fd(program));
    const descriptor = opened(context, api.bpf_prog_get_fd_by_id(id), `program ${request.program}`);
    return new WindowsProgram(context, descriptor, maps, tagOf(request));
  } catch (error) {
    for (const map of maps.values()) map.close();
    throw error;
  }
}

/** A native driver's maps are pinned at the root, whatever root was asked for (microsoft/ebpf-for-windows 5525). */
function pinWhereItBelongs(context: Context, map: WindowsMap, name: string, directory: string): void {
  const wanted = `${directory}/${name}`;
  const fd = context.api.bpf_obj_get(wanted);
  if (fd >= 0) return void context.api.ebpf_close_fd(fd);
  const atRoot = `${PIN_ROOT}/${name}`;
  const other = context.api.bpf_obj_get(atRoot);
  if (other < 0) return; // declared without a pin
  const isOurs = readMapInfo(context, other).id === map.id;
  context.api.ebpf_close_fd(other);
  if (!isOurs) return;
  pinObject(context, map.fd, `map ${name}`, wanted);
  unpin(context, atRoot);
}

function tagOf({ objectFile, program }: LoadRequest): string {
  return createHash('sha256').update(readFileSync(objectFile)).update(program).digest('hex').slice(0, 16);
}

function loadFailure(context: Context, request: LoadRequest, result: number): FairleadError {
  if (result === -ERRNO.ENOTSUP) {
    return new FairleadError(
      'FL_E_UNSUPPORTED',
      `${request.objectFile}: this installation of eBPF for Windows loads native drivers alone`,
      {
        errno: ERRNO.ENOTSUP,
        hint: 'make one and give it as --bpf-object=FILE.sys: docs/windows.md',
      },
    );
  }
  const report = extname(request.objectFile).toLowerCase() === '.sys' ? '' : verifierReport(context, request);
  if (report !== '') {
    return new FairleadError(
      'FL_E_VERIFY',
      `the verifier refused program ${request.program} of ${request.objectFile}: ${tellingLine(report)}`,
      {
        errno: -result,
        cause: report,
        hint: 'the whole report says which instruction; the program that was attached before is still there',
      },
    );
  }
  return systemError(
    'FL_E_LOAD',
    `cannot load ${request.objectFile}`,
    result,
    'do the maps that are pinned have another layout? `fairlead unload` removes them',
  );
}

/** What the verifier has against the program; empty: nothing, or it did not say. */
function verifierReport({ api }: Context, { objectFile, program }: LoadRequest): string {
  const report = Buffer.alloc(8);
  const error = Buffer.alloc(8);
  if (api.ebpf_api_elf_verify_program_from_file(objectFile, null, program, null, 1, report, error, null) === 0) return '';
  const texts = [report, error].map((place) => place.readBigUInt64LE()).filter((pointer) => pointer !== 0n);
  const said = texts.map((pointer) => koffi.decode(pointer, 'char', -1) as string).join('\n');
  for (const pointer of texts) api.ebpf_free_string(pointer);
  return said.trim();
}

/** The last line that says what is wrong; what follows it are sums. */
function tellingLine(report: string): string {
  const lines = report.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => line !== '' && !/^(\d+ errors?|verification \w+|program terminates)/i.test(line));
  return telling.at(-1) ?? 'the verifier gave no reason';
}
