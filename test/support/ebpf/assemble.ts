// Programs written instruction by instruction, for tests of what runs or judges them.
// Imports its siblings. The encoding of RFC 9669, section 3.

import { ATOMIC, CALL, CLASS, FROM_REGISTER, LD64, MODE } from './instructions.js';
import type { Runnable } from './machine.js';
import type { Reference } from './object.js';
import { ALU, JUMP } from './word64.js';

/** One instruction's bytes; of those that refer to something, what. */
export interface Piece {
  readonly bytes: Buffer;
  readonly reference?: Reference;
}

const SIZE = { 4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18 } as const;
type Size = keyof typeof SIZE;
/** A register ('r3') or a number. */
export type Operand = `r${number}` | number;

/** Any instruction. */
export function raw(opcode: number, dst = 0, src = 0, offset = 0, imm = 0): Piece {
  const bytes = Buffer.from([opcode, (src << 4) | dst, 0, 0, 0, 0, 0, 0]);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(imm | 0, 4);
  return { bytes };
}

const number = (register: string): number => Number(register.slice(1));

function withOperand(opcode: number, dst: number, operand: Operand, offset: number): Piece {
  return typeof operand === 'number' ? raw(opcode, dst, 0, offset, operand) : raw(opcode | FROM_REGISTER, dst, number(operand), offset);
}

/** 64-bit arithmetic on a register; `offset` 1 makes a division signed. */
export const alu = (name: keyof typeof ALU, dst: number, operand: Operand = 0, offset = 0): Piece =>
  withOperand(CLASS.alu64 | ALU[name], dst, operand, offset);
export const alu32 = (name: keyof typeof ALU, dst: number, operand: Operand = 0, offset = 0): Piece =>
  withOperand(CLASS.alu | ALU[name], dst, operand, offset);
export const mov = (dst: number, operand: Operand): Piece => alu('mov', dst, operand);
/** A jump over so many instructions. */
export const jump = (condition: keyof typeof JUMP, dst: number, operand: Operand, offset: number): Piece =>
  withOperand(CLASS.jmp | JUMP[condition], dst, operand, offset);
export const jump32 = (condition: keyof typeof JUMP, dst: number, operand: Operand, offset: number): Piece =>
  withOperand(CLASS.jmp32 | JUMP[condition], dst, operand, offset);
export const load = (size: Size, dst: number, src: number, offset = 0): Piece => raw(CLASS.ldx | MODE.mem | SIZE[size], dst, src, offset);
export const loadSigned = (size: Size, dst: number, src: number, offset = 0): Piece =>
  raw(CLASS.ldx | MODE.memsx | SIZE[size], dst, src, offset);
/** From a register, or a number with its sign. */
export const store = (size: Size, dst: number, offset: number, operand: Operand): Piece =>
  typeof operand === 'number'
    ? raw(CLASS.st | MODE.mem | SIZE[size], dst, 0, offset, operand)
    : raw(CLASS.stx | MODE.mem | SIZE[size], dst, number(operand), offset);
export const atomic = (what: keyof typeof ATOMIC, size: 4 | 8, dst: number, offset: number, src: number, fetch = false): Piece =>
  raw(CLASS.stx | MODE.atomic | SIZE[size], dst, src, offset, ATOMIC[what] | (fetch ? ATOMIC.fetch : 0));
export const callHelper = (helper: number): Piece => raw(CLASS.jmp | JUMP.call, 0, CALL.helper, 0, helper);
/** Of the function so many instructions further on. */
export const callFunction = (distance: number): Piece => raw(CLASS.jmp | JUMP.call, 0, CALL.function, 0, distance);
export const exit = (): Piece => raw(CLASS.jmp | JUMP.exit);

/** A 64-bit load: two slots. */
export function load64(dst: number, value: bigint | Reference): Piece {
  const content = typeof value === 'bigint' ? value : 0n;
  const [low, high] = [Number(BigInt.asIntN(32, content)), Number(BigInt.asIntN(32, content >> 32n))];
  const bytes = Buffer.concat([raw(LD64, dst, 0, 0, low).bytes, raw(0, 0, 0, 0, high).bytes]);
  return typeof value === 'bigint' ? { bytes } : { bytes, reference: value };
}

/** An object of one function `program`. */
export function assemble(...pieces: readonly Piece[]): Runnable {
  const references = new Map<number, Reference>();
  let slot = 0;
  for (const { bytes, reference } of pieces) {
    if (reference !== undefined) references.set(slot, reference);
    slot += bytes.length / 8;
  }
  return {
    code: Buffer.concat(pieces.map(({ bytes }) => bytes)),
    functions: [{ name: 'program', section: 'xdp', start: 0, end: slot }],
    references,
    data: new Map(),
  };
}
