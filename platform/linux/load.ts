// Loading an object file: open, choose the one program, pin or do not pin the maps, verify.
// May import koffi, platform/port, agent/model/errors and its siblings.
// Invariant: the libbpf object is always closed again; what lives on are descriptors of our own (and the pins).

import { existsSync } from 'node:fs';
import koffi from 'koffi';
import { FairleadError } from '../../agent/model/errors.js';
import type { BpfMap, LoadRequest, MapForm } from '../port.js';
import { type Context, duplicate } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { callAsync, type MapPtr, type ObjectPtr, type ProgramPtr } from '../shared/libbpf-calls.js';
import { clearLibbpfLog, libbpfLog, readLog, tellingLine } from './log.js';
import { LinuxMap, MAP_TYPES } from './map.js';
import { LinuxProgram } from './program.js';

/** Untouched pages of it cost nothing; only a refused program makes the kernel write here. */
const LOG_BYTES = 16 * 1024 * 1024;

let previousLoad: Promise<unknown> = Promise.resolve();

/** Loads one program. One load runs at a time: libbpf's messages are one stream for the whole process. */
export function loadProgram(context: Context, request: LoadRequest): Promise<LinuxProgram> {
  const load = previousLoad.then(() => loadNow(context, request));
  previousLoad = load.catch(() => undefined);
  return load;
}

async function loadNow(context: Context, request: LoadRequest): Promise<LinuxProgram> {
  clearLibbpfLog();
  // Level 0 first: libbpf loads again with level 1 into this buffer when the verifier refuses.
  const log = Buffer.alloc(LOG_BYTES);
  const object = openObject(context, request, log);
  try {
    const program = chooseProgram(context, object, request);
    if (request.pinDirectory === undefined) for (const map of listMaps(context, object)) context.bpf.bpf_map__set_pin_path(map, null);
    for (const map of listMaps(context, object)) reshape(context, map, request.otherwise?.get(context.bpf.bpf_map__name(map)));
    const result = await callAsync(context.bpf.bpf_object__load, object);
    if (result < 0) throw loadFailure(request, result, readLog(log));
    return takeOver(context, object, program, request.program);
  } finally {
    context.bpf.bpf_object__close(object);
  }
}

function openObject(context: Context, request: LoadRequest, log: Buffer): ObjectPtr {
  if (!existsSync(request.objectFile)) {
    throw new FairleadError('FL_E_LOAD', `object file ${request.objectFile} does not exist`, { hint: 'compile the program first' });
  }
  const opts = Buffer.alloc(80); // struct bpf_object_open_opts
  opts.writeBigUInt64LE(80n, 0);
  const pinRoot = Buffer.from(`${request.pinDirectory ?? ''}\0`);
  if (request.pinDirectory !== undefined) opts.writeBigUInt64LE(koffi.address(pinRoot), 24);
  opts.writeBigUInt64LE(koffi.address(log), 56);
  opts.writeBigUInt64LE(BigInt(log.length), 64);
  const object = context.bpf.bpf_object__open_file(request.objectFile, opts);
  // The buffers are used here so that they are alive across the call: libbpf has copied the path by now.
  if (object === null || pinRoot.length === 0) {
    const why = libbpfLog().at(-1);
    const what = `cannot open object file ${request.objectFile}${why === undefined ? '' : ` (${why})`}`;
    throw systemError('FL_E_LOAD', what, context.bpf.libbpf_get_error(null), 'was it made by clang -target bpf -g?');
  }
  return object;
}

function* listMaps(context: Context, object: ObjectPtr): Generator<MapPtr> {
  for (let map = context.bpf.bpf_object__next_map(object, null); map !== null; map = context.bpf.bpf_object__next_map(object, map))
    yield map;
}

/** Flags are for the type that was declared, so they go with it. */
function reshape(context: Context, map: MapPtr, form: MapForm | undefined): void {
  if (form === undefined) return;
  context.bpf.bpf_map__set_type(map, MAP_TYPES[form.type]);
  context.bpf.bpf_map__set_map_flags(map, 0);
  const result = context.bpf.bpf_map__set_max_entries(map, form.maxEntries);
  if (result < 0) throw systemError('FL_E_LOAD', `cannot make map ${context.bpf.bpf_map__name(map)} a ${form.type}`, result);
}

function chooseProgram(context: Context, object: ObjectPtr, request: LoadRequest): ProgramPtr {
  let chosen: ProgramPtr | undefined;
  const names: string[] = [];
  for (let program = context.bpf.bpf_object__next_program(object, null); program !== null; ) {
    const name = context.bpf.bpf_program__name(program);
    names.push(name);
    if (name === request.program) chosen = program;
    context.bpf.bpf_program__set_autoload(program, name === request.program);
    program = context.bpf.bpf_object__next_program(object, program);
  }
  if (chosen !== undefined) return chosen;
  throw new FairleadError('FL_E_LOAD', `object file ${request.objectFile} has no program ${request.program}`, {
    hint: `it has: ${names.join(', ') || 'none'}`,
  });
}

/** Descriptors of our own for the program and its maps; the object's are closed with it. */
function takeOver(context: Context, object: ObjectPtr, program: ProgramPtr, name: string): LinuxProgram {
  const maps = new Map<string, BpfMap>();
  try {
    for (const map of listMaps(context, object)) {
      const mapName = context.bpf.bpf_map__name(map);
      const fd = context.bpf.bpf_map__fd(map);
      if (fd >= 0) maps.set(mapName, new LinuxMap(context, duplicate(context, fd, `map ${mapName}`), mapName));
    }
    const descriptor = duplicate(context, context.bpf.bpf_program__fd(program), `program ${name}`);
    return new LinuxProgram(context, descriptor, name, maps);
  } catch (error) {
    for (const map of maps.values()) map.close();
    throw error;
  }
}

function loadFailure(request: LoadRequest, errno: number, log: string): FairleadError {
  if (log !== '' && errno !== -ERRNO.EPERM) {
    return new FairleadError(
      'FL_E_VERIFY',
      `the verifier refused program ${request.program} of ${request.objectFile}: ${tellingLine(log)}`,
      {
        errno: -errno,
        cause: log,
        hint: 'the whole log says which instruction; the program that was attached before is still there',
      },
    );
  }
  // libbpf ends with "failed to load object"; the message before says what it was.
  const why = libbpfLog().find((line) => !/^failed to load object/.test(line));
  const mismatch = libbpfLog().some((line) => /parameter mismatch/.test(line));
  return systemError(
    'FL_E_LOAD',
    `cannot load ${request.objectFile}${why === undefined ? '' : ` (${why})`}`,
    errno,
    mismatch ? `the maps pinned under ${request.pinDirectory} have another layout: use another folder or remove them` : undefined,
  );
}
