// Says what eBPF for Windows would refuse in an object, as far as it can be seen without it: one line for each fault.
// Imports its siblings.
// Figures are those of eBPF for Windows 1.x (ebpf_structs.h, PREVAIL's ELF reader). It is no verifier: bounds of memory and the end of loops are not judged;
// the interpreter finds what of that the packet cases come by.

import { ATOMIC, CALL, CLASS, decode, FROM_REGISTER, type Instruction, LD64, MODE, SIZES } from './instructions.js';
import { STACK_BYTES } from './address-space.js';
import { describeSlot, MAX_FRAMES } from './machine.js';
import { examine, type FunctionFacts } from './dataflow.js';
import type { DeclaredMap } from './btf.js';
import { RELOCATION } from './elf.js';
import { type BpfObject, type CodeFunction, programsOf } from './object.js';
import { ALU, JUMP } from './word64.js';

/** 'jit': loaded as it is, by the just-in-time compiler; 'native': made into a driver by bpf2c. */
export type WindowsFlavour = 'jit' | 'native';

/** Helpers that any program may call, and those of XDP. Not among them: what tells the current process or a socket, which an XDP program has none of. */
const HELPERS: Readonly<Record<number, string>> = {
  1: 'map_lookup_elem',
  2: 'map_update_elem',
  3: 'map_delete_elem',
  4: 'map_lookup_and_delete_elem',
  5: 'tail_call',
  6: 'get_prandom_u32',
  7: 'ktime_get_boot_ns',
  8: 'get_smp_processor_id',
  9: 'ktime_get_ns',
  11: 'ringbuf_output',
  12: 'trace_printk2',
  13: 'trace_printk3',
  14: 'trace_printk4',
  15: 'trace_printk5',
  16: 'map_push_elem',
  17: 'map_pop_elem',
  18: 'map_peek_elem',
  22: 'memcpy',
  23: 'memcmp',
  24: 'memset',
  25: 'memmove',
  30: 'ktime_get_boot_ms',
  31: 'ktime_get_ms',
  65536: 'xdp_adjust_head',
};
const CSUM_DIFF = 10;
/** HASH 1 to RINGBUF 13. */
const MAP_TYPES = 13;
const PROGRAM_SECTION = /^xdp(\/|$)/;

/** Faults of the object, each with where it is; none: nothing that is looked for here. */
export function checkWindowsProfile(object: BpfObject, flavour: WindowsFlavour): readonly string[] {
  const code = decode(object);
  const facts = examine(object);
  return [
    ...checkSections(object),
    ...object.maps.flatMap(checkMap),
    ...checkRelocations(object),
    ...code.flatMap((one, slot) => (one === undefined ? [] : checkInstruction(object, one, slot, flavour))),
    ...[...facts].flatMap(([{ name }, { stackBytes, moduloOnValue }]) => [
      ...(stackBytes > STACK_BYTES ? [`${name}: ${stackBytes} bytes of stack, there are ${STACK_BYTES}`] : []),
      ...moduloOnValue.map(
        (slot) => `${describeSlot(object, slot)}: a remainder moves a pointer into a map's value, whose bound is then lost`,
      ),
    ]),
    ...[...facts].flatMap(([, { halfPointers }]) =>
      halfPointers.map((slot) => `${describeSlot(object, slot)}: a 32-bit instruction takes half of a pointer`),
    ),
    ...programsOf(object).flatMap((program) => checkCalls(program, facts)),
  ];
}

function checkSections(object: BpfObject): string[] {
  const programs = new Set(programsOf(object).map(({ section }) => section));
  const legacy = object.elf.sections.some(({ name }) => name === 'maps');
  return [
    ...(object.hasTypes ? [] : ['no section .BTF: maps are read from it (clang -g)']),
    ...(legacy ? ['section maps: maps are declared in .maps'] : []),
    ...(programs.size === 0 ? ['no program'] : []),
    ...[...programs].filter((name) => !PROGRAM_SECTION.test(name)).map((name) => `section ${name}: no program type of that name; xdp is`),
    ...[...object.data.keys()].map((name) => `section ${name}: there are no global variables`),
  ];
}

function checkMap({ name, type, flags, unknown, inner }: DeclaredMap): string[] {
  return [
    ...(type >= 1 && type <= MAP_TYPES ? [] : [`map ${name}: there is no type ${type}`]),
    ...(flags === 0 ? [] : [`map ${name}: flags 0x${flags.toString(16)}, of which there are none`]),
    ...unknown.map((member) => `map ${name}: '${member}' is not read`),
    ...(inner === undefined ? [] : checkMap(inner)),
  ];
}

