// Tiny BPF programs made at run time, without a compiler: for the clock and for probing helpers.
// May import its siblings. Instruction encoding: RFC 9669.
// Invariant: each instruction is 8 bytes, little endian; the programs are of type XDP.

import type { Context } from './context.js';

const PROGRAM_TYPE_XDP = 6;
/** BPF_F_XDP_HAS_FRAGS: the program takes frames of several buffers. */
export const XDP_HAS_FRAGS = 1 << 5;

/** opcode, registers (source << 4 | destination), offset, immediate. */
export type Instruction = readonly [opcode: number, registers: number, offset: number, immediate: number];

export const EXIT: Instruction = [0x95, 0, 0, 0];

/** Calls helper `id`; arguments in r1 to r5, result in r0. */
export function call(id: number): Instruction {
  return [0x85, 0, 0, id];
}

/** rN = immediate (64 bits). */
export function set(register: number, immediate: number): Instruction {
  return [0xb7, register, 0, immediate];
}

/** rN = rM. */
export function copy(register: number, from: number): Instruction {
  return [0xbf, (from << 4) | register, 0, 0];
}

/** rN += immediate. */
export function add(register: number, immediate: number): Instruction {
  return [0x07, register, 0, immediate];
}

/** 8 bytes of immediate to the stack at r10 + offset. */
export function storeOnStack(offset: number, immediate: number): Instruction {
  return [0x7a, 10, offset, immediate];
}

/** Loads an XDP program with these BPF_F_... flags; returns its descriptor or -errno. */
export function loadInstructions(context: Context, name: string, instructions: readonly Instruction[], flags = 0): number {
  const code = Buffer.alloc(8 * instructions.length);
  instructions.forEach(([opcode, registers, offset, immediate], index) => {
    code.writeUInt8(opcode, 8 * index);
    code.writeUInt8(registers, 8 * index + 1);
    code.writeInt16LE(offset, 8 * index + 2);
    code.writeInt32LE(immediate, 8 * index + 4);
  });
  const opts = Buffer.alloc(24); // the beginning of struct bpf_prog_load_opts
  opts.writeBigUInt64LE(24n, 0);
  opts.writeUInt32LE(flags, 20);
  return context.bpf.bpf_prog_load(PROGRAM_TYPE_XDP, name, 'Dual BSD/GPL', code, instructions.length, opts);
}
