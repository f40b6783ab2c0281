// What eBPF for Windows tells of a map, program or link behind a descriptor (bpf_obj_get_info_by_fd).
// May import koffi and its siblings.
// Offsets are those of struct bpf_map_info, bpf_prog_info and bpf_link_info in its ebpf_structs.h, on x64.

import koffi from 'koffi';
import type { Context } from './context.js';
import { systemError } from './errno.js';

const MAP_BYTES = 96;
const PROGRAM_BYTES = 128;
const LINK_BYTES = 56;
const NO_PROGRAM = 0xffff_ffff; // EBPF_ID_NONE
const LINK_TYPE_XDP = 3; // enum bpf_link_type

export interface MapInfo {
  readonly id: number;
  readonly type: number;
  readonly keySize: number;
  /** Of one CPU. */
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly name: string;
}

export interface ProgramInfo {
  readonly id: number;
  readonly name: string;
  readonly mapIds: readonly number[];
}

export interface LinkInfo {
  readonly id: number;
  /** 0: it is attached no more. */
  readonly programId: number;
  /** Of an attached XDP link; else 0. */
  readonly ifindex: number;
}

/** Fills `info`; returns how many bytes the object's structure has. */
function readInto(context: Context, fd: number, info: Buffer): number {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(info.length);
  const result = context.api.bpf_obj_get_info_by_fd(fd, info, length);
  if (result < 0) throw systemError('FL_E_SYSTEM', `cannot read the description of BPF descriptor ${fd}`, result);
  return length.readUInt32LE();
}

/** What the descriptor is of, by the size of what is told. */
export function readObjectKind(context: Context, fd: number): 'map' | 'program' | 'link' | undefined {
  const size = readInto(context, fd, Buffer.alloc(256));
  return size === MAP_BYTES ? 'map' : size === PROGRAM_BYTES ? 'program' : size === LINK_BYTES ? 'link' : undefined;
}

function readName(info: Buffer, offset: number): string {
  const name = info.subarray(offset, offset + 64);
  const end = name.indexOf(0);
  return name.toString('latin1', 0, end < 0 ? name.length : end);
}

/** Throws FL_E_SYSTEM, FL_E_PERMISSION, as the others here. */
export function readMapInfo(context: Context, fd: number): MapInfo {
  const info = Buffer.alloc(MAP_BYTES);
  readInto(context, fd, info);
  return {
    id: info.readUInt32LE(0),
    type: info.readUInt32LE(4),
    keySize: info.readUInt32LE(8),
    valueSize: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    name: readName(info, 20),
  };
}

/** A second look is needed for the maps: the first tells how many there are. */
export function readProgramInfo(context: Context, fd: number): ProgramInfo {
  const info = Buffer.alloc(PROGRAM_BYTES);
  readInto(context, fd, info);
  const count = info.readUInt32LE(8);
  const ids = Buffer.alloc(4 * count);
  if (count > 0) {
    const again = Buffer.alloc(PROGRAM_BYTES);
    again.writeUInt32LE(count, 8);
    again.writeBigUInt64LE(koffi.address(ids), 16);
    readInto(context, fd, again);
  }
  return {
    id: info.readUInt32LE(0),
    name: readName(info, 24),
    mapIds: Array.from({ length: count }, (_, index) => ids.readUInt32LE(4 * index)),
  };
}

/** A link that is attached no more still tells its device, and no program; links of other kinds have something else in the device's place. */
export function readLinkInfo(context: Context, fd: number): LinkInfo {
  const info = Buffer.alloc(LINK_BYTES);
  readInto(context, fd, info);
  const programId = info.readUInt32LE(4);
  const attached = programId !== NO_PROGRAM;
  const isXdp = info.readUInt32LE(8) === LINK_TYPE_XDP;
  return { id: info.readUInt32LE(0), programId: attached ? programId : 0, ifindex: attached && isXdp ? info.readUInt32LE(48) : 0 };
}
