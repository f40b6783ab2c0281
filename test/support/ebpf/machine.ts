// A BPF interpreter (RFC 9669) for tests: it runs one program of an object on one packet, and checks what a verifier promises.
// Imports its siblings.
// A program fails with function, instruction and reason when it accesses anything outside packet, stack, context, map value or data; reads a register
// or a byte of its stack that nobody wrote; uses a pointer to the packet from before its ends moved; calls what it may not; or does not end.
// A test double with limits: one CPU, no interruption, no tail calls; that arithmetic is allowed on a pointer is not checked, only where it then leads.

import type { MapObject } from '../../../platform/fake/objects.js';
import { AddressSpace, type Stack } from './address-space.js';
import { ATOMIC, CALL, CLASS, decode, FRAME, FROM_REGISTER, type Instruction, LD64, MODE, SIZES } from './instructions.js';
import { Fault, hex, type Memory, type Word } from './memory.js';
import { type BpfObject, functionAt } from './object.js';
import type { Answer, Caller, Frame, Helper, Profile } from './profile.js';
import { ALU, alu32, alu64, byteOrder, fromBigInt, fromNumber, holds, JUMP } from './word64.js';

// Named here as well, as what runs the tests looks imported names up anew at each use, which costs as much as an instruction.
const { alu: ALU32, alu64: ALU64, jmp: JMP, jmp32: JMP32, ldx: LDX, st: ST, stx: STX } = CLASS;
const { mem: PLAIN, memsx: SIGNED, atomic: ATOMICALLY } = MODE;
const { add: ADD, end: END } = ALU;
const { always: ALWAYS } = JUMP;
const [EXIT, CALLS] = [CLASS.jmp | JUMP.exit, CLASS.jmp | JUMP.call];
const [REGISTER, BYTES, R10, WIDE] = [FROM_REGISTER, SIZES, FRAME, LD64];
const [compute32, compute64, compare, extend] = [alu32, alu64, holds, fromNumber];

/** Of functions that call each other. */
export const MAX_FRAMES = 8;
const MAX_INSTRUCTIONS = 1_000_000;

export interface Run {
  /** What the program returned: the lowest 32 bits of r0, with their sign. */
  readonly result: number;
  readonly r0: Word;
  readonly packet: Buffer;
  readonly instructions: number;
}

export interface RunRequest {
  readonly packet: Buffer;
  readonly ingressIfindex: number;
  /** First slot of the program. */
  readonly entry: number;
  /** By the names that the object declares. */
  readonly maps: ReadonlyMap<string, MapObject>;
}

interface Call {
  readonly back: number;
  /** r6 to r10 of the caller. */
  readonly saved: readonly Word[];
  readonly defined: number;
  readonly stack: Stack;
}

/** What of an object is needed to run it. */
export type Runnable = Pick<BpfObject, 'code' | 'functions' | 'references' | 'data'>;

/** Runs programs of one object under one profile. */
export class Machine {
  readonly #object: Runnable;
  readonly #profile: Profile;
  readonly #code: readonly (Instruction | undefined)[];

  constructor(object: Runnable, profile: Profile) {
    this.#object = object;
    this.#profile = profile;
    this.#code = decode(object);
  }

  /** Throws Fault. */
  run(request: RunRequest): Run {
    const running = new Running(this.#object, this.#profile, this.#code, request);
    try {
      return running.run();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      throw new Fault(`${describeSlot(this.#object, running.slot)}: ${error.message}`);
    }
  }
}

/** 'function+instruction', as disassemblers number them within a section. */
export function describeSlot(object: Pick<BpfObject, 'functions'>, slot: number): string {
  const found = functionAt(object, slot);
  return found === undefined ? `slot ${slot}` : `${found.name}+${slot - found.start}`;
}

/** One run: registers, instructions, calls. */
class Running implements Caller {
  slot: number;
  readonly #object: Runnable;
  readonly #profile: Profile;
  readonly #code: readonly (Instruction | undefined)[];
  readonly #request: RunRequest;
  readonly #space: AddressSpace;
  readonly #memory: Memory;
  readonly #lo = new Int32Array(11);
  readonly #hi = new Int32Array(11);
  /** A bit for each register that holds something. */
  #defined = 0;
  readonly #calls: Call[] = [];
  #stack: Stack;

