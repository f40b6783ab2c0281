// The data plane's program: the one that is pinned and right, or a new one loaded and verified beside it.
// Imports platform/port, agent/datapath, agent/model and its siblings. Touches no link.
// Invariant: loading changes nothing that forwards; discard() takes away exactly what prepareProgram() made.

import { join } from 'node:path';
import type { Bpf, BpfMap, BpfProgram, Platform } from '../../../platform/port.js';
import { FAMILIES } from '../../datapath/families.js';
import { growsHead } from '../../datapath/grows-head.js';
import { FairleadError } from '../../model/errors.js';
import type { Pins } from './pins.js';
import { writeFileAtomically } from '../write-file.js';

/** Name of the C function. */
export const PROGRAM_NAME = 'fairlead';

export interface ProgramRequest {
  readonly objectFile: string;
  /** Names the program: sources, macros, compiler. */
  readonly digest: string;
  /** Of layoutDigest(). */
  readonly layout: string;
  /** Where the verifier's log goes. */
  readonly cacheDirectory: string;
}

export interface PreparedProgram {
  readonly program: BpfProgram;
  readonly digest: string;
  readonly maps: ReadonlyMap<string, BpfMap>;
  /** It was pinned already, with its maps. */
  readonly adopted: boolean;
  /** It can make a packet longer at its head. */
  readonly growsHead: boolean;
  /** Removes what preparing it pinned; for a start that fails later. */
  discard(): void;
  /** Releases the handles; what is pinned lives on. */
  close(): void;
}

/** A program and its maps, of which nothing is asked yet. */
type Held = Omit<PreparedProgram, 'growsHead'>;

/** Throws FL_E_VERIFY with the path of the verifier's log in the hint, FL_E_LOAD when the object or its maps cannot be had. */
export async function prepareProgram({ bpf, capabilities }: Platform, pins: Pins, request: ProgramRequest): Promise<PreparedProgram> {
  const prepared = adoptProgram(bpf, pins, request) ?? (await loadProgram(bpf, pins, request));
  return { ...prepared, growsHead: capabilities.growsHead === 'ask' ? growsHead(prepared.program) : capabilities.growsHead };
}

/** The pinned program of this digest, if all the maps that are pinned for it are its own. */
function adoptProgram(bpf: Bpf, pins: Pins, request: ProgramRequest): Held | undefined {
  const program = bpf.openPinnedProgram(pins.program(request.digest));
  if (program === undefined) return undefined;
  const maps = new Map<string, BpfMap>();
  const close = () => {
    for (const map of maps.values()) map.close();
    program.close();
  };
  const directory = pins.maps(request.layout);
  const own = new Set(program.mapIds);
  for (const name of bpf.listPins(directory)) {
    const map = bpf.openPinnedMap(`${directory}/${name}`);
    if (map !== undefined) maps.set(name, map);
  }
  // Maps that a program may not use: config when settings are macros (people read it), lb_maglev_type (tables are made like it), snat_sources, service_past (the agent's own).
  const used = FAMILIES.flatMap((family) => Object.values(family.maps)).concat(
    'lb_maglev',
    'metrics',
    'vips',
    'devices',
    'events',
    'event_filter',
    'event_count',
    'quic_servers',
    'backend_stats',
    'service_refused',
  );
  const apart = ['config', 'lb_maglev_type', 'snat_sources', 'service_past'];
  const whole = apart.every((name) => maps.has(name)) && used.every((name) => own.has(maps.get(name)?.id ?? -1));
  if (whole) return { program, digest: request.digest, maps, adopted: true, discard: () => {}, close };
  close();
  return undefined;
}

async function loadProgram(bpf: Bpf, pins: Pins, request: ProgramRequest): Promise<Held> {
  const directory = pins.maps(request.layout);
  const madeFolder = !pins.list().layouts.includes(request.layout);
  const discard = () => {
    if (madeFolder) bpf.removePins(directory);
  };
  bpf.makePinDirectory(directory);
  try {
    const program = await bpf.load({ objectFile: request.objectFile, program: PROGRAM_NAME, pinDirectory: directory });
    return { program, digest: request.digest, maps: program.maps, adopted: false, discard, close: () => program.close() };
  } catch (error) {
    discard();
    throw withLogFile(error, request.cacheDirectory);
  }
}

/** The verifier's log has thousands of lines: into a file with it, its path into the hint. */
function withLogFile(error: unknown, cacheDirectory: string): unknown {
  if (!(error instanceof FairleadError) || error.code !== 'FL_E_VERIFY' || typeof error.cause !== 'string') return error;
  const path = join(cacheDirectory, 'verifier.log');
  writeFileAtomically(path, error.cause);
  return new FairleadError(error.code, error.message, {
    hint: `what ran before still runs; the verifier's whole log is in ${path}`,
    cause: error.cause,
    ...(error.errno === undefined ? {} : { errno: error.errno }),
  });
}
