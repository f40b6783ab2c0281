// A BPF object as a loader sees it: instructions of all its sections in one row, functions, maps, data, and what each reference means.
// Imports its siblings elf.ts and btf.ts. Links nothing with anything: an object is a whole program.
// Invariant: a slot is one 8-byte instruction (a 64-bit load takes two), and slots number the instructions of the whole object.

import { readFileSync } from 'node:fs';
import { declaredMaps, type DeclaredMap } from './btf.js';
import { type ElfFile, type ElfSymbol, parseElf, RELOCATION, type Relocation, type Section } from './elf.js';

/** Where clang puts functions that are no programs. */
export const SUBPROGRAMS = '.text';

export interface CodeFunction {
  readonly name: string;
  readonly section: string;
  /** First slot, and the one behind the last. */
  readonly start: number;
  readonly end: number;
}

/** What a 64-bit load loads, or a call calls. */
export type Reference =
  | { readonly kind: 'map'; readonly name: string }
  | { readonly kind: 'data'; readonly section: string; readonly offset: number }
  | { readonly kind: 'function'; readonly slot: number }
  /** `what`: the symbol and why it cannot be. */
  | { readonly kind: 'unresolved'; readonly what: string };

export interface BpfObject {
  readonly elf: ElfFile;
  /** 8 bytes a slot. */
  readonly code: Buffer;
  readonly functions: readonly CodeFunction[];
  readonly maps: readonly DeclaredMap[];
  /** Whether it has BTF at all. */
  readonly hasTypes: boolean;
  /** By section: .rodata, .data, .bss and the like. */
  readonly data: ReadonlyMap<string, Buffer>;
  /** By slot. */
  readonly references: ReadonlyMap<number, Reference>;
  /** Relocations of code alone, with the slot. */
  readonly relocations: readonly (Relocation & { readonly slot: number })[];
}

/** Reads the file. Throws an Error that says what is wrong with it. */
export function readObject(path: string): BpfObject {
  return parseObject(readFileSync(path));
}

/** Throws an Error that says what is wrong with the file. */
export function parseObject(file: Buffer): BpfObject {
  const elf = parseElf(file);
  const sections = elf.sections.filter((section) => section.executable && section.content.length > 0);
  const bases = new Map<Section, number>();
  let slots = 0;
  for (const section of sections) {
    bases.set(section, slots);
    slots += section.content.length / 8;
  }
  const btf = elf.sections.find(({ name }) => name === '.BTF');
  const relocations = elf.relocations.flatMap((one) => {
    const base = bases.get(one.section);
    return base === undefined ? [] : [{ ...one, slot: base + one.offset / 8 }];
  });
  const code = Buffer.concat(sections.map(({ content }) => content));
  const references = new Map(relocations.map((one) => [one.slot, meaningOf(one, code, bases)]));
  return {
    elf,
    code,
    functions: functionsOf(elf.symbols, bases),
    maps: btf === undefined ? [] : declaredMaps(btf.content),
    hasTypes: btf !== undefined,
    data: new Map(elf.sections.filter(isData).map(({ name, content }) => [name, content])),
    references,
    relocations,
  };
}

/** The function that a slot belongs to. */
export function functionAt({ functions }: Pick<BpfObject, 'functions'>, slot: number): CodeFunction | undefined {
  return functions.find(({ start, end }) => slot >= start && slot < end);
}

/** Programs: functions of a section other than that of subprograms. */
export function programsOf({ functions }: Pick<BpfObject, 'functions'>): readonly CodeFunction[] {
  return functions.filter(({ section }) => section !== SUBPROGRAMS);
}

function isData({ name, loaded, executable, content }: Section): boolean {
  return loaded && !executable && content.length > 0 && /^\.(rodata|data|bss)/.test(name);
}

function functionsOf(symbols: readonly ElfSymbol[], bases: ReadonlyMap<Section, number>): readonly CodeFunction[] {
  return symbols
    .flatMap(({ name, kind, section, value, size }) => {
      const base = section && bases.get(section);
      if (kind !== 'function' || base === undefined || section === undefined) return [];
      return [{ name, section: section.name, start: base + value / 8, end: base + (value + size) / 8 }];
    })
    .sort((a, b) => a.start - b.start);
}

/** Addends stand in the instruction. */
function meaningOf({ symbol, type, slot }: Relocation & { slot: number }, code: Buffer, bases: ReadonlyMap<Section, number>): Reference {
  const { section, value } = symbol;
  const addend = code.readInt32LE(slot * 8 + 4);
  const base = section && bases.get(section);
  if (type === RELOCATION.call && base !== undefined) return { kind: 'function', slot: base + value / 8 + addend + 1 };
  if (type === RELOCATION.ld64 && section?.name === '.maps') return { kind: 'map', name: symbol.name };
  if (type === RELOCATION.ld64 && section !== undefined && isData(section))
    return { kind: 'data', section: section.name, offset: value + addend };
  return {
    kind: 'unresolved',
    what: `${symbol.name || 'a symbol'} in ${section?.name ?? 'no section of this object'} (relocation type ${type})`,
  };
}