  constructor(object: Runnable, profile: Profile, code: readonly (Instruction | undefined)[], request: RunRequest) {
    this.#object = object;
    this.#profile = profile;
    this.#code = code;
    this.#request = request;
    this.slot = request.entry;
    this.#space = new AddressSpace(profile, request.packet, request.ingressIfindex);
    this.#memory = this.#space.memory;
    this.#stack = this.enter();
    this.set(1, this.#space.context);
  }

  run(): Run {
    let left = MAX_INSTRUCTIONS;
    for (;;) {
      const one = this.#code[this.slot];
      if (one === undefined) throw new Fault('there is no instruction here');
      if (left-- === 0) throw new Fault(`the program does not end within ${MAX_INSTRUCTIONS} instructions`);
      const missing = one.reads & ~this.#defined;
      if (missing !== 0) throw new Fault(`reads r${31 - Math.clz32(missing & -missing)}, which nobody has set`);
      switch (one.opcode & 7) {
        case ALU64:
          this.alu64(one);
          break;
        case ALU32:
          this.alu32(one);
          break;
        case JMP:
        case JMP32: {
          const code = one.opcode & 0xf0;
          if (one.opcode === EXIT) {
            if (!this.leave()) return this.end(MAX_INSTRUCTIONS - left);
          } else if (one.opcode === CALLS) this.call(one);
          else if (code === ALWAYS) this.slot += (one.opcode & 7) === JMP32 ? one.imm : one.offset;
          else if (this.taken(one)) this.slot += one.offset;
          break;
        }
        case LDX:
          this.load(one);
          break;
        case ST:
        case STX:
          this.store(one);
          break;
        default:
          this.loadImmediate(one);
      }
      this.slot++;
    }
  }

  private word(register: number): Word {
    return { lo: this.#lo[register] as number, hi: this.#hi[register] as number };
  }

  private set(register: number, { lo, hi }: Word): void {
    this.#lo[register] = lo;
    this.#hi[register] = hi;
    this.#defined |= 1 << register;
  }

  private unknown({ opcode, imm, offset }: Instruction): Fault {
    return new Fault(`opcode 0x${opcode.toString(16)} with immediate ${imm} and offset ${offset} is no instruction`);
  }

  private operand(one: Instruction): Word {
    return one.opcode & REGISTER ? this.word(one.src) : { lo: one.imm, hi: one.imm >> 31 };
  }

  private alu64(one: Instruction): void {
    const code = one.opcode & 0xf0;
    if (one.dst === R10) throw new Fault('writes r10');
    const before = this.word(one.dst);
    const after =
      code === END
        ? one.opcode & REGISTER
          ? undefined
          : byteOrder(before, one.imm, true)
        : compute64(code, one.offset, before, this.operand(one));
    if (after === undefined) throw this.unknown(one);
    this.set(one.dst, after);
  }

  private alu32(one: Instruction): void {
    const code = one.opcode & 0xf0;
    if (one.dst === R10) throw new Fault('writes r10');
    const before = this.word(one.dst);
    if (code === END) {
      // CPUs are little-endian: to that order nothing is swapped.
      const after = byteOrder(before, one.imm, (one.opcode & REGISTER) !== 0);
      if (after === undefined) throw this.unknown(one);
      this.set(one.dst, after);
      return;
    }
    const lo = compute32(code, one.offset, before.lo, one.opcode & REGISTER ? (this.#lo[one.src] as number) : one.imm);
    if (lo === undefined) throw this.unknown(one);
    this.set(one.dst, { lo, hi: 0 });
  }

  private taken(one: Instruction): boolean {
    let [a, b] = [this.word(one.dst), this.operand(one)];
    if ((one.opcode & 7) === JMP32) [a, b] = [extend(a.lo), extend(b.lo)];
    const taken = compare(one.opcode & 0xf0, a, b);
    if (taken === undefined) throw this.unknown(one);
    return taken;
  }

  private load(one: Instruction): void {
    const size = BYTES[one.opcode & 0x18] as 1 | 2 | 4 | 8;
    const mode = one.opcode & 0xe0;
    const { lo, hi } = compute64(ADD, 0, this.word(one.src), extend(one.offset)) as Word;
    if (mode === SIGNED && size !== 8) {
      const value = this.#memory.load(lo, hi, size);
      this.set(one.dst, extend((value << (32 - 8 * size)) >> (32 - 8 * size)));
      return;
    }
    if (mode !== PLAIN) throw this.unknown(one);
    this.set(one.dst, this.#memory.loadPointer(lo, hi, size) ?? this.fetch({ lo, hi }, size));
  }

  /** Zero-extended. */
  private fetch({ lo, hi }: Word, size: 1 | 2 | 4 | 8): Word {
    return size === 8 ? this.#memory.load64(lo, hi) : { lo: this.#memory.load(lo, hi, size), hi: 0 };
  }

  private put({ lo, hi }: Word, size: 1 | 2 | 4 | 8, value: Word): void {
    if (size === 8) this.#memory.store64(lo, hi, value);
    else this.#memory.store(lo, hi, size, value.lo);
  }

  private store(one: Instruction): void {
    const size = BYTES[one.opcode & 0x18] as 1 | 2 | 4 | 8;
    const mode = one.opcode & 0xe0;
    const at = compute64(ADD, 0, this.word(one.dst), extend(one.offset)) as Word;
    const fromRegister = (one.opcode & 7) === STX;
    if (mode === ATOMICALLY && fromRegister && size >= 4) this.atomic(one, at, size as 4 | 8);
    else if (mode === PLAIN) this.put(at, size, fromRegister ? this.word(one.src) : extend(one.imm));
    else throw this.unknown(one);
  }

  private atomic(one: Instruction, at: Word, size: 4 | 8): void {
    if ((at.lo & (size - 1)) !== 0) throw new Fault(`atomic access of ${size} bytes at ${hex(at)}, which is not aligned`);
    const before = this.fetch(at, size);
    const value = size === 4 ? { lo: this.#lo[one.src] as number, hi: 0 } : this.word(one.src);
    if (one.imm === ATOMIC.compareExchange) {
      const expected = this.word(0);
      if (before.lo === expected.lo && (size === 4 || before.hi === expected.hi)) this.put(at, size, value);
      this.set(0, before);
      return;
    }
    const code = { [ATOMIC.add]: ALU.add, [ATOMIC.or]: ALU.or, [ATOMIC.and]: ALU.and, [ATOMIC.xor]: ALU.xor }[one.imm & ~ATOMIC.fetch];
    const after = one.imm === ATOMIC.exchange ? value : code === undefined ? undefined : compute64(code, 0, before, value);
    if (after === undefined) throw this.unknown(one);
    this.put(at, size, after);
    if (one.imm & ATOMIC.fetch) this.set(one.src, before);
  }

  private loadImmediate(one: Instruction): void {
    if (one.opcode !== WIDE) throw this.unknown(one);
    const reference = this.#object.references.get(this.slot);
    this.slot++;
    if (reference === undefined) this.set(one.dst, { lo: one.imm, hi: one.immHigh });
    else if (reference.kind === 'map') this.set(one.dst, this.exposeMap(this.mapNamed(reference.name)));
    else if (reference.kind === 'data') this.set(one.dst, this.constant(reference));
    else throw new Fault(`loads ${reference.kind === 'function' ? 'the address of a function' : reference.what}`);
  }

  private mapNamed(name: string): MapObject {
    const map = this.#request.maps.get(name);
    if (map === undefined) throw new Fault(`uses map ${name}, which this run has not got`);
    return map;
  }

  private constant({ section, offset }: { readonly section: string; readonly offset: number }): Word {
    return this.#space.constant(section, this.#object.data.get(section) as Buffer, offset);
  }

  private call(one: Instruction): void {
    if (one.src === CALL.helper) {
      const helper = this.#profile.helpers.get(one.imm);
      if (helper === undefined) throw new Fault(`calls helper ${one.imm}, which ${this.#profile.name} has not`);
      this.callHelper(helper);
      return;
    }
    const reference = this.#object.references.get(this.slot);
    if (one.src !== CALL.function || (reference !== undefined && reference.kind !== 'function')) throw this.unknown(one);
    if (this.#calls.length + 1 >= MAX_FRAMES) throw new Fault(`calls go deeper than ${MAX_FRAMES} functions`);
    const saved = [6, 7, 8, 9, R10].map((register) => this.word(register));
    this.#calls.push({ back: this.slot, saved, defined: this.#defined, stack: this.#stack });
    this.#defined &= 0b111110;
    this.#stack = this.enter();
    this.slot = (reference?.slot ?? this.slot + 1 + one.imm) - 1;
  }

  private callHelper(helper: Helper): void {
    for (let n = 1; n <= helper.arguments; n++)
      if ((this.#defined & (1 << n)) === 0) throw new Fault(`calls ${helper.name} without an argument ${n}`);
    const answer: Answer = helper.call(this);
    this.#defined &= ~0b111110;
    this.set(0, typeof answer === 'number' ? extend(answer) : typeof answer === 'bigint' ? fromBigInt(answer) : answer);
  }

  /** A new function's stack, and r10. */
  private enter(): Stack {
    const stack = this.#space.stack();
    this.set(R10, stack.top);
    return stack;
  }

  /** Back to the caller; false: there is none. */
  private leave(): boolean {
    const call = this.#calls.pop();
    if (call === undefined) return false;
    this.#stack.end();
    this.#stack = call.stack;
    this.#defined = (call.defined & ~0b111111) | (this.#defined & 1);
    call.saved.forEach(({ lo, hi }, i) => {
      this.#lo[6 + i] = lo;
      this.#hi[6 + i] = hi;
    });
    this.slot = call.back;
    return true;
  }

  private end(instructions: number): Run {
    if ((this.#defined & 1) === 0) throw new Fault('ends without a result in r0');
    return { result: this.#lo[0] as number, r0: this.word(0), packet: this.#space.packet(), instructions };
  }

  argument(n: number): Word {
    return this.word(n);
  }

  number(n: number): number {
    return this.#lo[n] as number;
  }

  map(n: number): MapObject {
    const map = this.#space.mapAt(this.word(n));
    if (map === undefined) throw new Fault(`argument ${n} is ${hex(this.word(n))}, which is no map`);
    return map;
  }

  read(n: number, bytes: number): Buffer {
    return this.#memory.read(this.word(n), bytes);
  }

  write(n: number, content: Uint8Array): void {
    this.#memory.write(this.word(n), content);
  }

  expose(name: string, bytes: Uint8Array): Word {
    return this.#memory.add({ name, bytes, writable: true });
  }

  exposeMap(map: MapObject): Word {
    return this.#space.pointerTo(map);
  }

  context(n: number): Frame {
    const given = this.word(n);
    const { lo, hi } = this.#space.context;
    if (given.hi !== hi || given.lo !== lo) throw new Fault(`argument ${n} is ${hex(given)}, not the context`);
    return this.#space.frame();
  }
}
