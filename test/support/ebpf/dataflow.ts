// What can be seen of a program without running it: how far down its stack each function reaches, whom it calls, where the remainder of a division moves a
// pointer into a map's value, whose bound a verifier by intervals then no longer knows, and where half a pointer is taken for a number.
// Imports its siblings.
// A walk over all paths that keeps for each register and stack slot what it may be, from the program into the functions that it calls. Not seen: what a
// function returns, and what went through memory other than the stack. A comparison with a constant, or a mask, bounds a remainder again.

import { CALL, CLASS, decode, FRAME, FROM_REGISTER, type Instruction, jumpTarget, LD64, MODE } from './instructions.js';
import { type BpfObject, type CodeFunction, programsOf } from './object.js';
import { ALU, JUMP } from './word64.js';

export interface FunctionFacts {
  /** Bytes of stack below r10. */
  readonly stackBytes: number;
  /** Slots of additions of a remainder to a pointer into a map's value. */
  readonly moduloOnValue: readonly number[];
  /** Slots of 32-bit instructions on what is a pointer. */
  readonly halfPointers: readonly number[];
  /** By the first slot of each function that it calls: what the registers 1 to 5 may be. */
  readonly callees: ReadonlyMap<number, readonly Fact[]>;
}

const MAP_LOOKUP = 1;
/** An access of 8 bytes. */
const LONG = 0x18;
/** What a register may be. Up to version 17 clang has no remainder: x - x / y * y. */
const REMAINDER = 1;
const VALUE = 2;
const QUOTIENT = 4;
const CONTEXT = 8;
const PACKET = 16;
const STACK = 32;
const POINTER = VALUE | CONTEXT | PACKET | STACK;
/** Where Windows' context has the packet's ends. */
const ENDS: readonly number[] = [0, 8];

export interface Fact {
  readonly flags: number;
  /** It is r10 and this many bytes. */
  readonly frame: number | undefined;
}

interface State {
  readonly registers: Fact[];
  /** By offset from r10. */
  readonly stack: Map<number, Fact>;
}

const NOTHING: Fact = { flags: 0, frame: undefined };

const join = (a: Fact, b: Fact): Fact => (a === b ? a : { flags: a.flags | b.flags, frame: a.frame === b.frame ? a.frame : undefined });
const same = (a: Fact, b: Fact): boolean => a.flags === b.flags && a.frame === b.frame;

/** What is seen of each function of the object; of those that nobody calls, without knowing their arguments. */
export function examine(object: BpfObject): ReadonlyMap<CodeFunction, FunctionFacts> {
  const code = decode(object);
  const at = new Map(object.functions.map((one) => [one.start, one]));
  const given = new Map<CodeFunction, readonly Fact[]>();
  const facts = new Map<CodeFunction, FunctionFacts>();
  const waiting = [...object.functions];
  for (const program of programsOf(object)) given.set(program, [{ flags: CONTEXT, frame: undefined }]);
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    const found = examineFunction(object, code, one, given.get(one));
    facts.set(one, found);
    for (const [slot, passed] of found.callees) {
      const callee = at.get(slot);
      if (callee === undefined) continue;
      const before = given.get(callee) ?? [];
      const after = passed.map((fact, i) => join(before[i] ?? fact, fact));
      if (after.every((fact, i) => same(fact, before[i] ?? NOTHING))) continue;
      given.set(callee, after);
      waiting.push(callee);
    }
  }
  return facts;
}