/** A map's address in a 64-bit load, and a function's in a call. */
function checkRelocations(object: BpfObject): string[] {
  const names = new Set(object.maps.map(({ name }) => name));
  return object.relocations.flatMap(({ slot, type, symbol }) => {
    const reference = object.references.get(slot);
    const known =
      (type === RELOCATION.ld64 && reference?.kind === 'map' && (names.has(reference.name) || !object.hasTypes)) ||
      (type === RELOCATION.ld64 && reference?.kind === 'data') || // told once for its section
      (type === RELOCATION.call && reference?.kind === 'function');
    return known
      ? []
      : [
          `${describeSlot(object, slot)}: relocation of type ${type} to ${symbol.name}, which is neither a map nor a function of the object`,
        ];
  });
}

function checkInstruction(object: BpfObject, one: Instruction, slot: number, flavour: WindowsFlavour): string[] {
  const where = describeSlot(object, slot);
  if (!isOfVersion3(one)) return [`${where}: opcode 0x${one.opcode.toString(16)} (offset ${one.offset}) is none of -mcpu=v1 to v3`];
  if ((one.opcode & 0xe7) === (MODE.atomic | CLASS.stx) && flavour === 'jit')
    return [`${where}: an atomic instruction, which the just-in-time compiler has not`];
  if (one.opcode !== (CLASS.jmp | JUMP.call)) return [];
  if (one.src === CALL.function)
    return object.references.has(slot) ? [] : [`${where}: a call of a function without a relocation, as of static ones`];
  if (one.imm === CSUM_DIFF) return [`${where}: calls helper ${CSUM_DIFF}, csum_diff, which sums otherwise than Linux'`];
  return HELPERS[one.imm] === undefined ? [`${where}: calls helper ${one.imm}, which is not there`] : [];
}

const DIVISIONS: readonly number[] = [ALU.div, ALU.mod];
const ATOMICS: readonly number[] = [ATOMIC.add, ATOMIC.or, ATOMIC.and, ATOMIC.xor, ATOMIC.exchange, ATOMIC.compareExchange];

/** Version 4 added moves and loads that extend signs, signed division, byte swaps and long jumps. */
function isOfVersion3(one: Instruction): boolean {
  const { opcode, offset, imm, src } = one;
  const operation = opcode & 0xf0;
  const mode = opcode & 0xe0;
  switch (opcode & 7) {
    case CLASS.ld:
      return opcode === LD64;
    case CLASS.ldx:
      return mode === MODE.mem;
    case CLASS.st:
      return mode === MODE.mem;
    case CLASS.stx:
      return (
        mode === MODE.mem ||
        (mode === MODE.atomic &&
          (SIZES[opcode & 0x18] ?? 0) >= 4 &&
          ATOMICS.some((known) => known === imm || (known | ATOMIC.fetch) === imm))
      );
    case CLASS.alu64:
      return operation !== ALU.end && operation <= ALU.arsh && (offset === 0 || !(DIVISIONS.includes(operation) || operation === ALU.mov));
    case CLASS.alu:
      return operation <= ALU.end && (offset === 0 || !(DIVISIONS.includes(operation) || operation === ALU.mov));
    default:
      if (operation === JUMP.call) return opcode === (CLASS.jmp | JUMP.call) && src <= CALL.function;
      if (operation === JUMP.exit) return opcode === (CLASS.jmp | JUMP.exit);
      if (operation === JUMP.always) return (opcode & 7) === CLASS.jmp && (opcode & FROM_REGISTER) === 0;
      return operation <= JUMP.sle;
  }
}

/** Chains of calls from a program on: how many frames, and none twice. */
function checkCalls(program: CodeFunction, facts: ReadonlyMap<CodeFunction, FunctionFacts>): string[] {
  const at = new Map([...facts.keys()].map((one) => [one.start, one]));
  const faults = new Set<string>();
  const deepest = new Map<CodeFunction, number>();
  const walk = (one: CodeFunction, chain: readonly CodeFunction[]): number => {
    if (chain.includes(one)) {
      faults.add(`${one.name}: calls itself, perhaps by others`);
      return 0;
    }
    const known = deepest.get(one);
    if (known !== undefined) return known;
    const callees = [...(facts.get(one)?.callees.keys() ?? [])].map((slot) => at.get(slot)).filter((callee) => callee !== undefined);
    const frames = 1 + Math.max(0, ...callees.map((callee) => walk(callee, [...chain, one])));
    deepest.set(one, frames);
    return frames;
  };
  const frames = walk(program, []);
  if (frames > MAX_FRAMES) faults.add(`${program.name}: calls go ${frames} functions deep, ${MAX_FRAMES} may be`);
  return [...faults];
}
