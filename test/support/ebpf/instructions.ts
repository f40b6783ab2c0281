// Instructions as RFC 9669 has them, decoded once for whoever walks or runs them.
// Imports types of object.ts and the operations' codes.
// Invariant: `reads` names the registers whose content decides what the instruction does; a call's arguments are for the callee to say.

import type { BpfObject } from './object.js';
import { ALU, JUMP } from './word64.js';

/** Instruction classes: the lowest three bits of the opcode. */
export const CLASS = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, jmp32: 6, alu64: 7 } as const;
/** Of arithmetic and jumps: the second operand is a register. */
export const FROM_REGISTER = 0x08;
/** How memory is accessed: the upper three bits. */
export const MODE = { imm: 0x00, mem: 0x60, memsx: 0x80, atomic: 0xc0 } as const;
/** Bytes of an access, by bits 3 and 4. */
export const SIZES: Readonly<Record<number, 1 | 2 | 4 | 8>> = { 0: 4, 8: 2, 16: 1, 24: 8 };
/** The 64-bit load, of two slots. */
export const LD64 = 0x18;
/** What a call's source register says. */
export const CALL = { helper: 0, function: 1 } as const;
export const ATOMIC = { add: 0x00, or: 0x40, and: 0x50, xor: 0xa0, fetch: 0x01, exchange: 0xe1, compareExchange: 0xf1 } as const;
/** The stack's pointer. */
export const FRAME = 10;

export interface Instruction {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  readonly offset: number;
  readonly imm: number;
  /** Of a 64-bit load: the upper half. */
  readonly immHigh: number;
  /** A bit for each register that it reads. */
  readonly reads: number;
}

/** One for each slot; undefined: the second slot of a 64-bit load. */
export function decode({ code }: Pick<BpfObject, 'code'>): readonly (Instruction | undefined)[] {
  const all: (Instruction | undefined)[] = [];
  for (let at = 0; at < code.length; at += 8) {
    const opcode = code[at] as number;
    const registers = code[at + 1] as number;
    const wide = opcode === LD64 && at + 16 <= code.length;
    const one = {
      opcode,
      dst: registers & 15,
      src: registers >> 4,
      offset: code.readInt16LE(at + 2),
      imm: code.readInt32LE(at + 4),
      immHigh: wide ? code.readInt32LE(at + 12) : 0,
    };
    all.push({ ...one, reads: readsOf(one) });
    if (wide) {
      all.push(undefined);
      at += 8;
    }
  }
  return all;
}

/** The slot that a jump leads to; undefined: the instruction is no jump. */
export function jumpTarget({ opcode, offset, imm }: Instruction, slot: number): number | undefined {
  const kind = opcode & 7;
  const code = opcode & 0xf0;
  if ((kind !== CLASS.jmp && kind !== CLASS.jmp32) || code === JUMP.call || code === JUMP.exit) return undefined;
  return slot + 1 + (kind === CLASS.jmp32 && code === JUMP.always ? imm : offset);
}

function readsOf({ opcode, dst, src, imm }: Omit<Instruction, 'reads'>): number {
  const code = opcode & 0xf0;
  const [to, from] = [1 << dst, 1 << src];
  const operand = (opcode & FROM_REGISTER) !== 0 ? from : 0;
  switch (opcode & 7) {
    case CLASS.ldx:
      return from;
    case CLASS.st:
      return to;
    case CLASS.stx:
      return to | from | ((opcode & 0xe0) === MODE.atomic && imm === ATOMIC.compareExchange ? 1 : 0);
    case CLASS.alu:
    case CLASS.alu64:
      if (code === ALU.mov) return operand;
      return code === ALU.neg || code === ALU.end ? to : to | operand;
    case CLASS.jmp:
    case CLASS.jmp32:
      return code === JUMP.always || code === JUMP.call || code === JUMP.exit ? 0 : to | operand;
    default:
      return 0;
  }
}