/** Walks one function. `given`: what its arguments may be. */
export function examineFunction(
  { references }: Pick<BpfObject, 'references'>,
  code: readonly (Instruction | undefined)[],
  { start, end }: Pick<CodeFunction, 'start' | 'end'>,
  given: readonly Fact[] = [],
): FunctionFacts {
  const found = new Set<number>();
  const halves = new Set<number>();
  const callees = new Map<number, readonly Fact[]>();
  const targets = new Set<number>([start]);
  for (let slot = start; slot < end; slot++) {
    const one = code[slot];
    const target = one && jumpTarget(one, slot);
    if (target !== undefined) targets.add(target).add(slot + 1);
  }
  const calls = (one: Instruction, slot: number, { registers }: State): void => {
    if (one.opcode !== (CLASS.jmp | JUMP.call) || one.src !== CALL.function) return;
    const reference = references.get(slot);
    if (reference !== undefined && reference.kind !== 'function') return;
    const callee = reference?.slot ?? slot + 1 + one.imm;
    const before = callees.get(callee);
    const passed = registers.slice(1, 6).map(passedOn);
    callees.set(
      callee,
      passed.map((fact, i) => join(before?.[i] ?? fact, fact)),
    );
  };
  let deepest = 0;
  const reaches = (offset: number): void => {
    deepest = Math.max(deepest, -offset);
  };

  /** What holds before each instruction that more than one leads to. */
  const known = new Map<number, State>();
  const waiting: number[] = [];
  const arrive = (slot: number, state: State): void => {
    const before = known.get(slot);
    if (before === undefined) known.set(slot, copy(state));
    else if (!widen(before, state)) return;
    waiting.push(slot);
  };
  const first: State = { registers: Array.from({ length: 11 }, () => NOTHING), stack: new Map() };
  given.forEach((fact, i) => {
    first.registers[1 + i] = fact;
  });
  first.registers[FRAME] = { flags: STACK, frame: 0 };
  arrive(start, first);

  for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
    const state = copy(known.get(from) as State);
    for (let slot = from; slot < end; slot++) {
      if (slot !== from && targets.has(slot)) {
        arrive(slot, state);
        break;
      }
      const one = code[slot];
      if (one === undefined) continue;
      if (one.opcode === (CLASS.jmp | JUMP.exit)) break;
      const target = jumpTarget(one, slot);
      if (halves32(one, state)) halves.add(slot);
      if (target !== undefined) {
        arrive(target, bounded(one, state, true));
        if ((one.opcode & 0xf0) !== JUMP.always) arrive(slot + 1, bounded(one, state, false));
        break;
      }
      if (movesValue(one, state)) found.add(slot);
      calls(one, slot, state);
      step(one, state, reaches);
    }
  }
  const inOrder = (slots: ReadonlySet<number>): number[] => [...slots].sort((a, b) => a - b);
  return { stackBytes: deepest, moduloOnValue: inOrder(found), halfPointers: inOrder(halves), callees };
}

/** A pointer into the stack is one for the callee as well, at an offset that it does not know. */
function passedOn({ flags }: Fact): Fact {
  return { flags, frame: undefined };
}

/** Whether a 32-bit instruction takes a pointer: a move, arithmetic or comparison of its lower half. */
function halves32(one: Instruction, { registers }: State): boolean {
  const kind = one.opcode & 7;
  if (kind !== CLASS.alu && kind !== CLASS.jmp32) return false;
  const is = (register: number): boolean => (one.reads & (1 << register)) !== 0 && isPointer(registers[register] as Fact);
  return is(one.dst) || is(one.src);
}

const isPointer = ({ flags }: Fact): boolean => (flags & POINTER) !== 0;

function copy({ registers, stack }: State): State {
  return { registers: [...registers], stack: new Map(stack) };
}

/** Lets `into` hold what `from` holds too. False when it did already. */
function widen(into: State, from: State): boolean {
  let changed = false;
  from.registers.forEach((fact, register) => {
    const joined = join(into.registers[register] as Fact, fact);
    changed ||= !same(joined, into.registers[register] as Fact);
    into.registers[register] = joined;
  });
  for (const [offset, fact] of from.stack) {
    const joined = join(into.stack.get(offset) ?? fact, fact);
    changed ||= !same(joined, into.stack.get(offset) ?? NOTHING);
    into.stack.set(offset, joined);
  }
  return changed;
}

function isAddition({ opcode }: Instruction): boolean {
  return opcode === (CLASS.alu64 | ALU.add | FROM_REGISTER);
}

