// What the kernel tells of a map, program or link behind a descriptor (bpf(2), BPF_OBJ_GET_INFO_BY_FD).
// May import koffi, node:fs and its siblings.
// Offsets are those of struct bpf_map_info, bpf_prog_info and bpf_link_info in linux/bpf.h; older kernels fill less, the rest reads 0.

import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import type { Context } from './context.js';
import { systemError } from './errno.js';

export interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly keySize: number;
  /** Of one CPU, as declared. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_... */
  readonly flags: number;
  readonly name: string;
  /** BTF of its key and value; id 0: it has none. */
  readonly btf: { readonly id: number; readonly keyType: number; readonly valueType: number };
}

export interface ProgramInfo {
  readonly type: number;
  readonly id: number;
  readonly name: string;
  /** Hash of its instructions without the maps' descriptors, hex. */
  readonly tag: string;
  readonly machineCodeBytes: number;
  readonly translatedBytes: number;
  readonly verifiedInstructions: number;
  readonly mapIds: readonly number[];
}

export interface LinkInfo {
  readonly type: number;
  readonly id: number;
  readonly programId: number;
  /** Of an XDP link; 0 when the device is gone. */
  readonly ifindex: number;
}

function readInfo(context: Context, fd: number, info: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(info.length);
  const result = context.bpf.bpf_obj_get_info_by_fd(fd, info, length);
  if (result < 0) throw systemError('FL_E_SYSTEM', `cannot read the description of BPF descriptor ${fd}`, result);
  return info;
}

function readName(info: Buffer, offset: number): string {
  const name = info.subarray(offset, offset + 16);
  const end = name.indexOf(0);
  return name.toString('latin1', 0, end < 0 ? 16 : end);
}

/** Throws FL_E_SYSTEM, FL_E_PERMISSION. */
export function readMapInfo(context: Context, fd: number): MapInfo {
  const info = readInfo(context, fd, Buffer.alloc(88));
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    keySize: info.readUInt32LE(8),
    valueSize: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    flags: info.readUInt32LE(20),
    name: readName(info, 24),
    btf: { id: info.readUInt32LE(64), keyType: info.readUInt32LE(68), valueType: info.readUInt32LE(72) },
  };
}

/** Throws FL_E_SYSTEM, FL_E_PERMISSION. */
export function readProgramInfo(context: Context, fd: number): ProgramInfo {
  const info = readInfo(context, fd, Buffer.alloc(232));
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    tag: info.toString('hex', 8, 16),
    machineCodeBytes: info.readUInt32LE(16),
    translatedBytes: info.readUInt32LE(20),
    name: readName(info, 64),
    verifiedInstructions: info.readUInt32LE(216),
    mapIds: readMapIds(context, fd, info.readUInt32LE(52)),
  };
}

/** A second look is needed: the first tells how many ids there are, this one has the room for them. */
function readMapIds(context: Context, fd: number, count: number): readonly number[] {
  if (count === 0) return [];
  const ids = Buffer.alloc(4 * count);
  const info = Buffer.alloc(232);
  info.writeUInt32LE(count, 52);
  info.writeBigUInt64LE(koffi.address(ids), 56);
  readInfo(context, fd, info);
  return Array.from({ length: count }, (_, index) => ids.readUInt32LE(4 * index));
}

/** Throws FL_E_SYSTEM, FL_E_PERMISSION. */
export function readLinkInfo(context: Context, fd: number): LinkInfo {
  const info = readInfo(context, fd, Buffer.alloc(48));
  return { type: info.readUInt32LE(0), id: info.readUInt32LE(4), programId: info.readUInt32LE(8), ifindex: info.readUInt32LE(16) };
}

/** What kind of BPF object the descriptor refers to, by the kernel's fdinfo; undefined: none of the three. */
export function readObjectKind(fd: number): 'map' | 'prog' | 'link' | undefined {
  const match = /^(map|prog|link)_type:/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
  // A link's entry may also tell of its program, after its own type.
  return match?.[1] as 'map' | 'prog' | 'link' | undefined;
}
