// Reads ELF files of 64-bit little-endian BPF, as clang writes them: sections, symbols, relocations. Knows nothing of maps or programs.
// Imports nothing. The ELF-64 object file format (System V ABI), and of BPF the numbers of its relocations (kernel: llvm_reloc).
// Invariant: a file that is not such an ELF is refused with what is wrong, not read as something else.

export interface Section {
  readonly name: string;
  readonly index: number;
  readonly content: Buffer;
  /** Holds instructions. */
  readonly executable: boolean;
  /** Is part of the program as it is loaded: code, maps, data. */
  readonly loaded: boolean;
}

export interface ElfSymbol {
  readonly name: string;
  readonly kind: 'function' | 'object' | 'section' | 'other';
  /** Undefined: of another object, so unresolved. */
  readonly section: Section | undefined;
  /** Byte offset in its section. */
  readonly value: number;
  readonly size: number;
}

/** Relocation types of BPF. */
export const RELOCATION = { ld64: 1, abs64: 2, abs32: 3, noDyld32: 4, call: 10 } as const;

export interface Relocation {
  /** What is relocated. */
  readonly section: Section;
  /** Byte offset in it. */
  readonly offset: number;
  /** One of RELOCATION, or a number that no one knows. */
  readonly type: number;
  readonly symbol: ElfSymbol;
}

export interface ElfFile {
  readonly sections: readonly Section[];
  readonly symbols: readonly ElfSymbol[];
  readonly relocations: readonly Relocation[];
}

const EM_BPF = 247;
const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const SHT_REL = 9;
const SHF_ALLOC = 2;
const SHF_EXECINSTR = 4;
const SYMBOL_BYTES = 24;
const REL_BYTES = 16;
const KINDS: Readonly<Record<number, ElfSymbol['kind']>> = { 1: 'object', 2: 'function', 3: 'section' };

interface Header {
  readonly type: number;
  readonly link: number;
  readonly info: number;
}

/** Throws an Error that says why the bytes are no BPF object. */
export function parseElf(file: Buffer): ElfFile {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46) throw new Error('not an ELF file');
  if (file[4] !== 2 || file[5] !== 1) throw new Error('not a 64-bit little-endian ELF file');
  if (file.readUInt16LE(18) !== EM_BPF) throw new Error(`an ELF file for machine ${file.readUInt16LE(18)}, not for BPF (${EM_BPF})`);
  const at = Number(file.readBigUInt64LE(40));
  const size = file.readUInt16LE(58);
  const raw = Array.from({ length: file.readUInt16LE(60) }, (_, i) => file.subarray(at + i * size, at + (i + 1) * size));
  const namesHeader = raw[file.readUInt16LE(62)];
  if (namesHeader === undefined || raw.some(({ length }) => length < 64)) throw new Error('an ELF file without its section headers');
  const names = contentOf(file, namesHeader);
  const headers: Header[] = raw.map((one) => ({ type: one.readUInt32LE(4), link: one.readUInt32LE(40), info: one.readUInt32LE(44) }));
  const sections: Section[] = raw.map((one, index) => {
    const flags = one.readUInt32LE(8);
    const name = textAt(names, one.readUInt32LE(0));
    return { name, index, content: contentOf(file, one), executable: (flags & SHF_EXECINSTR) !== 0, loaded: (flags & SHF_ALLOC) !== 0 };
  });
  const symbolsAt = headers.findIndex(({ type }) => type === SHT_SYMTAB);
  if (symbolsAt < 0) throw new Error('an ELF file without a symbol table');
  const symbols = readSymbols(sections, symbolsAt, headers[symbolsAt]?.link ?? 0);
  const relocations = headers.flatMap(({ type, info }, index) =>
    type === SHT_REL ? readRelocations(sections[index] as Section, sections[info] as Section, symbols) : [],
  );
  return { sections, symbols, relocations };
}

function contentOf(file: Buffer, header: Buffer): Buffer {
  const size = Number(header.readBigUInt64LE(32));
  if (header.readUInt32LE(4) === SHT_NOBITS) return Buffer.alloc(size);
  const at = Number(header.readBigUInt64LE(24));
  if (at + size > file.length) throw new Error('an ELF file that ends within a section');
  return file.subarray(at, at + size);
}

function readSymbols(sections: readonly Section[], at: number, namesAt: number): ElfSymbol[] {
  const { content } = sections[at] as Section;
  const names = (sections[namesAt] as Section).content;
  return Array.from({ length: content.length / SYMBOL_BYTES }, (_, i) => {
    const one = content.subarray(i * SYMBOL_BYTES, (i + 1) * SYMBOL_BYTES);
    const kind = KINDS[(one[4] as number) & 15] ?? 'other';
    const index = one.readUInt16LE(6);
    const section = index === 0 ? undefined : sections[index];
    const name = kind === 'section' ? (section?.name ?? '') : textAt(names, one.readUInt32LE(0));
    return { name, kind, section, value: Number(one.readBigUInt64LE(8)), size: Number(one.readBigUInt64LE(16)) };
  });
}

function readRelocations(table: Section, section: Section, symbols: readonly ElfSymbol[]): Relocation[] {
  return Array.from({ length: table.content.length / REL_BYTES }, (_, i) => {
    const at = i * REL_BYTES;
    const symbol = symbols[table.content.readUInt32LE(at + 12)];
    if (symbol === undefined) throw new Error(`a relocation of ${section.name} names no symbol`);
    return { section, offset: Number(table.content.readBigUInt64LE(at)), type: table.content.readUInt32LE(at + 8), symbol };
  });
}

function textAt(names: Buffer, at: number): string {
  return names.toString('utf8', at, names.indexOf(0, at));
}