function movesValue(one: Instruction, { registers }: State): boolean {
  if (!isAddition(one)) return false;
  const [a, b] = [(registers[one.dst] as Fact).flags, (registers[one.src] as Fact).flags];
  return ((a & VALUE) !== 0 && (b & REMAINDER) !== 0) || ((a & REMAINDER) !== 0 && (b & VALUE) !== 0);
}

/** The state on one side of a comparison: where an upper bound holds, the remainder is one no more. */
function bounded(one: Instruction, state: State, taken: boolean): State {
  const code = one.opcode & 0xf0;
  const upper: readonly number[] = taken ? [JUMP.lt, JUMP.le, JUMP.eq] : [JUMP.gt, JUMP.ge, JUMP.ne];
  if ((one.opcode & FROM_REGISTER) !== 0 || !upper.includes(code)) return state;
  const after = copy(state);
  const { flags, frame } = after.registers[one.dst] as Fact;
  after.registers[one.dst] = { flags: flags & ~REMAINDER, frame };
  return after;
}

function step(one: Instruction, { registers, stack }: State, reaches: (offset: number) => void): void {
  const dst = registers[one.dst] as Fact;
  const src = registers[one.src] as Fact;
  const at = (base: Fact): number | undefined => {
    if (base.frame === undefined) return undefined;
    reaches(base.frame + one.offset);
    return base.frame + one.offset;
  };
  switch (one.opcode & 7) {
    case CLASS.alu:
    case CLASS.alu64: {
      const after = computed(one, dst, src);
      if (after.frame !== undefined) reaches(after.frame);
      registers[one.dst] = after;
      return;
    }
    case CLASS.ldx: {
      const offset = at(src);
      const end = (src.flags & CONTEXT) !== 0 && one.opcode === (CLASS.ldx | MODE.mem | LONG) && ENDS.includes(one.offset);
      registers[one.dst] = end ? { flags: PACKET, frame: undefined } : ((offset === undefined ? undefined : stack.get(offset)) ?? NOTHING);
      return;
    }
    case CLASS.st:
    case CLASS.stx: {
      const offset = at(dst);
      if (offset !== undefined) stack.set(offset, (one.opcode & 7) === CLASS.stx ? src : NOTHING);
      return;
    }
    case CLASS.jmp:
      // A call: all other jumps end the walk before.
      for (let register = 1; register <= 5; register++) registers[register] = NOTHING;
      registers[0] = one.src === CALL.helper && one.imm === MAP_LOOKUP ? { flags: VALUE, frame: undefined } : NOTHING;
      return;
    default:
      if (one.opcode === LD64) registers[one.dst] = NOTHING;
  }
}

function computed(one: Instruction, dst: Fact, src: Fact): Fact {
  const wide = (one.opcode & 7) === CLASS.alu64;
  const fromRegister = (one.opcode & FROM_REGISTER) !== 0;
  const operand = fromRegister ? src : NOTHING;
  const number = (flags: number): Fact => ({ flags, frame: undefined });
  const remains = number((dst.flags | operand.flags) & REMAINDER);
  switch (one.opcode & 0xf0) {
    case ALU.mov:
      return wide ? operand : number(operand.flags & ~POINTER);
    case ALU.mod:
      return number(REMAINDER);
    case ALU.div:
      return number(QUOTIENT);
    case ALU.mul:
      return number((dst.flags | operand.flags) & ~POINTER);
    case ALU.and:
      return fromRegister || one.imm < 0 ? remains : NOTHING;
    case ALU.add:
    case ALU.sub: {
      const adds = (one.opcode & 0xf0) === ALU.add;
      if (!adds && (operand.flags & QUOTIENT) !== 0) return number(REMAINDER);
      if (!wide || (!adds && isPointer(dst) && isPointer(operand))) return remains;
      if (!fromRegister) return { flags: dst.flags, frame: dst.frame === undefined ? undefined : dst.frame + (adds ? one.imm : -one.imm) };
      const flags = dst.flags | src.flags;
      return number(flags & POINTER || flags & REMAINDER);
    }
    default:
      return remains;
  }
}
